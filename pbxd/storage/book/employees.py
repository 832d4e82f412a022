"""Our own people, filled from lists and from the PBX.

An employee has an id; the extension is an attribute that can pass to somebody else. `upsert` decides by the names
whether it did: see `book.employee_names`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import BindParameter, Connection, Row, bindparam, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.book.employee_names import CommonWords, is_another_person, is_placeholder
from pbxd.book.employees import Employee, checked_employee
from pbxd.errors import NotFoundError
from pbxd.i18n import _
from pbxd.storage.access.employee_ids import UNKNOWN, employee_changed
from pbxd.storage.access.users import end_sessions_of_employees
from pbxd.storage.book import extension_ownership as ownership
from pbxd.storage.book.extension_ownership import Joining, Passed
from pbxd.storage.engine.database import Database, in_parts, possible
from pbxd.storage.engine.feed import tell
from pbxd.storage.tables import employees

Source = Literal["list", "pbx", "hand"]  # hand: an administrator's own edit
_Row = dict[str, Any]
_LISTED = {"name", "mobile", "did", "email", "department"}
_NAME = {"list": "name", "pbx": "pbx_name", "hand": "name"}  # the column of what each source says
Everybody = list[Employee]
Changes = list[Passed]


@dataclass(frozen=True, slots=True)
class Upserted:
    """How many employees were new, changed, and already so; whose extensions passed to somebody else.

    `stale`: extensions of which a list still gives what the former employee was called; nothing was taken from there.
    """

    created: int
    updated: int
    same: int
    passed: tuple[Passed, ...] = field(default=(), compare=False)
    stale: tuple[str, ...] = ()


class Employees:
    """The company book. It fills itself and is seen by everybody."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def upsert(self, people: Sequence[Employee], *, source: Source) -> Upserted:
        """Take over what a list (CSV, XLSX), the PBX or an administrator says of these people, all or none of it.

        A list wins: what it gives replaces what is known, what it leaves empty doesn't, and who is on it is active.
        The PBX adds people, names those who have no name, and tells the queues. The later of two rows on one extension
        is merged into the first. A name of another person makes a new employee, who gets the extension.
        Raises InvalidInputError for a row that can't be kept.
        """
        said = [checked_employee(person) for person in people]
        async with self._database.writing() as connection:
            before = await _rows(connection)
            former = await ownership.former_owners(connection, {person.extension for person in said})
            after, gone, stale = dict(before), list[_Row](), list[str]()
            common = CommonWords((row["name"], row["pbx_name"]) for row in before.values())
            for person in said:
                known = after.get(person.extension, UNKNOWN | {"id": 0, "extension": person.extension})
                match _judged(known, person, source, former.get(person.extension), common):
                    case "same":
                        after[person.extension] = _merged(known, person, source)
                    case "another":
                        gone.append(known)
                        after[person.extension] = _merged(_newcomer(known), person, source)
                    case "stale" if source == "pbx":  # its queues are the present employee's
                        kept = {"pbx_name": known["pbx_name"]}
                        after[person.extension] = _merged(known, person, source) | kept
                    case "stale":
                        stale.append(person.extension)
            new, changed, passed = await _write(connection, before, after, gone)
        count = len({person.extension for person in said})
        return Upserted(new, changed, count - new - changed, tuple(passed), tuple(stale))

    async def on_pbx(self) -> set[str]:
        """Return the extensions of the active people the PBX has told of at some time."""
        wanted = select(employees.c.extension).where(
            employees.c.on_pbx, employees.c.active, employees.c.extension.is_not(None)
        )
        async with self._database.reading() as connection:
            return set((await connection.execute(wanted)).scalars())

    async def retire(self, extensions: Collection[str]) -> None:
        """Mark these people as having left; they are kept, for the history refers to them."""
        async with self._database.writing() as connection:
            before = await _rows(connection)
            gone = {key: before[key] | {"active": False, "queues": ""} for key in before.keys() & set(extensions)}
            await _write(connection, before, gone, [])

    async def list(self) -> Everybody:
        """Return all employees by extension, then those who have none any more."""
        return [person for person in await self.everybody() if person.listed]

    async def everybody(self) -> Everybody:
        """Return all employees, also those known by extension only: for indexes, not for people."""
        return await self._database.ask(everybody)

    async def get(self, extension: str) -> Employee:
        """Return who has an extension now, if lists show them; raises NotFoundError."""
        async with self._database.reading() as connection:
            return await _one(connection, extension)

    async def same_person(self, extension: str, former: int = 0) -> Passed:
        """Undo the passing of an extension: who has it is the one who had it before (by id), under a new name.

        Everything that the new employee got since then goes to the one before. Raises NotFoundError, ConflictError,
        also if several had the extension and none is named.
        """
        async with self._database.writing() as connection:
            now = await _one(connection, extension)
            return await ownership.undo_passing(connection, now, former)

    async def to_join(self, extension: str, former: int = 0) -> Joining:
        """Return whom `same_person` would make one. Raises NotFoundError, ConflictError as it does."""
        async with self._database.reading() as connection:
            return await ownership.to_join(connection, await _one(connection, extension), former)

    async def by_id(self, employee_id: int) -> Employee:
        """Return an employee, also one without an extension. Raises NotFoundError."""
        async with self._database.reading() as connection:
            wanted = select(employees).where(employees.c.id.in_(possible([employee_id])))
            row = (await connection.execute(wanted)).one_or_none()
        if row is None:
            raise NotFoundError(_("there is no employee with the id {id}").format(id=employee_id))
        return _employee(row)

    async def other_person(self, extension: str, name: str = "") -> Passed:
        """Say that an extension had passed to somebody else when its employee was taken for renamed.

        The one before gets the former name back and keeps everything. The new one is called as the extension is now, or
        by `name`. Raises NotFoundError, ConflictError, InvalidInputError.
        """
        async with self._database.writing() as connection:
            now = await _one(connection, extension)
            return await ownership.split(connection, now, name)

    async def passed_since(self, since: datetime) -> Changes:
        """Return which extensions passed to another person or another name since then, the oldest first."""
        return await self._database.ask(ownership.passed_since, since)


def everybody(connection: Connection) -> Everybody:
    """Return all employees in the order of their extensions, short ones first, also those who aren't `listed`."""
    return _ordered(_employee(row) for row in connection.execute(select(employees)))


_WANTED: BindParameter[Any] = bindparam("wanted", expanding=True)
_BY_EXTENSION = select(employees).where(employees.c.extension.in_(_WANTED), employees.c.listed)
_BY_NUMBER = select(employees).where(
    or_(employees.c.mobile.in_(_WANTED), employees.c.did.in_(_WANTED)), employees.c.extension.is_not(None)
)


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
    return sorted(people, key=lambda person: (not person.extension, len(person.extension), person.extension, person.id))


async def _one(connection: AsyncConnection, extension: str) -> Employee:
    wanted = select(employees).where(employees.c.extension == extension, employees.c.listed)
    row = (await connection.execute(wanted)).one_or_none()
    if row is None:
        raise NotFoundError(_("there is no employee {extension}").format(extension=extension))
    return _employee(row)


def _judged(
    known: _Row, said: Employee, source: Source, former: _Row | None, common: CommonWords
) -> Literal["same", "another", "stale"]:
    """Say of whom a source speaks: who has the extension, another person, or the former one (it is out of date)."""
    column = _NAME[source]
    if not known["id"] or not said.name or said.name == known[column]:  # of two rows of one list the later one counts
        return "same"
    names = (known["name"], known["pbx_name"])
    shared = common.beside(names, known["department"], known["queues"], said.department, *said.queues)
    another = is_another_person(names, said.name, common=shared, left=not known["active"])
    if former and former[column] == said.name and source != "hand" and not (another and known[column]):
        return "stale"
    # What the PBX says first may be a label of the desk: nobody a list named is another person because of it.
    heard = known["pbx_name"] or not known["name"] or not known["active"] or (former and former["pbx_name"])
    return "another" if another and (source != "pbx" or heard) else "same"


def _newcomer(known: _Row) -> _Row:
    """Return a new employee at the device of the one before."""
    return UNKNOWN | {name: known[name] for name in ("extension", "queues", "on_pbx")} | {"id": 0}


def _merged(known: _Row, said: Employee, source: Source) -> _Row:
    return _told(known, said) if source == "pbx" else _listed(known, said, by_hand=source == "hand")


def _listed(known: _Row, said: Employee, *, by_hand: bool) -> _Row:
    """Take over what a list says: it wins, but what it leaves empty erases nothing, and who is on it is active."""
    given = {name: value for name, value in asdict(said).items() if name in _LISTED and value}
    if not by_hand and is_placeholder(said.name) and not is_placeholder(_name(known)):
        given.pop("name", None)
    return known | given | {"active": said.active, "listed": True}


def _told(known: _Row, said: Employee) -> _Row:
    """Take over what the PBX says: who is on it is active, its queues are his, its name serves where there is none."""
    says_nothing = is_placeholder(said.name) and not is_placeholder(known["pbx_name"])
    name = known["pbx_name"] if says_nothing else said.name or known["pbx_name"]
    return known | {
        "active": True, "listed": True, "on_pbx": True, "queues": "\n".join(said.queues), "pbx_name": name
    }  # fmt: skip


async def _rows(connection: AsyncConnection) -> dict[str, _Row]:
    wanted = select(employees).where(employees.c.extension.is_not(None))
    return {row["extension"]: dict(row) for row in (await connection.execute(wanted)).mappings()}


async def _write(
    connection: AsyncConnection, before: dict[str, _Row], after: dict[str, _Row], gone: Sequence[_Row]
) -> tuple[int, int, list[Passed]]:
    """Write the rows that became others; return how many are new, how many changed, and which extensions passed."""
    await ownership.take_away(connection, gone)
    new = [row for row in after.values() if not row["id"]]
    changed = [row for row in after.values() if row["id"] and before[row["extension"]] != row]
    if new:
        rows = [{name: value for name, value in row.items() if name != "id"} for row in new]
        made = await connection.execute(insert(employees).returning(employees.c.extension, employees.c.id), rows)
        ids = {row.extension: row.id for row in made}
        new = [row | {"id": ids[row["extension"]]} for row in new]
    if changed:
        # The column's own name can't be that of the parameter it is looked up by.
        one = update(employees).where(employees.c.id == bindparam("which"))
        names = list(UNKNOWN)
        await connection.execute(
            one.values({name: bindparam(name) for name in names}),
            [{"which": row["id"], **{name: row[name] for name in names}} for row in changed],
        )
    await end_sessions_of_employees(connection, [row["id"] for row in changed if not row["active"]])
    passed = await ownership.note(connection, before, [*new, *changed])
    await tell(connection, [employee_changed(row["extension"], row["id"]) for row in (*new, *changed)])
    unheard = sum(not before.get(row["extension"], UNKNOWN)["listed"] for row in (*new, *changed))
    created = unheard + len(gone)
    return created, len(new) + len(changed) - created, passed


def _name(row: _Row) -> str:
    return str(row["name"] or row["pbx_name"])


def _employee(row: Row[Any]) -> Employee:
    name = row.name or row.pbx_name
    queues = tuple(filter(None, row.queues.split("\n")))
    return Employee(
        row.extension or "",
        name,
        row.mobile,
        row.did,
        row.email,
        row.department,
        row.active,
        queues,
        row.id,
        row.listed,
    )
