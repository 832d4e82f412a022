"""Users: who signs in, in which role, and the invitations by which they set a password. SQL only."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, delete, func, insert, literal_column, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.errors import ConflictError, NotFoundError
from pbxd.i18n import _
from pbxd.roles import Role
from pbxd.storage.access.employee_ids import made_ids
from pbxd.storage.engine.database import Database, in_parts, possible
from pbxd.storage.tables import employees, invitations, sessions, users


@dataclass(frozen=True, slots=True)
class User:
    """A user as they may be shown."""

    id: int
    employee: int | None  # an employee's id; None: somebody without a phone
    extension: str  # that the employee has now
    name: str  # the employee's
    email: str  # of somebody without a phone, else the employee's
    role: Role
    created: datetime
    blocked: bool
    works: bool  # False: the employee has left
    has_password: bool
    invited_until: datetime | None  # until when an invitation is open
    sessions: int
    language: str  # of their pages; empty: not chosen
    theme: str  # of their pages; empty: not chosen

    @property
    def login(self) -> str:
        """What they are called by: the extension, or the e-mail of somebody without a phone."""
        return self.extension or self.email or str(self.id)

    @property
    def may_sign_in(self) -> bool:
        """Whether they can be signed in at all."""
        return not self.blocked and self.works


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user and the hash of their password; empty: none was set yet."""

    user: User
    password: str


EveryUser = list[User]
_OPEN = select(func.count()).where(sessions.c.user_id == users.c.id).scalar_subquery()


def _listed() -> Select[Any]:
    joined = users.outerjoin(
        employees, (employees.c.id == users.c.employee_id) & (users.c.employee_id != literal_column("0"))
    ).outerjoin(invitations, invitations.c.user_id == users.c.id)
    names = (employees.c.name.label("listed_name"), employees.c.pbx_name, employees.c.email.label("listed_email"))
    return (
        select(users, employees.c.extension, *names, employees.c.active, invitations.c.expires, _OPEN.label("open"))
        .select_from(joined)
        .order_by(users.c.id)
    )


class Users:
    """The users of this installation."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self) -> EveryUser:
        """Return all users, in the order in which they were made."""
        async with self._database.reading() as connection:
            return [_user(row) for row in await connection.execute(_listed())]

    async def get(self, user_id: int) -> User:
        """Return a user. Raises NotFoundError."""
        async with self._database.reading() as connection:
            return await _one(connection, user_id)

    async def named(self, login: str) -> EveryUser:
        """Return the users with an extension or an e-mail."""
        async with self._database.reading() as connection:
            return [_user(row) for row in await connection.execute(_listed().where(_called(login)))]

    async def credentials(self, login: str) -> Credentials | None:
        """Return the one user who signs in so; None if nobody does, or several have the e-mail."""
        async with self._database.reading() as connection:
            found = (await connection.execute(_listed().where(_called(login)).limit(2))).all()
        return Credentials(_user(found[0]), found[0].password) if len(found) == 1 else None

    async def invite(self, who: str | int, role: Role, digest: str, expires: datetime, *, by_email: bool) -> User:
        """Make a user who has an invitation, or invite a known one again; a block ends.

        `who`: an e-mail, an extension, or an employee's id. Raises ConflictError if they have a password already.
        """
        async with self._database.writing() as connection:
            if by_email:
                mine, values = users.c.email == who, {"email": who}
            else:
                employee = who if isinstance(who, int) else (await made_ids(connection, [who]))[who]
                mine, values = users.c.employee_id == employee, {"employee_id": employee}
            known = (await connection.execute(select(users).where(mine))).one_or_none()
            if known is None:
                made = insert(users).values(**values, role=role, created=datetime.now(UTC)).returning(users.c.id)
                user_id = int((await connection.execute(made)).scalar_one())
            elif known.password and not known.blocked:
                raise ConflictError(_("this user has a password already; for a new one use “reset”"))
            else:
                user_id = known.id
                await connection.execute(update(users).where(mine).values(role=role, password="", blocked=False))
            await _replace_invitation(connection, user_id, digest, expires)
            return await _one(connection, user_id)

    async def reset(self, user_id: int, digest: str, expires: datetime) -> User:
        """Void a user's password and end their sessions; a new invitation lets them set another. Raises NotFoundError.

        Raises ConflictError for one who is blocked.
        """
        async with self._database.writing() as connection:
            if (await _one(connection, user_id)).blocked:
                raise ConflictError(_("this user is blocked; “invite” lets them in again"))
            await connection.execute(update(users).where(users.c.id == user_id).values(password=""))
            await end_sessions(connection, [user_id])
            await _replace_invitation(connection, user_id, digest, expires)
            return await _one(connection, user_id)

    async def set_role(self, user_id: int, role: Role) -> User:
        """Give a user another role and end their sessions. Raises NotFoundError."""
        async with self._database.writing() as connection:
            known = await _one(connection, user_id)
            if known.role != role:
                await connection.execute(update(users).where(users.c.id == user_id).values(role=role))
                await end_sessions(connection, [user_id])
            return await _one(connection, user_id)

    async def block(self, user_id: int) -> User:
        """Keep a user out: no sign-in, no session, no open invitation. Raises NotFoundError."""
        async with self._database.writing() as connection:
            await _one(connection, user_id)
            await connection.execute(update(users).where(users.c.id == user_id).values(blocked=True, password=""))
            await connection.execute(delete(invitations).where(invitations.c.user_id == user_id))
            await end_sessions(connection, [user_id])
            return await _one(connection, user_id)

    async def invited(self, digest: str, now: datetime) -> User | None:
        """Return whom an invitation is for; None if it is used, replaced or too old, or its user can't sign in."""
        async with self._database.reading() as connection:
            return await _invited(connection, digest, now)

    async def accept(self, digest: str, password: str, now: datetime) -> User | None:
        """Set a password (its hash) by an invitation, which is used up, and end other sessions; None as `invited`."""
        async with self._database.writing() as connection:
            user = await _invited(connection, digest, now)
            if user is None:
                return None
            await connection.execute(delete(invitations).where(invitations.c.user_id == user.id))
            await connection.execute(update(users).where(users.c.id == user.id).values(password=password))
            await end_sessions(connection, [user.id])
            return user

    async def set_looks(self, user_id: int, language: str, theme: str) -> None:
        """Keep how a user's pages look."""
        async with self._database.writing() as connection:
            looks = update(users).where(users.c.id == user_id).values(language=language, theme=theme)
            await connection.execute(looks)

    async def rehash(self, user_id: int, before: str, after: str) -> None:
        """Replace a hash of the same password by one with present parameters, unless it was replaced meanwhile."""
        async with self._database.writing() as connection:
            same = (users.c.id == user_id, users.c.password == before)
            await connection.execute(update(users).where(*same).values(password=after))


async def end_sessions(connection: AsyncConnection, user_ids: Collection[int]) -> None:
    """End all sessions of users."""
    await connection.execute(delete(sessions).where(sessions.c.user_id.in_(user_ids)))


async def end_sessions_of_employees(connection: AsyncConnection, employee_ids: Collection[int]) -> None:
    """End all sessions of employees, who left."""
    for part in in_parts({each for each in employee_ids if each}):
        theirs = select(users.c.id).where(users.c.employee_id.in_(part))
        await connection.execute(delete(sessions).where(sessions.c.user_id.in_(theirs)))


async def join_users(connection: AsyncConnection, old: int, new: int) -> None:
    """Make the user of one employee that of another, unless that one is a user too: then theirs stays alone."""
    both = (await connection.execute(select(users.c.id).where(users.c.employee_id == new))).scalar()
    if both is None:
        await connection.execute(update(users).where(users.c.employee_id == old).values(employee_id=new))
    else:
        await connection.execute(delete(users).where(users.c.employee_id == old))


async def _replace_invitation(connection: AsyncConnection, user_id: int, digest: str, expires: datetime) -> None:
    await connection.execute(delete(invitations).where(invitations.c.user_id == user_id))
    await connection.execute(insert(invitations).values(user_id=user_id, digest=digest, expires=expires))


async def _invited(connection: AsyncConnection, digest: str, now: datetime) -> User | None:
    wanted = _listed().where(invitations.c.digest == digest, invitations.c.expires > now)
    row = (await connection.execute(wanted)).one_or_none()
    user = None if row is None else _user(row)
    return user if user is not None and user.may_sign_in else None


async def _one(connection: AsyncConnection, user_id: int) -> User:
    row = (await connection.execute(_listed().where(users.c.id.in_(possible([user_id]))))).one_or_none()
    if row is None:
        raise NotFoundError(_("there is no user {id}").format(id=user_id))
    return _user(row)


def _called(login: str) -> ColumnElement[bool]:
    """Return the condition for a user to sign in with this text: an extension, or an e-mail in any case."""
    if "@" not in login:
        return employees.c.extension == login
    email = login.lower()
    return or_(users.c.email == email, func.lower(employees.c.email) == email)


def _user(row: Row[Any]) -> User:
    return User(
        id=row.id,
        employee=row.employee_id or None,
        extension=row.extension or "",
        name=row.listed_name or row.pbx_name or "",
        email=row.email or row.listed_email or "",
        role=row.role,
        created=row.created,
        blocked=row.blocked,
        works=row.employee_id == 0 or bool(row.active and row.extension),
        has_password=bool(row.password),
        invited_until=row.expires,
        sessions=row.open,
        language=row.language,
        theme=row.theme,
    )
