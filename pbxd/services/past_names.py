"""Names for the calls of the past: who had the number when the call came, by their present name. No I/O.

If nobody had the number then, use its first later owner that still exists: saving a contact names the earlier calls
(S2.2).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from pbxd.actor import DAEMON, Actor
from pbxd.book.contacts import Contact, ContactNumber
from pbxd.lookup.matching import Book, Match
from pbxd.numbers import NumberRules, parse
from pbxd.rights import SHARED
from pbxd.storage.book.extension_ownership import Ownership
from pbxd.storage.book.number_ownership import Holding, Past
from pbxd.storage.calls.call_filter import Span

Call = dict[str, Any]
Party = dict[str, Any]
_INSTANT = timedelta(microseconds=1)
_ANOTHER = (ContactNumber("+10", main=True),)  # a main number that is some other one


def holders_at(holdings: Sequence[Holding], at: datetime) -> list[Holding]:
    """Return who had a number then, also contacts that are gone.

    If nobody had the number then, use its first later owner that still exists.
    """
    then = [each for each in holdings if each.since <= at and (each.until is None or at < each.until)]
    if then:
        return then
    later = [each for each in holdings if each.since > at and each.name is not None]
    first = min((each.since for each in later), default=None)
    return [each for each in later if each.since == first]


def spans_of(number: str, holdings: Sequence[Holding], contacts: Collection[int]) -> list[Span]:
    """Return the times in which calls with this number belong to these contacts, by `holders_at`."""
    turns = sorted({each.since for each in holdings} | {each.until for each in holdings if each.until})
    spans: list[Span] = []
    starts: list[datetime | None] = [None, *turns]
    for start, end in zip(starts, [*turns, None], strict=True):
        at = start or turns[0] - _INSTANT if turns else None
        if at is None or not any(each.contact in contacts for each in holders_at(holdings, at)):
            continue
        if spans and spans[-1].until == start:
            spans[-1] = spans[-1]._replace(until=end)
        else:
            spans.append(Span(number, start, end))
    return spans


def numbers_in(calls: Iterable[Call]) -> set[str]:
    """Return the outside numbers in these calls, whose past names are needed."""
    parties = (party for call in calls for party in (call["caller"], call["callee"]))
    return {party["number"] for party in parties if party["number"] and not party["extension"]}


def extensions_in(calls: Iterable[Call]) -> set[str]:
    """Return the extensions in these calls."""
    parties = (party for call in calls for party in (call["caller"], call["callee"]))
    return {party["extension"] for party in parties if party["extension"]}


def contacts_in(calls: Iterable[Call]) -> set[int]:
    """Return the contacts that were found when these calls came."""
    parties = (party for call in calls for party in (call["caller"], call["callee"]))
    return {party["contact"] for party in parties if party["contact"] is not None}


def name_calls(calls: Iterable[Call], past: Past, rules: NumberRules, actor: Actor) -> None:
    """Put the names beside the numbers of calls in their public form, and what was shown then as `shown_name`."""
    rest = Book.of((), past.firms, past.people)
    known: dict[tuple[str, tuple[int, ...]], Match | None] = {}
    for call in calls:
        at = datetime.fromisoformat(call["started"])
        for party in (call["caller"], call["callee"]):
            _hide(party, past)
            party["shown_name"] = party["name"]
            if party["extension"]:
                party["name"] = owner_name(past.extensions.get(party["extension"], ()), at) or party["name"]
            elif party["number"]:
                holders = [each for each in holders_at(past.holdings.get(party["number"], ()), at) if each.name]
                key = party["number"], tuple(each.contact for each in holders)
                if key not in known:
                    known[key] = _held(party["number"], holders, rules, actor)
                _name(party, past, known[key], rest, rules)


def owner_name(owners: Sequence[Ownership], at: datetime) -> str:
    """Return the present name of the employee who had an extension then; if nobody had it yet, of the first one."""
    then = [each for each in owners if each.since <= at and (each.until is None or at < each.until)]
    later = [each for each in owners if each.since > at]
    return next((each.name for each in (*reversed(then), *later)), "")


def _hide(party: Party, past: Past) -> None:
    """Remove what the actor may not see: the card was shared then, and is personal now or another manager's.

    A name without a contact can be that of one of several cards. Of those with a manager nobody knows which.
    """
    card = past.cards.get(party["contact"] or 0)
    if card is None and not party["contact"] and not party["extension"]:
        hidden = past.hidden.get(party["number"] or "", ())
        secret = any(each.owner == SHARED or each.name == party["name"] for each in hidden)
    else:
        secret = card is not None and not card.seen
    if secret:
        party |= {"name": None, "company": None, "contact": None}


def _name(party: Party, past: Past, match: Match | None, rest: Book, rules: NumberRules) -> None:
    card = past.cards.get(party["contact"] or 0)
    if match is None and card:
        party |= {"name": card.name, "company": card.company or None}
    elif match is None and not party["name"]:
        found = rest.lookup(parse(party["number"], rules), DAEMON)
        match = None if found.by_extension or not found.name else found
    if match:
        party |= {"name": match.name, "company": match.company or None, "contact": match.contact}


def _held(number: str, holders: Sequence[Holding], rules: NumberRules, actor: Actor) -> Match | None:
    """Return what a look-up would say if just these had the number."""
    cards = {
        each.contact: Contact(
            each.contact,
            each.name or "",
            each.company,
            numbers=(*(() if each.main else _ANOTHER), ContactNumber(number, main=each.main)),
            visibility="personal" if each.owner else "shared",
            owner_id=each.owner,
        )
        for each in holders
    }
    return Book.of(cards.values(), (), ()).lookup(parse(number, rules), actor) if cards else None
