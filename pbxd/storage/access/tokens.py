"""Bearer tokens of programs. Only a digest is kept: a stolen database opens nothing."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Row, insert, select, update

from pbxd.actor import Actor
from pbxd.book.texts import checked_name
from pbxd.errors import NotFoundError
from pbxd.i18n import _
from pbxd.storage.access.employee_ids import known_author
from pbxd.storage.engine.database import Database, possible
from pbxd.storage.tables import employees, tokens

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
    actor: Actor  # who it acts for
    inherited: bool  # it acts for anybody because it was made before tokens belonged to somebody
    employee_name: str = ""  # of whom it acts for, also if they have no extension any more


Everything = list[Token]
_NAMES = (employees.c.name.label("listed_name"), employees.c.pbx_name)
_LISTED = select(tokens, employees.c.extension, *_NAMES).select_from(
    tokens.outerjoin(employees, employees.c.id == tokens.c.employee_id)
)


class Tokens:
    """The tokens that programs may call the HTTP API with."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, name: str, actor: Actor) -> tuple[int, str]:
        """Make a token that acts for `actor`; returns its id and the token itself, which is never told again."""
        plain = PREFIX + secrets.token_urlsafe(_BYTES)
        values = {
            "name": checked_name("name", name),
            "digest": digest(plain),
            "last_four": plain[-4:],
            "created": datetime.now(UTC),
            "as_any": actor.acts_for_any,
        }
        async with self._database.writing() as connection:
            values["employee_id"] = (await known_author(connection, actor)).employee or 0
            made = await connection.execute(insert(tokens).values(values).returning(tokens.c.id))
            return made.scalar_one(), plain

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

    async def by_digest(self) -> dict[str, Token]:
        """Return all tokens, revoked ones too, by `digest` of the token itself."""
        async with self._database.reading() as connection:
            return {row.digest: _token(row) for row in await connection.execute(_LISTED)}


def digest(plain: str) -> str:
    """Return what a token is known by. Finding it among others tells nothing of the token by the time it takes."""
    return sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()


def _token(row: Row[Any]) -> Token:
    actor = Actor.token(row.name, row.extension or "", row.employee_id or None, acts_for_any=row.as_any)
    name = row.listed_name or row.pbx_name or ""
    return Token(row.id, row.name, row.last_four, row.created, row.revoked, actor, row.inherited, name)
