"""Our own people, filled from lists and from the PBX."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from sqlalchemy import Row, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.book import Employee, checked_employee
from pbxd.errors import NotFoundError
from pbxd.i18n import _
from pbxd.storage.database import Database
from pbxd.storage.feed import News, tell
from pbxd.storage.tables import employees

Source = Literal["list", "pbx"]
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
        The PBX only adds people and fills in empty names. The later of two rows on one extension is merged into the
        first. Raises InvalidInputError for a row that can't be kept.
        """
        rows = [checked_employee(person) for person in people]
        async with self._database.writing() as connection:
            before = {person.extension: person for person in await everybody(connection)}
            after = dict(before)
            for row in rows:
                known = after.get(row.extension)
                after[row.extension] = _merged(known, row, source) if known else row
            new = [person for extension, person in after.items() if extension not in before]
            changed = [person for extension, person in after.items() if before.get(extension, person) != person]
            await _write(connection, new, changed)
        touched = len({row.extension for row in rows})
        return Upserted(len(new), len(changed), touched - len(new) - len(changed))

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
    people = [_employee(row) for row in await connection.execute(select(employees))]
    return sorted(people, key=lambda person: (len(person.extension), person.extension))


async def _one(connection: AsyncConnection, extension: str) -> Employee:
    row = (await connection.execute(select(employees).where(employees.c.extension == extension))).one_or_none()
    if row is None:
        raise NotFoundError(_("there is no employee {extension}").format(extension=extension))
    return _employee(row)


def _merged(known: Employee, said: Employee, source: Source) -> Employee:
    if source == "pbx":
        return replace(known, name=known.name or said.name)
    return replace(
        known,
        name=said.name or known.name,
        mobile=said.mobile or known.mobile,
        did=said.did or known.did,
        email=said.email or known.email,
        department=said.department or known.department,
        active=True,
    )


async def _write(connection: AsyncConnection, new: Sequence[Employee], changed: Sequence[Employee]) -> None:
    if new:
        await connection.execute(insert(employees), [asdict(person) for person in new])
    if changed:
        # The column's own name can't be that of the parameter it is looked up by.
        rows = [asdict(person) | {"which": person.extension} for person in changed]
        names = ("name", "mobile", "did", "email", "department", "active")
        values: dict[str, Any] = {name: bindparam(name) for name in names}
        one = update(employees).where(employees.c.extension == bindparam("which")).values(values)
        await connection.execute(one, rows)
    await tell(connection, [News("employee.changed", person.extension, {}) for person in (*new, *changed)])


def _employee(row: Row[Any]) -> Employee:
    return Employee(row.extension, row.name, row.mobile, row.did, row.email, row.department, row.active)
