"""Who may use an operation.

On TCP: clients with a valid token that has the operation's scope. On the unix socket: everybody whom the file's mode
lets connect, as administrators.
"""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from pbxd.actor import Actor
from pbxd.http.context import ACTOR, CALLER, SERVICES, Services
from pbxd.http.operations import Operation, is_open, operation_of
from pbxd.http.problems import Handler, problem
from pbxd.i18n import _
from pbxd.rights import check_scope


@web.middleware
async def tokens_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request through if it has a valid token (RFC 6750) with the scope it needs, or needs none."""
    operation = operation_of(request)
    if is_open(request, operation):
        return await handler(request)
    scheme, _blank, plain = request.headers.get("Authorization", "").partition(" ")
    services = request.app[SERVICES]
    token = await services.tokens.verify(plain.strip()) if scheme.lower() == "bearer" else None
    if token is None or _has_left(token.actor, services):
        return _refused(given=bool(plain))
    request[CALLER] = f"token {token.id}"
    _admit(request, operation, token.actor)
    return await handler(request)


@web.middleware
async def administrators_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let every request through, as an administrator's."""
    request[CALLER] = "socket"
    _admit(request, operation_of(request), Actor.administrator("socket"))
    return await handler(request)


def _admit(request: web.Request, operation: Operation | None, actor: Actor) -> None:
    """Set the request's actor. Raises ScopeError unless they have the scope that the operation needs."""
    request[ACTOR] = actor
    if operation and operation.scope != "open":
        check_scope(actor, operation.scope)


def _has_left(actor: Actor, services: Services) -> bool:
    """Tell whether the token's employee has left, or lost the extension: whoever has it now must not have the token."""
    if actor.employee is not None and not actor.extension:
        return True
    employee = services.employee(actor.extension) if actor.is_employee else None
    return employee is not None and not employee.active


def _refused(*, given: bool) -> web.Response:
    answer = problem("unauthorized", HTTPStatus.UNAUTHORIZED, _("a valid bearer token is needed"))
    answer.headers["WWW-Authenticate"] = (
        'Bearer realm="pbxd", error="invalid_token"' if given else 'Bearer realm="pbxd"'
    )
    return answer
