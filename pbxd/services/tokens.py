"""Tokens: what other applications show at the HTTP API."""

from __future__ import annotations

from dataclasses import dataclass

from pbxd import rights
from pbxd.actor import Actor
from pbxd.errors import InvalidInputError
from pbxd.i18n import _
from pbxd.services.workspace import Workspace
from pbxd.storage.access.tokens import Token, Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateToken:
    """A token for an application, and for whom the application may act: one employee, any, or nobody."""

    name: str
    extension: str = ""
    as_any: bool = False


@dataclass(frozen=True, slots=True)
class CreatedToken:
    """A new token; `plain` is the token itself, which is kept nowhere."""

    id: int
    plain: str


async def create(workspace: Workspace, actor: Actor, asked: CreateToken) -> CreatedToken:
    """Make a token. Raises InvalidInputError."""
    rights.check_administrator(actor)
    if asked.extension and asked.as_any:
        raise InvalidInputError("as", _("either one employee or any"))
    stands_for = Actor.token(asked.name, asked.extension, acts_for_any=asked.as_any)
    return CreatedToken(*await Tokens(workspace.database).create(asked.name, stands_for))


async def find(workspace: Workspace, actor: Actor) -> list[Token]:
    """Return all tokens, revoked ones too, oldest first."""
    rights.check_administrator(actor)
    return await Tokens(workspace.database).list()


async def revoke(workspace: Workspace, actor: Actor, token_id: int) -> None:
    """End a token's validity at once. Raises NotFoundError."""
    rights.check_administrator(actor)
    await Tokens(workspace.database).revoke(token_id)
