"""Signing in and out, and who one is."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Annotated

from pydantic import Field

from pbxd.api.users import UserAnswer, user_answer
from pbxd.errors import NotFoundError
from pbxd.http.answers import Answer, Reply
from pbxd.http.client import client_of
from pbxd.http.context import LOGIN, Context, Login
from pbxd.http.cross_site import check_same_origin
from pbxd.http.operations import Resource
from pbxd.http.requests import Body
from pbxd.http.session_cookies import drop_session, keep_session, session_of
from pbxd.i18n import _
from pbxd.roles import Role, scopes_of
from pbxd.scopes import Scope
from pbxd.services.access import users

resource = Resource("sessions", "Signing in and out, and who one is.")
_REFUSED = {
    HTTPStatus.UNAUTHORIZED: "Nobody signs in with this login and password.",
    HTTPStatus.FORBIDDEN: "A page of another origin asked for it.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many attempts failed; `Retry-After` says how long to wait.",
}


class SignInRequest(Body):
    """Who signs in."""

    login: Annotated[str, Field(min_length=1, max_length=254)]
    """The extension, or the e-mail."""
    password: Annotated[str, Field(min_length=1, max_length=1000)]


class MyEmployeeAnswer(Answer):
    """An employee."""

    id: int | None
    """Null: of an extension that nobody is known to have."""
    extension: str | None
    name: str | None


class MeAnswer(Answer):
    """Who one is, and what one may do."""

    role: Role
    scopes: tuple[Scope, ...]
    """What the token or the session can be used for; the role may reach less far."""
    employee: MyEmployeeAnswer | None
    """As whom one acts; null: nobody."""
    as_any: bool
    """Whether a request may name any employee to act for."""
    user: UserAnswer | None
    """Who is signed in; null: a token or the unix socket is used."""


@resource.operation("POST", "/api/v1/session", scope="open", status=HTTPStatus.CREATED, problems=_REFUSED)
async def sign_in(context: Context, body: SignInRequest) -> Reply[MeAnswer]:
    """Sign in: the answer sets a cookie, which every further request of the browser brings.

    The session that the browser had ends. For programs there are tokens.
    """
    request, services = context.request, context.services
    request[LOGIN] = Login(partial(services.sessions.loggable, body.login))
    check_same_origin(request)
    begun = await services.sessions.sign_in(body.login, body.password, client_of(request).address, session_of(request))
    keep_session(request, begun)
    user = begun.user
    employee = None
    if user.employee is not None:
        employee = MyEmployeeAnswer(id=user.employee, extension=user.extension, name=user.name or None)
    answer = MeAnswer(
        role=user.role,
        scopes=tuple(sorted(scopes_of(user.role))),
        employee=employee,
        as_any=False,
        user=user_answer(user),
    )
    return Reply(answer, headers={"Location": "/api/v1/me"})


@resource.operation("DELETE", "/api/v1/session", scope="any", status=HTTPStatus.NO_CONTENT)
async def sign_out(context: Context) -> None:
    """Sign out: the session ends. A token stays as it is."""
    if context.actor.user is not None:
        await context.services.sessions.sign_out(session_of(context.request))
        drop_session(context.request)


@resource.operation("GET", "/api/v1/me", scope="any")
async def show_me(context: Context) -> MeAnswer:
    """Show who one is, and what one may do."""
    actor = context.actor
    user = await users.own(context.services.workspace, actor)
    employee = None
    if actor.is_employee:
        known = context.services.employee(actor.extension)
        name = user.name if user else known.name if known else ""
        key = actor.employee or (known.id if known else 0)
        employee = MyEmployeeAnswer(id=key or None, extension=actor.extension or None, name=name or None)
    return MeAnswer(
        role=actor.role,
        scopes=tuple(sorted(actor.scopes)),
        employee=employee,
        as_any=actor.acts_for_any,
        user=user_answer(user) if user else None,
    )


@resource.operation(
    "DELETE",
    "/api/v1/me/sessions",
    scope="any",
    status=HTTPStatus.NO_CONTENT,
    problems={HTTPStatus.NOT_FOUND: "A token has no sessions."},
)
async def end_my_sessions(context: Context) -> None:
    """Sign out everywhere, here too."""
    actor = context.actor
    if actor.user is None:
        raise NotFoundError(_("nobody is signed in; a token has no sessions"))
    await users.end_sessions(context.services.workspace, actor, actor.user)
    drop_session(context.request)
