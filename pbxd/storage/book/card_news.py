"""The feed's events of contacts. A change can take a contact out of some readers' sight, or bring it into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pbxd.book.contacts import Contact
from pbxd.storage.engine.feed import News, about_contact


def card_news(what: str, card: Contact) -> News:
    """Return an event that everybody gets who sees the card."""
    return about_contact(what, card.id, card.visibility, card.owner_id, card.manager_id, card.version)


def change_news(before: Contact, after: Contact) -> Sequence[News]:
    """Return the events of a change.

    After another owner or manager some readers hear that the contact is gone, others that it is new: each event then
    names the other side (`other`) and whether its readers see that too.
    """
    if (before.owner_id, before.manager_id) == (after.owner_id, after.manager_id):
        return [card_news("changed", after)]
    left = card_news("deleted", replace(before, version=after.version))
    return [
        _beside(left, after, seen=False),
        _beside(card_news("changed", after), before, seen=True),
        _beside(card_news("added", after), before, seen=False),
    ]


def _beside(news: News, other: Contact, *, seen: bool) -> News:
    facts = {"owner_id": other.owner_id, "manager_id": other.manager_id, "seen": seen}
    return replace(news, data=news.data | {"other": facts})
