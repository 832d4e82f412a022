"""Who may ask: on TCP whoever shows a token, on the unix socket whoever the file's mode lets in (administrators)."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from pbxd.actor import Actor
from pbxd.http.app_keys import SERVICES, Services
from pbxd.http.problems import Handler, problem
from pbxd.i18n import _

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/api/v1/openapi.json"})  # they tell nothing about anybody


ACTOR = web.RequestKey("actor", Actor)  # who the request acts for; every operation that isn't open has one


@web.middleware
async def bearer(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request through that carries a token in force (RFC 6750), and those that need none."""
    if request.path in OPEN_PATHS:
        return await handler(request)
    scheme, _blank, plain = request.headers.get("Authorization", "").partition(" ")
    services = request.app[SERVICES]
    token = await services.tokens.verify(plain.strip()) if scheme.lower() == "bearer" else None
    if token is None or _has_left(token.actor, services):
        return _refused(given=bool(plain))
    request[ACTOR] = token.actor
    return await handler(request)


@web.middleware
async def administrators(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let every request through: the socket's mode has decided who may ask."""
    request[ACTOR] = Actor.administrator("socket")
    return await handler(request)


def _has_left(actor: Actor, services: Services) -> bool:
    """Tell whether the token's employee has left: it must not come to whoever gets the extension next."""
    employee = services.directory.employee(actor.extension) if actor.is_employee else None
    return employee is not None and not employee.active


def _refused(*, given: bool) -> web.Response:
    answer = problem("unauthorized", HTTPStatus.UNAUTHORIZED, _("a valid bearer token is needed"))
    answer.headers["WWW-Authenticate"] = (
        'Bearer realm="pbxd", error="invalid_token"' if given else 'Bearer realm="pbxd"'
    )
    return answer
