"""Read the part of the book for a few numbers directly from the database, for commands without a daemon."""

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

_SEVERAL_SHOWN = 10  # ids that a message names


async def excerpt(database: Database, numbers: Iterable[str], actor: Actor) -> Book:
    """Return the cards that have one of these numbers (E.164), and all employees: only hundreds of them.

    A look-up of these numbers for this actor gives the same answer as with the whole book.
    """
    contacts = Contacts(database)
    wanted = set(numbers)
    found: dict[int, Contact] = {}
    for number in wanted:
        _total, cards = await contacts.list(ContactFilter(number=number), actor=actor)
        found |= {card.id: card for card in cards}
    companies = await Companies(database).having(wanted)
    return Book.of(found.values(), companies, await Employees(database).everybody())


async def contact_named(database: Database, text: str, *, actor: Actor) -> Contact:
    """Call `named_contact` in a transaction."""
    return await database.ask(named_contact, text, actor)


def named_contact(connection: Reading, text: str, actor: Actor) -> Contact:
    """Return the contact with this id or full name, among those that the actor sees.

    Raises NotFoundError, or InvalidInputError if several have that name.
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
