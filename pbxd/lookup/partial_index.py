"""The part of the book that concerns a few numbers, read straight from the database: for commands without a daemon."""

from __future__ import annotations

from collections.abc import Iterable

from pbxd.actor import Actor
from pbxd.book.contacts import Contact
from pbxd.book.texts import folded
from pbxd.errors import InvalidInputError, NotFoundError
from pbxd.i18n import _
from pbxd.lookup.matching import Book
from pbxd.storage.book.companies import Companies
from pbxd.storage.book.contacts import Contacts, listed, visible
from pbxd.storage.book.employees import Employees
from pbxd.storage.engine.database import Database, Reading
from pbxd.storage.search.filters import ContactFilter

_SEVERAL_SHOWN = 10  # ids named in a message


async def excerpt(database: Database, numbers: Iterable[str], actor: Actor) -> Book:
    """Return the cards that have one of these numbers (E.164), all companies and all employees.

    Look-ups of those numbers for this actor answer as those of the whole book would.
    """
    contacts = Contacts(database)
    found: dict[int, Contact] = {}
    for number in set(numbers):
        _total, cards = await contacts.list(ContactFilter(number=number), actor=actor)
        found |= {card.id: card for card in cards}
    _total, companies = await Companies(database).list()
    return Book.of(found.values(), companies, await Employees(database).everybody())


async def contact_named(database: Database, text: str, *, actor: Actor) -> Contact:
    """Return what `named_contact` does."""
    return await database.ask(named_contact, text, actor)


def named_contact(connection: Reading, text: str, actor: Actor) -> Contact:
    """Return the contact whose id or whole name the text is, among those the actor sees.

    Raises NotFoundError, or InvalidInputError when several have that name.
    """
    if text.isascii() and text.isdigit():
        return visible(connection, int(text), actor)
    _total, cards = listed(connection, ContactFilter(search=text), actor)
    found = [card for card in cards if folded(card.name) == folded(text)]
    if not found:
        raise NotFoundError(_("there is no contact named {name}").format(name=text))
    if len(found) > 1:
        ids = ", ".join(str(card.id) for card in found[:_SEVERAL_SHOWN])
        raise InvalidInputError(
            "target", _("several contacts are named {name}; take the id: {ids}").format(name=text, ids=ids)
        )
    return found[0]
