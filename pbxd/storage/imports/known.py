"""Which contacts of the book the rows of a file may be about: by number, by e-mail, by the id in our own exports."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.actor import Actor
from pbxd.book.contacts import Contact
from pbxd.storage.access.employee_ids import known as known_actor
from pbxd.storage.book.cards import cards
from pbxd.storage.engine.database import Database, in_parts, possible
from pbxd.storage.search.filters import seen_by
from pbxd.storage.tables import contact_emails, contact_numbers, contacts


class NumberKey(NamedTuple):
    """What tells contacts with numbers apart: a number with its extension, and the folded name."""

    number: str  # E.164
    extension: str
    name: str


class EmailKey(NamedTuple):
    """What tells contacts without numbers apart: an e-mail and a name, both folded."""

    email: str
    name: str


@dataclass(frozen=True, slots=True)
class Sought:
    """What some rows say. Names are folded, and so are e-mails."""

    numbers: Collection[str]
    emails: Collection[str]
    names: Collection[str]
    ids: Collection[int]


@dataclass(frozen=True, slots=True)
class Known:
    """The contacts that the actor sees and that the rows may be about.

    By a key the one comes first whose main number it is, then the oldest.
    """

    by_number: Mapping[NumberKey, list[int]] = field(default_factory=dict)
    by_email: Mapping[EmailKey, list[int]] = field(default_factory=dict)
    without_numbers: Collection[int] = frozenset()  # of those by e-mail
    created: Mapping[int, datetime] = field(default_factory=dict)  # of those by id
    cards: Mapping[int, Contact] = field(default_factory=dict)  # of all of them, if they are wanted


async def known(database: Database, sought: Sought, actor: Actor, *, whole: bool) -> Known:
    """Return which contacts the rows may be about; `whole`: with their cards."""
    async with database.reading() as connection:
        actor = await connection.run_sync(known_actor, actor)
        by_number = await _by_number(connection, sought, actor)
        by_email, without = await _by_email(connection, sought, actor)
        created = await _created(connection, sought.ids, actor)
        ids = {key for keys in (*by_number.values(), *by_email.values()) for key in keys} | created.keys()
        found = await cards(connection, ids) if whole else []
    return Known(by_number, by_email, without, created, {card.id: card for card in found})


async def _by_number(connection: AsyncConnection, sought: Sought, actor: Actor) -> dict[NumberKey, list[int]]:
    columns = (contact_numbers.c.number, contact_numbers.c.extension, contacts.c.folded, contacts.c.id)
    wanted = select(*columns).select_from(contact_numbers.join(contacts, contacts.c.id == contact_numbers.c.contact_id))
    # Otherwise SQLite reads all contacts with the name, or all that the actor sees.
    wanted = wanted.where(seen_by(actor)).with_hint(contacts, "NOT INDEXED", "sqlite")
    wanted = wanted.order_by(contact_numbers.c.main.desc(), contacts.c.id)
    found: defaultdict[NumberKey, list[int]] = defaultdict(list)
    for part in in_parts(sought.numbers):
        matching = contact_numbers.c.number.in_(part), contacts.c.folded.in_(sought.names)
        for number, extension, name, key in await connection.execute(wanted.where(*matching)):
            found[NumberKey(number, extension, name)].append(key)
    return found


async def _by_email(
    connection: AsyncConnection, sought: Sought, actor: Actor
) -> tuple[dict[EmailKey, list[int]], set[int]]:
    columns = (contact_emails.c.folded, contacts.c.folded, contacts.c.id, contacts.c.main_number)
    wanted = select(*columns).select_from(contact_emails.join(contacts, contacts.c.id == contact_emails.c.contact_id))
    wanted = wanted.where(seen_by(actor)).with_hint(contacts, "NOT INDEXED", "sqlite")
    found: defaultdict[EmailKey, list[int]] = defaultdict(list)
    without: set[int] = set()
    for part in in_parts(sought.emails):
        matching = contact_emails.c.folded.in_(part), contacts.c.folded.in_(sought.names)
        for email, name, key, main_number in await connection.execute(wanted.where(*matching).order_by(contacts.c.id)):
            found[EmailKey(email, name)].append(key)
            if not main_number:
                without.add(key)
    return found, without


async def _created(connection: AsyncConnection, ids: Collection[int], actor: Actor) -> dict[int, datetime]:
    found: dict[int, datetime] = {}
    for part in in_parts(possible(ids)):
        wanted = select(contacts.c.id, contacts.c.created).where(contacts.c.id.in_(part), seen_by(actor))
        found |= {row.id: row.created for row in await connection.execute(wanted)}
    return found
