"""Bearer tokens of programs. Only a digest is kept: a stolen database opens nothing."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, insert, literal_column, select, update

from pbxd.actor import Actor
from pbxd.book.texts import checked_name
from pbxd.errors import NotFoundError
from pbxd.i18n import _
from pbxd.roles import Role, role_of_token
from pbxd.scopes import scopes_from, scopes_text
from pbxd.storage.access.employee_ids import known_author
from pbxd.storage.access.request_keys import note_made
from pbxd.storage.engine.database import Database, possible
from pbxd.storage.tables import employees, tokens, users

PREFIX = "pbxd_"  # so that people and scanners for leaked secrets know one when they see it
_BYTES = 32  # 256 random bits: nothing to guess, so that a plain digest is enough


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it may be shown."""

    id: int
    name: str
    last_four: str  # characters of the token, to tell it by
    created: datetime
    revoked: datetime | None
    expires: datetime | None  # None: never
    used: datetime | None  # last, to within a minute; None: never
    actor: Actor  # who it acts for, and its scopes
    inherited: bool  # it acts for anybody because it was made before tokens belonged to somebody
    employee_name: str = ""  # of whom it acts for, also if they have no extension any more
    blocked: bool = False  # the employee's user is

    def opens(self, now: datetime) -> bool:
        """Tell whether it is valid at a time."""
        return self.revoked is None and not self.blocked and (self.expires is None or now < self.expires)


Everything = list[Token]
_NAMES = (employees.c.name.label("listed_name"), employees.c.pbx_name)
_LISTED = select(tokens, employees.c.extension, *_NAMES, users.c.role, users.c.blocked).select_from(
    tokens.outerjoin(employees, employees.c.id == tokens.c.employee_id).outerjoin(
        users, and_(users.c.employee_id == tokens.c.employee_id, users.c.employee_id != literal_column("0"))
    )
)


class Tokens:
    """The tokens that programs may call the HTTP API with."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, name: str, actor: Actor, expires: datetime | None = None) -> tuple[int, str]:
        """Make a token that acts for `actor`, with its scopes. Return its id and the token, which is kept nowhere."""
        plain = PREFIX + secrets.token_urlsafe(_BYTES)
        values = {
            "name": checked_name("name", name),
            "digest": digest(plain),
            "last_four": plain[-4:],
            "created": datetime.now(UTC),
            "as_any": actor.acts_for_any,
            "scopes": scopes_text(actor.scopes),
            "expires": expires,
        }
        async with self._database.writing() as connection:
            values["employee_id"] = (await known_author(connection, actor)).employee or 0
            made = await connection.execute(insert(tokens).values(values).returning(tokens.c.id))
            token_id = made.scalar_one()
            await note_made(connection, token_id)
            return token_id, plain

    async def list(self) -> Everything:
        """Return all tokens, revoked ones too, oldest first."""
        async with self._database.reading() as connection:
            return [_token(row) for row in await connection.execute(_LISTED.order_by(tokens.c.id))]

    async def revoke(self, token_id: int) -> None:
        """End a token's validity at once and for good; raises NotFoundError. Doing it twice changes nothing."""
        async with self._database.writing() as connection:
            mine = tokens.c.id.in_(possible([token_id]))
            if (await connection.execute(select(tokens.c.id).where(mine))).scalar() is None:
                raise NotFoundError(_("there is no token {id}").format(id=token_id))
            ending = update(tokens).where(mine, tokens.c.revoked.is_(None)).values(revoked=datetime.now(UTC))
            await connection.execute(ending)

    async def note_used(self, used: Mapping[int, datetime]) -> None:
        """Keep when tokens were last used, by their ids."""
        if not used:
            return
        one = update(tokens).where(tokens.c.id == bindparam("which")).values(used=bindparam("at"))
        async with self._database.writing() as connection:
            await connection.execute(one, [{"which": token_id, "at": at} for token_id, at in used.items()])

    async def by_digest(self) -> dict[str, Token]:
        """Return all tokens, revoked ones too, by `digest` of the token itself."""
        return await self._database.ask(_by_digest)


def digest(plain: str) -> str:
    """Return what a token is known by. Finding it among others tells nothing of the token by the time it takes."""
    return sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()


def _by_digest(connection: Connection) -> dict[str, Token]:
    return {row.digest: _token(row) for row in connection.execute(_LISTED)}


def _token(row: Row[Any]) -> Token:
    scopes = scopes_from(row.scopes)
    role: Role = (row.role or "agent") if row.employee_id else role_of_token(scopes)
    actor = Actor.token(
        f"{row.id} {row.name}",  # in the audit log: several tokens may have one name
        row.extension or "",
        row.employee_id or None,
        acts_for_any=row.as_any,
        scopes=scopes,
        role=role,
    )
    return Token(
        id=row.id,
        name=row.name,
        last_four=row.last_four,
        created=row.created,
        revoked=row.revoked,
        expires=row.expires,
        used=row.used,
        actor=actor,
        inherited=row.inherited,
        employee_name=row.listed_name or row.pbx_name or "",
        blocked=bool(row.blocked),
    )
