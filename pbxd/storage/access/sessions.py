"""Sessions: who is signed in. SQL only; rows of sessions that ended are deleted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, delete, func, insert, literal_column, or_, select, update

from pbxd.roles import Role
from pbxd.storage.access.users import end_sessions
from pbxd.storage.engine.database import Database, in_parts
from pbxd.storage.tables import employees, sessions, users


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that is open, and whose it is."""

    id: int
    created: datetime
    used: datetime  # last, to within a minute
    user: int
    role: Role
    employee: int | None
    extension: str
    email: str
    name: str


_JOINED = sessions.join(users, users.c.id == sessions.c.user_id).outerjoin(
    employees, (employees.c.id == users.c.employee_id) & (users.c.employee_id != literal_column("0"))
)
_MAY = (
    users.c.blocked.is_(False),
    or_(users.c.employee_id == literal_column("0"), employees.c.active & employees.c.extension.is_not(None)),
)
_DIGESTS: BindParameter[Any] = bindparam("digests", expanding=True)
_WANTED = select(
    sessions.c.id, sessions.c.digest, sessions.c.created, sessions.c.used, users.c.id.label("user"), users.c.role,
    users.c.employee_id, users.c.email, employees.c.extension, employees.c.name.label("listed_name"),
    employees.c.pbx_name, employees.c.email.label("listed_email"),
).select_from(_JOINED).where(sessions.c.digest.in_(_DIGESTS), *_MAY)  # fmt: skip


class Sessions:
    """The sessions that are open."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, user_id: int, password: str, digest: str, address: str) -> bool:
        """Begin a session for a user whose password (its hash) was checked.

        Return False if they may no longer sign in, or the password was replaced meanwhile.
        """
        now = datetime.now(UTC)
        joined = users.outerjoin(
            employees, (employees.c.id == users.c.employee_id) & (users.c.employee_id != literal_column("0"))
        )
        may = select(users.c.id).select_from(joined).where(users.c.id == user_id, users.c.password == password, *_MAY)
        async with self._database.writing() as connection:
            if (await connection.execute(may)).scalar() is None:
                return False
            values = {"user_id": user_id, "digest": digest, "created": now, "used": now, "address": address}
            await connection.execute(insert(sessions).values(values))
            return True

    async def find(self, digests: Collection[str]) -> dict[str, SignedIn]:
        """Return the sessions with these digests, whatever their age, if their users may be signed in."""
        return await self._database.ask(_found, digests)

    async def end(self, digest: str) -> None:
        """End a session, if there is one with this digest."""
        async with self._database.writing() as connection:
            await connection.execute(delete(sessions).where(sessions.c.digest == digest))

    async def end_all(self, user_id: int) -> None:
        """End all sessions of a user."""
        async with self._database.writing() as connection:
            await end_sessions(connection, [user_id])

    async def note_used(self, used: Mapping[int, datetime]) -> None:
        """Keep when sessions were last used, by their ids."""
        if not used:
            return
        one = update(sessions).where(sessions.c.id == bindparam("which")).values(used=bindparam("at"))
        async with self._database.writing() as connection:
            await connection.execute(one, [{"which": session, "at": at} for session, at in used.items()])

    async def clear(self, used_before: datetime, created_before: datetime) -> None:
        """Delete sessions that are too old."""
        old = or_(sessions.c.used < used_before, sessions.c.created < created_before)
        async with self._database.reading() as connection:
            if (await connection.execute(select(sessions.c.id).where(old).limit(1))).scalar() is None:
                return
        async with self._database.writing() as connection:
            await connection.execute(delete(sessions).where(old))

    async def count(self) -> int:
        """Count the open sessions."""
        async with self._database.reading() as connection:
            return int((await connection.execute(select(func.count()).select_from(sessions))).scalar_one())


def _found(connection: Connection, digests: Collection[str]) -> dict[str, SignedIn]:
    return {
        row.digest: SignedIn(
            id=row.id,
            created=row.created,
            used=row.used,
            user=row.user,
            role=row.role,
            employee=row.employee_id or None,
            extension=row.extension or "",
            email=row.email or row.listed_email or "",
            name=row.listed_name or row.pbx_name or "",
        )
        for part in in_parts(digests)
        for row in connection.execute(_WANTED, {"digests": part})
    }
