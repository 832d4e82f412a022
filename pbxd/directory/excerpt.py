"""The part of the book that concerns a few numbers, read straight from the database: for commands without a daemon."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pbxd.book import Contact, folded
from pbxd.directory.matching import Book, Match
from pbxd.errors import InvalidInputError, NotFoundError
from pbxd.i18n import _
from pbxd.numbers import NumberRules, parse
from pbxd.storage.calls import CallFilter
from pbxd.storage.companies import Companies
from pbxd.storage.contacts import Contacts
from pbxd.storage.database import Database
from pbxd.storage.employees import Employees
from pbxd.storage.finding import ContactFilter

_SEVERAL_SHOWN = 10  # ids named in a message


async def excerpt(database: Database, numbers: Iterable[str], *, viewer: str = "") -> Book:
    """Return the cards that have one of these numbers (E.164), all companies and all employees.

    Look-ups of those numbers answer as those of the whole book would. `viewer`: whose personal contacts are read too.
    """
    contacts = Contacts(database)
    found: dict[int, Contact] = {}
    for number in set(numbers):
        _total, cards = await contacts.list(ContactFilter(number=number), actor=viewer)
        found |= {card.id: card for card in cards}
    _total, companies = await Companies(database).list()
    return Book.of(found.values(), companies, await Employees(database).list())


async def contact_named(database: Database, text: str, *, actor: str = "") -> Contact:
    """Return the contact whose id or whole name the text is, among those the actor sees.

    Raises NotFoundError, or InvalidInputError when several have that name.
    """
    contacts = Contacts(database)
    if text.isascii() and text.isdigit():
        return await contacts.get(int(text), actor=actor)
    _total, cards = await contacts.list(ContactFilter(search=text), actor=actor)
    found = [card for card in cards if folded(card.name) == folded(text)]
    if not found:
        raise NotFoundError(_("there is no contact named {name}").format(name=text))
    if len(found) > 1:
        ids = ", ".join(str(card.id) for card in found[:_SEVERAL_SHOWN])
        raise InvalidInputError(
            "target", _("several contacts are named {name}; take the id: {ids}").format(name=text, ids=ids)
        )
    return found[0]


async def calls_of(database: Database, text: str, rules: NumberRules) -> CallFilter:
    """Return the filter for the calls of a client: by a number, or by a contact's id or whole name. Raises like it."""
    parsed = parse(text, rules)
    if parsed.kind == "e164":
        return CallFilter(number=parsed.value)
    contact = await contact_named(database, text)
    return CallFilter(contact=contact.id, numbers=tuple(number.number for number in contact.numbers))


def name_calls(calls: Iterable[dict[str, Any]], lookup: Callable[[str], Match]) -> None:
    """Give the nameless parties of calls (in their public form) the names today's book has for their numbers.

    A party named at the time of the call keeps that name.
    """
    for call in calls:
        for party in (call["caller"], call["callee"]):
            if party["name"] or not party["number"]:
                continue
            match = lookup(party["number"])
            if match.name and (party["extension"] or not match.by_extension):
                party |= {"name": match.name, "company": match.company or None, "contact": match.contact}


def nameless_numbers(calls: Iterable[dict[str, Any]]) -> set[str]:
    """Return the numbers `name_calls` would look up."""
    parties = (party for call in calls for party in (call["caller"], call["callee"]))
    return {party["number"] for party in parties if party["number"] and not party["name"]}
