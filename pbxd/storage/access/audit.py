"""The audit log: who did what, from where. Rows are added and, after their time, deleted; nothing changes one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Row, Select, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.calls.record import instant
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.witnesses import Witness
from pbxd.storage.tables import audit, employees

Result = Literal["done", "refused"]
_LONGEST = 200  # characters of what an attacker can choose


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Something that somebody did, or was refused."""

    source: str  # cli, socket, `token ID NAME`, `user LOGIN`
    action: str  # a command, or an operation of the API
    subject: str = ""  # what it was about: ids and paths, never a name or a number of a client
    address: str = ""  # an IP address, or a user of the operating system
    employee: int | None = None  # who acted
    extension: str = ""  # that they had then
    result: Result = "done"
    reason: str = ""  # of a refusal


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A row of the log."""

    id: int
    at: datetime
    deed: Deed
    employee_name: str

    def to_json(self) -> dict[str, object]:
        """Return the public form."""
        deed = self.deed
        return {
            "id": self.id,
            "at": instant(self.at),
            "source": deed.source,
            "employee": deed.extension or None,
            "employee_id": deed.employee,
            "employee_name": self.employee_name or None,
            "address": deed.address,
            "action": deed.action,
            "subject": deed.subject,
            "result": deed.result,
            "reason": deed.reason,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which rows are wanted."""

    since: datetime | None = None
    until: datetime | None = None  # exclusive
    employee: int | None = None
    action: str = ""
    source: str = ""  # whole, or its first words
    result: Result | None = None
    before: int | None = None  # only rows with a lower id: the next page


class Audit:
    """The audit log in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, deeds: Sequence[Deed]) -> None:
        """Append rows. Raises UnavailableError."""
        if deeds:
            async with self._database.writing() as connection:
                await _append(connection, deeds)

    async def log_act(self) -> None:
        """Log what the present `audited` block does, which changes nothing in the database. Raises UnavailableError."""
        async with self._database.writing():
            pass  # the witness testifies before the commit

    async def find(self, wanted: AuditFilter, limit: int | None) -> list[AuditRow]:
        """Return rows, the newest first; `limit` None: all."""
        async with self._database.reading() as connection:
            found = await connection.execute(_wanted(wanted).order_by(audit.c.id.desc()).limit(limit))
            return [_row(row) for row in found]


def audited(deed: Callable[[], Deed]) -> Witness:
    """Log a deed in the same transaction as the first change that the block commits; without a change nothing."""

    async def testify(connection: AsyncConnection) -> None:
        await _append(connection, [deed()])

    return Witness(testify)


async def _append(connection: AsyncConnection, deeds: Sequence[Deed]) -> None:
    at = datetime.now(UTC)
    extensions = {each.extension for each in deeds if each.employee is None and each.extension}
    named = select(employees.c.extension, employees.c.id).where(employees.c.extension.in_(extensions))
    known = {row.extension: row.id for row in await connection.execute(named)} if extensions else {}
    rows = [
        {
            "at": at,
            "source": each.source[:_LONGEST],
            "employee_id": each.employee or known.get(each.extension, 0),
            "extension": each.extension,
            "address": each.address[:_LONGEST],
            "action": each.action[:_LONGEST],
            "subject": each.subject[:_LONGEST],
            "result": each.result,
            "reason": each.reason[:_LONGEST],
        }
        for each in deeds
    ]
    await connection.execute(insert(audit), rows)


def _wanted(wanted: AuditFilter) -> Select[Any]:
    named = audit.outerjoin(employees, employees.c.id == audit.c.employee_id)
    statement = select(audit, employees.c.name, employees.c.pbx_name).select_from(named)
    if wanted.since:
        statement = statement.where(audit.c.at >= wanted.since)
    if wanted.until:
        statement = statement.where(audit.c.at < wanted.until)
    if wanted.employee is not None:
        statement = statement.where(audit.c.employee_id == wanted.employee)
    if wanted.before is not None:
        statement = statement.where(audit.c.id < wanted.before)
    if wanted.source:
        begins = audit.c.source.startswith(f"{wanted.source} ", autoescape=True)
        statement = statement.where((audit.c.source == wanted.source) | begins)
    for name in ("action", "result"):
        if value := getattr(wanted, name):
            statement = statement.where(audit.c[name] == value)
    return statement


def _row(row: Row[Any]) -> AuditRow:
    deed = Deed(
        source=row.source,
        action=row.action,
        subject=row.subject,
        address=row.address,
        employee=row.employee_id or None,
        extension=row.extension,
        result=row.result,
        reason=row.reason,
    )
    return AuditRow(row.id, row.at, deed, row.name or row.pbx_name or "")
