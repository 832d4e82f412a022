"""Who had which extension when, and under which name: noted wherever it changes, corrected by administrators.

When an extension passes to somebody else, the employee before loses it and keeps everything else: personal contacts,
favourites, clients, authorship. Tokens of theirs open nothing any more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, Text, cast, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import Update

from pbxd.book.employee_names import says_as_much
from pbxd.book.employees import Employee
from pbxd.book.texts import checked_name
from pbxd.errors import ConflictError
from pbxd.i18n import _
from pbxd.storage.access.employee_ids import UNKNOWN, employee_changed, note_owners
from pbxd.storage.access.users import end_sessions_of_employees, join_users
from pbxd.storage.engine.database import in_parts
from pbxd.storage.engine.feed import about_contact, tell
from pbxd.storage.search.search_text import manager_mark
from pbxd.storage.search.visibility import shown
from pbxd.storage.tables import (
    contact_changes,
    contacts,
    employees,
    extension_ownership,
    favourites,
    import_changes,
    imports,
    tokens,
)

_ID_FIELDS = ("manager_id", "owner_id")  # of what imports keep of a card


@dataclass(frozen=True, slots=True)
class Passed:
    """An extension passed to another person, or to another name of the same one."""

    extension: str
    at: datetime
    before: str  # the name
    after: str
    another: bool  # person; else the same one under a new name


@dataclass(frozen=True, slots=True)
class Joining:
    """Who has an extension, and who had it before, if both are to become one person."""

    now: Employee
    before: Mapping[str, Any]  # a row of `employees`
    personal_now: int  # how many personal contacts each has
    personal_before: int

    @property
    def former_name(self) -> str:
        """The name of the one before."""
        return _name(self.before)


@dataclass(frozen=True, slots=True)
class Ownership:
    """An employee had an extension from an instant on until before another (None: has it still)."""

    extension: str
    employee: int
    since: datetime
    until: datetime | None
    name: str  # the present one


async def former_owners(connection: AsyncConnection, extensions: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return who last had each extension before the one who has it now, as rows of `employees`."""
    found: dict[str, dict[str, Any]] = {}
    joined = extension_ownership.join(employees, employees.c.id == extension_ownership.c.employee_id)
    lost = employees.c.extension.is_distinct_from(extension_ownership.c.extension)
    for part in in_parts(extensions):
        wanted = (
            select(employees, extension_ownership.c.extension.label("had"))
            .select_from(joined)
            .where(extension_ownership.c.extension.in_(part), lost)
            .order_by(extension_ownership.c.since, extension_ownership.c.id)
        )
        found |= {row["had"]: dict(row) for row in (await connection.execute(wanted)).mappings()}
    return found


async def take_away(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Take the extensions from employees, given as rows; their sessions end."""
    await end_sessions_of_employees(connection, [row["id"] for row in rows])
    for row in rows:
        values = {"extension": None, "active": False, "queues": "", "on_pbx": False}
        await connection.execute(update(employees).where(employees.c.id == row["id"]).values(values))
        await _sort_clients(connection, row["id"], "")


async def note(
    connection: AsyncConnection, before: Mapping[str, Mapping[str, Any]], rows: Iterable[Mapping[str, Any]]
) -> list[Passed]:
    """Note what became of extensions, by the rows of `employees` before and after; return which of them passed."""
    now = datetime.now(UTC)
    begun: list[tuple[str, int, str]] = []
    passed: list[Passed] = []
    for row in rows:
        extension, name = row["extension"], _name(row)
        known = before.get(extension)
        former = _name(known) if known else ""
        another = known is not None and known["id"] != row["id"]
        renamed = not another and not says_as_much(former, name)
        if known and (another or renamed):
            passed.append(Passed(extension, now, former, name, another))
        if known is None or another or renamed:
            begun.append((extension, row["id"], name))
        elif name != former:
            await connection.execute(_open_row(extension).values(name=name))
    for part in in_parts([extension for extension, _key, _new in begun]):
        still = (extension_ownership.c.extension.in_(part), extension_ownership.c.until.is_(None))
        await connection.execute(update(extension_ownership).where(*still).values(until=now))
    await note_owners(connection, begun, now)
    return passed


def passed_since(connection: Connection, since: datetime) -> list[Passed]:
    """Return which extensions passed since then, the oldest first."""
    recent = select(extension_ownership.c.extension).where(extension_ownership.c.since >= since)
    wanted = select(extension_ownership).where(extension_ownership.c.extension.in_(recent))
    rows = connection.execute(wanted.order_by(extension_ownership.c.since, extension_ownership.c.id)).all()
    last: dict[str, Row[Any]] = {}
    found: list[Passed] = []
    for row in rows:
        former = last.get(row.extension)
        if former is not None and row.since >= since:
            another = former.employee_id != row.employee_id
            found.append(Passed(row.extension, row.since, former.name, row.name, another))
        last[row.extension] = row
    return found


def owners(connection: Connection, extensions: Collection[str]) -> dict[str, list[Ownership]]:
    """Return who had these extensions when, by extension, the first first; without those who have no name."""
    found: defaultdict[str, list[Ownership]] = defaultdict(list)
    joined = extension_ownership.join(employees, employees.c.id == extension_ownership.c.employee_id)
    names = (employees.c.name.label("listed_name"), employees.c.pbx_name)
    for part in in_parts(extensions):
        wanted = select(extension_ownership, *names).select_from(joined)
        wanted = wanted.where(extension_ownership.c.extension.in_(part)).order_by(extension_ownership.c.since)
        for row in connection.execute(wanted):
            name = row.listed_name or row.pbx_name
            if name:
                found[row.extension].append(Ownership(row.extension, row.employee_id, row.since, row.until, name))
    return found


async def split(connection: AsyncConnection, now: Employee, name: str) -> Passed:
    """Give an extension to a new employee; the one who has it keeps the name before the last renaming, and the rest."""
    rows = [row for row in await _rows(connection, now.extension) if row.employee_id == now.id]
    renamed = len(rows) > 1
    if not renamed and not name:
        message = _("{extension}: {name} was never renamed; say who has the extension now, with --name")
        raise ConflictError(message.format(extension=now.extension, name=now.name))
    former = rows[-2].name if renamed and not name else now.name
    called = checked_name("name", name or now.name)
    kept = (await connection.execute(select(employees).where(employees.c.id == now.id))).mappings().one()
    await take_away(connection, [dict(kept)])
    if former != now.name:
        own = update(employees).where(employees.c.id == now.id)
        await connection.execute(own.values(name=former, pbx_name=""))
    device = {column: kept[column] for column in ("extension", "queues", "on_pbx", "active", "pbx_name")}
    column = "name" if name or kept["name"] else "pbx_name"
    values = UNKNOWN | device | {"listed": True, column: called}
    made = await connection.execute(insert(employees).values(values).returning(employees.c.id))
    new = int(made.scalar_one())
    since = rows[-1].since if renamed and not name else datetime.now(UTC)
    if renamed and not name:  # from the renaming on it was the new one
        own_row = update(extension_ownership).where(extension_ownership.c.id == rows[-1].id)
        await connection.execute(own_row.values(employee_id=new))
    else:
        await connection.execute(_open_row(now.extension).values(until=since))
        await note_owners(connection, [(now.extension, new, called)], since)
    await tell(connection, [employee_changed(now.extension, new)])
    return Passed(now.extension, since, former, called, another=True)


async def to_join(connection: AsyncConnection, now: Employee, former: int = 0) -> Joining:
    """Return who would become one person with the one who has an extension: the one before, or the one with this id.

    Raises ConflictError if nobody can, or if several had the extension and none is named.
    """
    earlier = list(dict.fromkeys(row.employee_id for row in await _rows(connection, now.extension)))
    wanted = select(employees).where(employees.c.id.in_(earlier), employees.c.id != now.id)
    known = {row["id"]: dict(row) for row in (await connection.execute(wanted)).mappings()}
    if not known:
        message = _("{extension}: nobody had this extension before {name}")
        raise ConflictError(message.format(extension=now.extension, name=now.name))
    if former not in known and (former or len(known) > 1):
        message = _("{extension}: these had the extension before: {names}; say which of them it is: {command}")
        names = ", ".join(f"{key}: {_name(known[key])}" for key in earlier if key in known)
        command = f"pbxd employees same {now.extension} ID"
        raise ConflictError(message.format(extension=now.extension, names=names, command=command))
    before = known[former or next(iter(known))]
    if before["extension"]:
        message = _("{extension}: {name}, who had it before, has the extension {other} now")
        shown_names = {"name": _name(before), "other": before["extension"]}
        raise ConflictError(message.format(extension=now.extension, **shown_names))
    return Joining(now, before, await _personal(connection, now.id), await _personal(connection, before["id"]))


async def undo_passing(connection: AsyncConnection, now: Employee, former_id: int = 0) -> Passed:
    """Join who has an extension and one who had it before: one person, with the things of both."""
    rows = await _rows(connection, now.extension)
    before = (await to_join(connection, now, former_id)).before
    former = int(before["id"])
    present = (await connection.execute(select(employees).where(employees.c.id == now.id))).mappings().one()
    known = {now.id: dict(present), former: before}
    began = next(row.since for row in rows if row.employee_id == now.id)
    await _move_everything(connection, now.id, former)
    await connection.execute(delete(employees).where(employees.c.id == now.id))
    values = {name: known[now.id][name] or known[former][name] for name in known[now.id] if name != "id"}
    await connection.execute(update(employees).where(employees.c.id == former).values(values))
    await _sort_clients(connection, former, now.extension)
    await tell(connection, [employee_changed(now.extension, former)])
    return Passed(now.extension, began, _name(known[former]), now.name, another=False)


async def _move_everything(connection: AsyncConnection, old: int, new: int) -> None:
    """Give what belongs to one employee to another."""
    theirs = or_(contacts.c.manager_id == old, contacts.c.owner_id == old, contacts.c.created_by_id == old)
    changed = (await connection.execute(select(contacts.c.id).where(theirs))).scalars().all()
    await connection.execute(
        update(contacts)
        .where(contacts.c.manager_id == old)
        .values(search=func.replace(contacts.c.search, manager_mark(old), manager_mark(new)))
    )
    twice = select(favourites.c.contact_id).where(favourites.c.employee_id == new)
    both = favourites.c.contact_id.in_(twice)
    await connection.execute(delete(favourites).where(favourites.c.employee_id == old, both))
    for column in (
        contacts.c.manager_id, contacts.c.owner_id, contacts.c.created_by_id, contact_changes.c.actor_id,
        contact_changes.c.owner_id, favourites.c.employee_id, imports.c.actor_id, tokens.c.employee_id,
        extension_ownership.c.employee_id,
    ):  # fmt: skip
        await connection.execute(update(column.table).where(column == old).values({column: new}))
    await _move_in_imports(connection, old, new)
    await join_users(connection, old, new)
    told = select(*(contacts.c[name] for name in ("id", "visibility", "owner_id", "manager_id", "version")))
    for part in in_parts(changed):
        rows = await connection.execute(told.where(contacts.c.id.in_(part)).order_by(contacts.c.id))
        await tell(connection, [about_contact("changed", *row) for row in rows])


async def _move_in_imports(connection: AsyncConnection, old: int, new: int) -> None:
    """Do so in what imports keep of cards."""
    kept = (import_changes.c.changes, import_changes.c.before)
    says = or_(*(cast(column, Text).like(f'%"{field}": {old}%') for column in kept for field in _ID_FIELDS))
    for row in (await connection.execute(select(import_changes).where(says))).all():
        key = (import_changes.c.import_id == row.import_id, import_changes.c.contact_id == row.contact_id)
        values = {"changes": _moved(row.changes, old, new), "before": _moved(row.before, old, new)}
        await connection.execute(update(import_changes).where(*key).values(values))


def _moved(kept: dict[str, Any] | None, old: int, new: int) -> dict[str, Any] | None:
    return kept and kept | {field: new for field in _ID_FIELDS if kept.get(field) == old}


async def _sort_clients(connection: AsyncConnection, employee_id: int, extension: str) -> None:
    """Have the contacts of a manager sorted and filtered by the extension that they have now."""
    theirs = (contacts.c.manager_id == employee_id, contacts.c.manager != extension)
    await connection.execute(update(contacts).where(*theirs).values(manager=extension))


async def _personal(connection: AsyncConnection, employee_id: int) -> int:
    """Count an employee's personal contacts."""
    wanted = select(func.count()).select_from(contacts).where(contacts.c.owner_id == employee_id, shown())
    return int((await connection.execute(wanted)).scalar_one())


async def _rows(connection: AsyncConnection, extension: str) -> Sequence[Row[Any]]:
    mine = extension_ownership.c.extension == extension
    wanted = select(extension_ownership).where(mine)
    return (await connection.execute(wanted.order_by(extension_ownership.c.since, extension_ownership.c.id))).all()


def _open_row(extension: str) -> Update:
    mine = extension_ownership.c.extension == extension
    return update(extension_ownership).where(mine, extension_ownership.c.until.is_(None))


def _name(row: Mapping[str, Any]) -> str:
    return str(row["name"] or row["pbx_name"])
