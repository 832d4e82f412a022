"""Our own people, filled from lists and from the PBX."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sqlalchemy import BindParameter, Connection, Row, bindparam, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.book.employees import Employee, checked_employee
from pbxd.errors import NotFoundError
from pbxd.i18n import _
from pbxd.storage.engine.database import Database, in_parts
from pbxd.storage.engine.feed import News, tell
from pbxd.storage.tables import employees

Source = Literal["list", "pbx"]
_Row = dict[str, Any]
_LISTED = {"name", "mobile", "did", "email", "department"}
_NEW: _Row = {
    **dict.fromkeys(("extension", *sorted(_LISTED), "queues", "pbx_name"), ""), "active": True, "on_pbx": False
}  # fmt: skip
Everybody = list[Employee]


@dataclass(frozen=True, slots=True)
class Upserted:
    """How many employees were new, changed, and already so."""

    created: int
    updated: int
    same: int


class Employees:
    """The company book. It fills itself and is seen by everybody."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def upsert(self, people: Sequence[Employee], *, source: Source) -> Upserted:
        """Take over what a list (CSV, XLSX) or the PBX says of these people, all or none of it.

        A list wins: what it gives replaces what is known, what it leaves empty doesn't, and who is on it is active.
        The PBX adds people, names those who have no name, and tells the queues. The later of two rows on one extension
        is merged into the first. Raises InvalidInputError for a row that can't be kept.
        """
        merged = _told if source == "pbx" else _listed
        said = [checked_employee(person) for person in people]
        async with self._database.writing() as connection:
            before = await _rows(connection)
            after = dict(before)
            for person in said:
                known = after.get(person.extension, _NEW | {"extension": person.extension})
                after[person.extension] = merged(known, person)
            new, changed = await _write(connection, before, after)
        return Upserted(new, changed, len({person.extension for person in said}) - new - changed)

    async def on_pbx(self) -> set[str]:
        """Return the extensions of the active people the PBX has told of at some time."""
        wanted = select(employees.c.extension).where(employees.c.on_pbx, employees.c.active)
        async with self._database.reading() as connection:
            return set((await connection.execute(wanted)).scalars())

    async def retire(self, extensions: Collection[str]) -> None:
        """Mark these people as having left; they are kept, for the history refers to them."""
        async with self._database.writing() as connection:
            before = await _rows(connection)
            gone = {key: before[key] | {"active": False, "queues": ""} for key in before.keys() & set(extensions)}
            await _write(connection, before, gone)

    async def list(self) -> Everybody:
        """Return all employees by extension."""
        async with self._database.reading() as connection:
            return await everybody(connection)

    async def get(self, extension: str) -> Employee:
        """Return an employee; raises NotFoundError."""
        async with self._database.reading() as connection:
            return await _one(connection, extension)


async def everybody(connection: AsyncConnection) -> Everybody:
    """Return all employees in the order of their extensions, short ones first."""
    return _ordered(_employee(row) for row in await connection.execute(select(employees)))


_WANTED: BindParameter[Any] = bindparam("wanted", expanding=True)
_BY_EXTENSION = select(employees).where(employees.c.extension.in_(_WANTED))
_BY_NUMBER = select(employees).where(or_(employees.c.mobile.in_(_WANTED), employees.c.did.in_(_WANTED)))


def having(connection: Connection, extensions: Collection[str], numbers: Collection[str]) -> Everybody:
    """Return the employees with one of these extensions or numbers, likewise."""
    found = {
        row.extension: _employee(row)
        for statement, wanted in ((_BY_EXTENSION, extensions), (_BY_NUMBER, numbers))
        for part in in_parts(wanted)
        for row in connection.execute(statement, {"wanted": part})
    }
    return _ordered(found.values())


def _ordered(people: Iterable[Employee]) -> Everybody:
    return sorted(people, key=lambda person: (len(person.extension), person.extension))


async def _one(connection: AsyncConnection, extension: str) -> Employee:
    row = (await connection.execute(select(employees).where(employees.c.extension == extension))).one_or_none()
    if row is None:
        raise NotFoundError(_("there is no employee {extension}").format(extension=extension))
    return _employee(row)


def _listed(known: _Row, said: Employee) -> _Row:
    """Take over what a list says: it wins, but what it leaves empty erases nothing, and who is on it is active."""
    given = {name: value for name, value in asdict(said).items() if name in _LISTED and value}
    return known | given | {"active": said.active}


def _told(known: _Row, said: Employee) -> _Row:
    """Take over what the PBX says: who is on it is active, its queues are his, its name serves where there is none."""
    return known | {
        "active": True, "on_pbx": True, "queues": "\n".join(said.queues), "pbx_name": said.name or known["pbx_name"]
    }  # fmt: skip


async def _rows(connection: AsyncConnection) -> dict[str, _Row]:
    return {row["extension"]: dict(row) for row in (await connection.execute(select(employees))).mappings()}


async def _write(connection: AsyncConnection, before: dict[str, _Row], after: dict[str, _Row]) -> tuple[int, int]:
    """Write the rows that became others; return how many are new and how many changed."""
    new = [row for extension, row in after.items() if extension not in before]
    changed = [row for extension, row in after.items() if before.get(extension, row) != row]
    if new:
        await connection.execute(insert(employees), new)
    if changed:
        # The column's own name can't be that of the parameter it is looked up by.
        one = update(employees).where(employees.c.extension == bindparam("which"))
        names = [name for name in _NEW if name != "extension"]
        await connection.execute(
            one.values({name: bindparam(name) for name in names}),
            [{"which": row["extension"], **{name: row[name] for name in names}} for row in changed],
        )
    await tell(connection, [News("employee.changed", row["extension"], {}) for row in (*new, *changed)])
    return len(new), len(changed)


def _employee(row: Row[Any]) -> Employee:
    name = row.name or row.pbx_name
    queues = tuple(filter(None, row.queues.split("\n")))
    return Employee(row.extension, name, row.mobile, row.did, row.email, row.department, row.active, queues)
