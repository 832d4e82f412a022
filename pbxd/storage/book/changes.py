"""The history of contacts: who changed what, and when."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd import rights
from pbxd.actor import Actor
from pbxd.book.contacts import Contact
from pbxd.storage.tables import contact_changes

_COUNTED = {"id", "version", "created_by"}  # no edit sets them


@dataclass(frozen=True, slots=True)
class Change:
    """One edit of a contact."""

    version: int  # the one it made
    at: datetime
    actor: str  # an extension; empty: no employee
    fields: dict[str, Any]  # field -> [before, after], in JSON's own types


async def record(connection: AsyncConnection, before: Contact, after: Contact, actor: Actor) -> None:
    """Keep what an edit changed, within the transaction of that edit."""
    old, new = asdict(before), asdict(after)
    fields = {name: [_plain(old[name]), _plain(new[name])] for name in old if old[name] != new[name]}
    entry = {
        "contact_id": after.id,
        "version": after.version,
        "at": datetime.now(UTC),
        "actor": actor.extension,
        "owner": before.owner,
        "fields": {name: pair for name, pair in fields.items() if name not in _COUNTED},
    }
    await connection.execute(insert(contact_changes), entry)


async def listed(connection: AsyncConnection, contact_id: int, actor: Actor) -> list[Change]:
    """Return the changes of a contact that the actor may know of, the oldest first."""
    wanted = (
        select(contact_changes)
        .where(contact_changes.c.contact_id == contact_id)
        .where(contact_changes.c.owner.in_(rights.owners_seen(actor)))
        .order_by(contact_changes.c.version)
    )
    return [Change(row.version, row.at, row.actor, row.fields) for row in await connection.execute(wanted)]


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value
