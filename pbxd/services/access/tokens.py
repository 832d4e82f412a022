"""Tokens: what other applications show at the HTTP API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pbxd import rights
from pbxd.actor import Actor
from pbxd.errors import InvalidInputError, NotFoundError
from pbxd.i18n import _
from pbxd.scopes import Scopes, checked_scopes
from pbxd.services.workspace import Workspace
from pbxd.storage.access.tokens import Token as Token
from pbxd.storage.access.tokens import Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateToken:
    """A token for an application, and for whom the application may act: one employee, any, or nobody."""

    name: str
    scopes: Sequence[str]
    extension: str = ""
    as_any: bool = False
    expires_days: int | None = None  # after so many days it is no longer valid; None: never


@dataclass(frozen=True, slots=True)
class CreatedToken:
    """A new token; `plain` is the token itself, which is kept nowhere."""

    id: int
    plain: str
    scopes: Scopes
    expires: datetime | None


async def create(workspace: Workspace, actor: Actor, asked: CreateToken) -> CreatedToken:
    """Make a token. Raises InvalidInputError."""
    rights.check_administrator(actor)
    if asked.extension and asked.as_any:
        raise InvalidInputError("as", _("either one employee or any"))
    scopes = checked_scopes(asked.scopes)
    stands_for = Actor.token(asked.name, asked.extension, acts_for_any=asked.as_any, scopes=scopes)
    expires = datetime.now(UTC) + timedelta(days=asked.expires_days) if asked.expires_days else None
    token_id, plain = await Tokens(workspace.database).create(asked.name, stands_for, expires)
    return CreatedToken(token_id, plain, scopes, expires)


async def find(workspace: Workspace, actor: Actor) -> list[Token]:
    """Return all tokens, revoked ones too, oldest first."""
    rights.check_administrator(actor)
    return await Tokens(workspace.database).list()


async def show(workspace: Workspace, actor: Actor, token_id: int) -> Token:
    """Return a token. Raises NotFoundError."""
    for token in await find(workspace, actor):
        if token.id == token_id:
            return token
    raise NotFoundError(_("there is no token {id}").format(id=token_id))


async def revoke(workspace: Workspace, actor: Actor, token_id: int) -> None:
    """End a token's validity at once. Raises NotFoundError."""
    rights.check_administrator(actor)
    await Tokens(workspace.database).revoke(token_id)
