"""Employees by id and by extension: whom an extension means now, and which extension somebody has now.

An extension that nobody has may be named all the same, as a contact's manager or owner or as who acts. Such an employee
is made on the spot: known by extension only (`listed` is false), in no list, and taken over by the first name that the
PBX or a file gives the extension.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.actor import Actor
from pbxd.book.contacts import ContactChanges, ContactDraft
from pbxd.book.texts import checked_extension
from pbxd.errors import ConflictError
from pbxd.i18n import _
from pbxd.storage.access.colleagues import with_managers
from pbxd.storage.engine.database import in_parts
from pbxd.storage.engine.feed import News, tell
from pbxd.storage.tables import employees, extension_ownership

UNKNOWN: dict[str, Any] = {
    **dict.fromkeys(("name", "mobile", "did", "email", "department", "queues", "pbx_name"), ""),
    "active": True, "on_pbx": False, "listed": False,
}  # fmt: skip


class Person(NamedTuple):
    """An employee as cards name them."""

    extension: str  # empty: none any more
    name: str


_IDS = select(employees.c.extension, employees.c.id).where(
    employees.c.extension.in_(bindparam("wanted", expanding=True))
)
_PEOPLE = select(employees.c.id, employees.c.extension, employees.c.name, employees.c.pbx_name).where(
    employees.c.id.in_(bindparam("wanted", expanding=True))
)


def ids_of(connection: Connection, extensions: Collection[str]) -> dict[str, int]:
    """Return who has these extensions now, by extension."""
    return {
        row.extension: row.id
        for part in in_parts({each for each in extensions if each})
        for row in connection.execute(_IDS, {"wanted": part})
    }


def people(connection: Connection, ids: Iterable[int]) -> dict[int, Person]:
    """Return these employees by id; 0 is nobody."""
    return {
        row.id: Person(row.extension or "", row.name or row.pbx_name)
        for part in in_parts({each for each in ids if each})
        for row in connection.execute(_PEOPLE, {"wanted": part})
    }


def known(connection: Connection, actor: Actor) -> Actor:
    """Return the actor with the id of its employee, if there is one, and with whose contacts they see."""
    if actor.employee is None and actor.extension:
        actor = actor.known_as(ids_of(connection, [actor.extension]).get(actor.extension))
    return with_managers(connection, actor)


async def known_author(connection: AsyncConnection, actor: Actor) -> Actor:
    """Return the actor with the id of its employee, who is made if nobody has the extension. For those who write."""
    if actor.employee is not None or not actor.extension:
        return actor
    checked_extension("as", actor.extension)
    return actor.known_as((await made_ids(connection, [actor.extension]))[actor.extension])


async def made_ids(connection: AsyncConnection, extensions: Collection[str]) -> dict[str, int]:
    """Return who has these extensions now; whom nobody has is given to employees made on the spot."""
    found = await connection.run_sync(ids_of, extensions)
    missing = sorted({each for each in extensions if each} - found.keys())
    if missing:
        rows = [UNKNOWN | {"extension": extension} for extension in missing]
        made = await connection.execute(insert(employees).returning(employees.c.extension, employees.c.id), rows)
        new = {row.extension: row.id for row in made}
        now = datetime.now(UTC)
        await note_owners(connection, [(extension, key, "") for extension, key in new.items()], now)
        await tell(connection, [employee_changed(extension, key) for extension, key in new.items()])
        found |= new
    return found


async def with_ids(connection: AsyncConnection, drafts: Sequence[ContactDraft]) -> list[ContactDraft]:
    """Return the drafts with the employees that they name by extension, and with the extensions these have now.

    A draft that has an id already keeps it, whatever the extension says. Raises InvalidInputError for no extension,
    ConflictError for an id that `employees same` took away meanwhile.
    """
    named = {
        checked_extension(field, extension)
        for draft in drafts
        for field, extension, key in (
            ("manager", draft.manager, draft.manager_id),
            ("owner", draft.owner, draft.owner_id),
        )
        if not key
    }
    ids = await made_ids(connection, named)
    found = [
        (draft, draft.manager_id or ids.get(draft.manager, 0), draft.owner_id or ids.get(draft.owner, 0))
        for draft in drafts
    ]
    wanted = {key for _draft, *keys in found for key in keys if key}
    there = await connection.run_sync(people, wanted)
    if wanted - there.keys():
        raise ConflictError(_("the employee whose contacts these are was joined with another one meanwhile; try again"))
    return [
        replace(
            draft,
            manager_id=manager,
            owner_id=owner,
            manager=there[manager].extension if manager else "",
            owner=there[owner].extension if owner else "",
        )
        for draft, manager, owner in found
    ]


async def changes_with_ids(connection: AsyncConnection, changes: Sequence[ContactChanges]) -> list[ContactChanges]:
    """Return changes that name employees by their ids instead of by extension. An id that is there already counts."""
    named = {
        change.get(field, "") for change in changes for field in ("manager", "owner") if f"{field}_id" not in change
    }
    ids = await made_ids(connection, {str(extension) for extension in named})
    found: list[ContactChanges] = []
    for change in changes:
        kept = change.copy()
        if "manager" in kept:
            extension = kept.pop("manager")
            kept["manager_id"] = kept.get("manager_id") or ids.get(extension, 0)
        if "owner" in kept:
            extension = kept.pop("owner")
            kept["owner_id"] = kept.get("owner_id") or ids.get(extension, 0)
        found.append(kept)
    return found


async def note_owners(connection: AsyncConnection, owners: Sequence[tuple[str, int, str]], now: datetime) -> None:
    """Note that employees (by id) have these extensions from now on, under these names."""
    rows = [{"extension": extension, "employee_id": key, "name": name, "since": now} for extension, key, name in owners]
    if rows:
        await connection.execute(insert(extension_ownership), rows)


def employee_changed(extension: str, employee_id: int) -> News:
    """Tell of an employee."""
    return News("employee.changed", extension, {"employee": employee_id})
