"""Who may ask: on TCP whoever shows a token, on the unix socket whoever the file's mode lets in (administrators)."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from pbxd.http.problems import Handler, problem
from pbxd.http.services import SERVICES
from pbxd.i18n import _

OPEN_PATHS = frozenset({"/healthz", "/readyz", "/api/v1/openapi.json"})  # they tell nothing about anybody


@web.middleware
async def bearer(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a request through that carries a token in force (RFC 6750), and those that need none."""
    if request.path in OPEN_PATHS:
        return await handler(request)
    scheme, _blank, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and await request.app[SERVICES].tokens.verify(token.strip()):
        return await handler(request)
    answer = problem("unauthorized", HTTPStatus.UNAUTHORIZED, _("a valid bearer token is needed"))
    answer.headers["WWW-Authenticate"] = (
        'Bearer realm="pbxd", error="invalid_token"' if token else 'Bearer realm="pbxd"'
    )
    return answer
