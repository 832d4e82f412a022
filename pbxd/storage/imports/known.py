"""Which contacts of the book the rows of a file may be about: by number, by e-mail, by the id in our own exports."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Text, bindparam, func, select

from pbxd.actor import Actor
from pbxd.book.contacts import Contact
from pbxd.storage.access.employee_ids import known as known_actor
from pbxd.storage.book.cards import read_cards
from pbxd.storage.engine.database import Database, in_parts, possible
from pbxd.storage.search.filters import SEEN, seen_by, seen_values
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


_LISTS = ("numbers", "emails", "names")
# One parameter a list on SQLite: SQLAlchemy needs longer to name a thousand than SQLite to look for them.
_LISTED: dict[str, dict[str, Any]] = {
    "sqlite": {
        name: select(func.json_each(bindparam(name, type_=Text)).table_valued("value").c.value) for name in _LISTS
    },
    "postgresql": {name: bindparam(name, expanding=True) for name in _LISTS},
}
# Otherwise SQLite reads all contacts with the name, or all that the actor sees.
_HINT = (contacts, "NOT INDEXED", "sqlite")
# Statements built once: building one takes longer than SQLite needs to run it.
_BY_NUMBER = {
    dialect: select(contact_numbers.c.number, contact_numbers.c.extension, contacts.c.folded, contacts.c.id)
    .select_from(contact_numbers.join(contacts, contacts.c.id == contact_numbers.c.contact_id))
    .where(SEEN, contact_numbers.c.number.in_(listed["numbers"]), contacts.c.folded.in_(listed["names"]))
    .with_hint(*_HINT)
    .order_by(contact_numbers.c.main.desc(), contacts.c.id)
    for dialect, listed in _LISTED.items()
}
_BY_EMAIL = {
    dialect: select(contact_emails.c.folded, contacts.c.folded, contacts.c.id, contacts.c.main_number)
    .select_from(contact_emails.join(contacts, contacts.c.id == contact_emails.c.contact_id))
    .where(SEEN, contact_emails.c.folded.in_(listed["emails"]), contacts.c.folded.in_(listed["names"]))
    .with_hint(*_HINT)
    .order_by(contacts.c.id)
    for dialect, listed in _LISTED.items()
}


async def known(database: Database, sought: Sought, actor: Actor, *, whole: bool) -> Known:
    """Return which contacts the rows may be about; `whole`: with their cards."""
    return await database.ask(_known, sought, actor, whole)


def _known(connection: Connection, sought: Sought, actor: Actor, whole: bool) -> Known:  # noqa: FBT001 - `ask` takes no names
    actor = known_actor(connection, actor)
    by_number = _by_number(connection, sought, actor)
    by_email, without = _by_email(connection, sought, actor)
    created = _created(connection, sought.ids, actor)
    ids = {key for keys in (*by_number.values(), *by_email.values()) for key in keys} | created.keys()
    found = read_cards(connection, ids) if whole else []
    return Known(by_number, by_email, without, created, {card.id: card for card in found})


def _by_number(connection: Connection, sought: Sought, actor: Actor) -> dict[NumberKey, list[int]]:
    found: defaultdict[NumberKey, list[int]] = defaultdict(list)
    wanted = _BY_NUMBER[connection.dialect.name]
    for part in in_parts(sought.numbers):
        asked = _asked(connection, numbers=part, names=sought.names) | seen_values(actor)
        for number, extension, name, key in connection.execute(wanted, asked):
            found[NumberKey(number, extension, name)].append(key)
    return found


def _by_email(connection: Connection, sought: Sought, actor: Actor) -> tuple[dict[EmailKey, list[int]], set[int]]:
    found: defaultdict[EmailKey, list[int]] = defaultdict(list)
    without: set[int] = set()
    wanted = _BY_EMAIL[connection.dialect.name]
    for part in in_parts(sought.emails):
        asked = _asked(connection, emails=part, names=sought.names) | seen_values(actor)
        for email, name, key, main_number in connection.execute(wanted, asked):
            found[EmailKey(email, name)].append(key)
            if not main_number:
                without.add(key)
    return found, without


def _created(connection: Connection, ids: Collection[int], actor: Actor) -> dict[int, datetime]:
    found: dict[int, datetime] = {}
    for part in in_parts(possible(ids)):
        wanted = select(contacts.c.id, contacts.c.created).where(contacts.c.id.in_(part), seen_by(actor))
        found |= {row.id: row.created for row in connection.execute(wanted)}
    return found


def _asked(connection: Connection, **lists: Collection[str]) -> dict[str, Any]:
    """Return the values of a statement's lists."""
    write = json.dumps if connection.dialect.name == "sqlite" else list
    return {name: write(list(values)) for name, values in lists.items()}
