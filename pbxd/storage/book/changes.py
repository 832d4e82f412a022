"""The history of contacts: who changed what, and when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd import rights
from pbxd.actor import Actor
from pbxd.book.contacts import ATTRIBUTES, Contact, ContactNumber
from pbxd.storage.access.employee_ids import people
from pbxd.storage.tables import contact_changes

_FIELDS = tuple(name for name in ATTRIBUTES if name not in {"manager_id", "owner_id"})


@dataclass(frozen=True, slots=True)
class Change:
    """One edit of a contact."""

    version: int  # the one it made
    at: datetime
    actor: str  # the extension at that time; empty: no employee
    fields: dict[str, Any]  # field -> [before, after], in JSON's own types
    actor_id: int | None = None  # the employee
    actor_name: str = ""


async def record(connection: AsyncConnection, edits: Iterable[tuple[Contact, Contact]], actor: Actor) -> None:
    """Record edits, each the card before and after, in the transaction of these edits."""
    now = datetime.now(UTC)
    entries = [_entry(before, after) | {"at": now, **_author(actor)} for before, after in edits]
    if entries:
        await connection.execute(insert(contact_changes), entries)


async def listed(connection: AsyncConnection, contact_id: int, actor: Actor) -> list[Change]:
    """Return the changes of a contact that the actor may see, the oldest first."""
    wanted = (
        select(contact_changes)
        .where(contact_changes.c.contact_id == contact_id)
        .where(contact_changes.c.owner_id.in_(rights.owners_seen(actor)))
        .order_by(contact_changes.c.version)
    )
    rows = (await connection.execute(wanted)).all()
    there = await connection.run_sync(people, {row.actor_id for row in rows})
    return [
        Change(
            row.version,
            row.at,
            row.actor,
            row.fields,
            row.actor_id or None,
            there[row.actor_id].name if row.actor_id in there else "",
        )
        for row in rows
    ]


def _entry(before: Contact, after: Contact) -> dict[str, Any]:
    old, new = _values(before), _values(after)
    names = [name for name in old | new if old.get(name) != new.get(name)]
    shown, now_shown = old | _people(before), new | _people(after)
    fields = {name: [_json(shown.get(name)), _json(now_shown.get(name))] for name in names}
    return {"contact_id": after.id, "version": after.version, "owner_id": before.owner_id, "fields": fields}


def _author(actor: Actor) -> dict[str, Any]:
    return {"actor_id": actor.employee or 0, "actor": actor.extension}


def _values(contact: Contact) -> dict[str, Any]:
    """Return the fields that an edit can change, employees by id; extra ones are JSON values already."""
    values = {name: getattr(contact, name) for name in _FIELDS} | dict(contact.extra)
    return values | {"manager": contact.manager_id, "owner": contact.owner_id}


def _people(contact: Contact) -> dict[str, str]:
    """Return how the history names employees: by extension, a manager without one by name."""
    return {"manager": contact.manager or contact.manager_name, "owner": contact.owner}


def _json(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, tuple):
        return [asdict(each) if isinstance(each, ContactNumber) else each for each in value]
    return value.isoformat() if isinstance(value, date) else value
