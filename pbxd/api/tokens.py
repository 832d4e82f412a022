"""Tokens: what programs show at this API."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from pydantic import Field

from pbxd.api.call_record import Instant
from pbxd.api.lists import NumberPath, WholeListAnswer, whole
from pbxd.calls.record import instant
from pbxd.http.answers import Answer, Reply
from pbxd.http.context import Context
from pbxd.http.operations import Resource
from pbxd.http.requests import Body, Extension, Words
from pbxd.scopes import Scope
from pbxd.services.access import tokens
from pbxd.services.access.tokens import CreateToken, Token

resource = Resource("tokens", "Tokens for programs.")


class TokenPath(NumberPath):
    """Which token."""


class TokenRequest(Body):
    """A token to make."""

    name: Words
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=50)]
    employee: Extension | None = None
    """The extension of the only employee it acts for. Without it and `as_any`: shared things only, and no calls."""
    as_any: bool = False
    """It may act for any employee that a request names."""
    expires_days: Annotated[int, Field(ge=1, le=36_500)] | None = None
    """It is valid for so many days; null: until it is revoked."""


class TokenAnswer(Answer):
    """A token, without what opens."""

    id: int
    name: str
    last_four: str
    """Characters of it, to tell it by."""
    scopes: tuple[Scope, ...]
    employee: str | None
    """The extension that its employee has now."""
    employee_id: int | None
    employee_name: str | None
    as_any: bool
    created: Instant
    expires: Instant | None
    used: Instant | None
    """Last, to within a minute."""
    revoked: Instant | None


class TokensAnswer(WholeListAnswer):
    """All tokens."""

    items: tuple[TokenAnswer, ...]


class NewTokenAnswer(TokenAnswer):
    """A token, and what opens."""

    token: str
    """It is shown here only."""


@resource.operation("GET", "/api/v1/tokens", scope="admin")
async def list_tokens(context: Context) -> TokensAnswer:
    """List all tokens, revoked ones too."""
    return await whole(context, TokensAnswer, tokens.find, _answer)


@resource.operation("GET", "/api/v1/tokens/{id}", scope="admin")
async def show_token(context: Context, path: TokenPath) -> TokenAnswer:
    """Show a token."""
    return _answer(await tokens.show(context.services.workspace, context.actor, path.id))


@resource.operation("POST", "/api/v1/tokens", scope="admin", status=HTTPStatus.CREATED)
async def create_token(context: Context, body: TokenRequest) -> Reply[NewTokenAnswer]:
    """Make a token. The answer has it; nothing else ever shows it again."""
    workspace = context.services.workspace
    asked = CreateToken(
        name=body.name,
        scopes=body.scopes,
        extension=body.employee or "",
        as_any=body.as_any,
        expires_days=body.expires_days,
    )
    made = await tokens.create(workspace, context.actor, asked)
    shown = _answer(await tokens.show(workspace, context.actor, made.id))
    answer = NewTokenAnswer.model_validate(shown.model_dump() | {"token": made.plain})
    return Reply(answer, headers={"Location": f"/api/v1/tokens/{made.id}"})


@resource.operation("DELETE", "/api/v1/tokens/{id}", scope="admin", status=HTTPStatus.NO_CONTENT)
async def revoke_token(context: Context, path: TokenPath) -> None:
    """Revoke a token at once and for good; it stays in the list. Doing it twice changes nothing."""
    await tokens.revoke(context.services.workspace, context.actor, path.id)


def _answer(token: Token) -> TokenAnswer:
    actor = token.actor
    return TokenAnswer(
        id=token.id,
        name=token.name,
        last_four=token.last_four,
        scopes=tuple(sorted(actor.scopes)),
        employee=actor.extension or None,
        employee_id=actor.employee,
        employee_name=token.employee_name or None,
        as_any=actor.acts_for_any,
        created=instant(token.created) or "",
        expires=instant(token.expires),
        used=instant(token.used),
        revoked=instant(token.revoked),
    )
