"""Other contacts with the same number or e-mail (S2.9), as far as the actor sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.actor import Actor
from pbxd.book.contacts import Contact
from pbxd.book.texts import folded
from pbxd.storage.book.cards import cards
from pbxd.storage.search.filters import seen_by
from pbxd.storage.tables import contact_emails, contact_numbers, contacts

MOST_SHOWN = 20  # contacts shown for one duplicate; the total counts all


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A number or e-mail that other contacts have too, their number, and the first of them."""

    field: Literal["number", "email"]
    value: str
    total: int
    contacts: tuple[Contact, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the public form."""
        others = [{"id": other.id, "name": other.name, "company": other.company} for other in self.contacts]
        return {"field": self.field, "value": self.value, "total": self.total, "contacts": others}


async def duplicates_of(connection: AsyncConnection, contact: Contact, actor: Actor) -> list[Duplicate]:
    """Return the duplicates of a contact in the order of its numbers and e-mails."""
    numbers = list(dict.fromkeys(number.number for number in contact.numbers))
    return await sharing(connection, numbers, contact.emails, contact.id, actor)


async def sharing(
    connection: AsyncConnection, numbers: Sequence[str], emails: Sequence[str], own: int, actor: Actor
) -> list[Duplicate]:
    """Return which of these numbers (E.164) and e-mails contacts other than `own` have."""
    found: list[Duplicate] = []
    for number in numbers:
        having = select(contact_numbers.c.contact_id).where(contact_numbers.c.number == number)
        found += await _others(connection, "number", number, contacts.c.id.in_(having), own, actor)
    for email in emails:
        having = select(contact_emails.c.contact_id).where(contact_emails.c.folded == folded(email))
        found += await _others(connection, "email", email, contacts.c.id.in_(having), own, actor)
    return found


async def _others(
    connection: AsyncConnection,
    field: Literal["number", "email"],
    value: str,
    having: ColumnElement[bool],
    own: int,
    actor: Actor,
) -> list[Duplicate]:
    wanted = select(contacts.c.id).where(having, contacts.c.id != own, seen_by(actor))
    total = (await connection.execute(select(func.count()).select_from(wanted.subquery()))).scalar_one()
    if not total:
        return []
    ids = (await connection.execute(wanted.order_by(contacts.c.id).limit(MOST_SHOWN))).scalars().all()
    return [Duplicate(field, value, total, tuple(await cards(connection, ids)))]
