"""Who may use an operation.

On TCP: clients with a valid token that has the operation's scope, and users who are signed in, whose cookie says so. A
token beats a cookie. On the unix socket: everybody whom the file's mode lets connect, as administrators.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import cast

from aiohttp import web

from pbxd.actor import Actor
from pbxd.http.context import ACTOR, ADMITTED, CALLER, SERVICES, SOCKET, Services
from pbxd.http.cross_site import check_same_origin, comes_from_widget
from pbxd.http.operations import Operation, check_known, is_open
from pbxd.http.problems import problem
from pbxd.http.session_cookies import session_of
from pbxd.i18n import _
from pbxd.rights import check_scope
from pbxd.scopes import Scope

FRAGMENT = "X-Fragment"  # a script of the pages asks
_BY_ITSELF = "auto"


async def admit_client(request: web.Request, operation: Operation | None) -> web.Response | None:
    """Return the refusal of a request, None if it needs nobody or comes from somebody who may do it.

    Raises RefusedError and UnavailableError.
    """
    if operation is None:
        check_known(request)
    if is_open(request, operation):
        return None
    admitted = await _admitted(request)
    if admitted is None:
        return _refused(given=bool(request.headers.get("Authorization", "").partition(" ")[2]))
    request[CALLER], actor = admitted
    _admit(request, operation, actor)
    return None


async def admit_administrator(request: web.Request, operation: Operation | None) -> None:
    """Let every request through, as an administrator's."""
    if operation is None:
        check_known(request)
    request[CALLER] = SOCKET
    _admit(request, operation, Actor.administrator("socket"))


async def is_still_admitted(request: web.Request) -> bool:
    """Tell whether a request's token or session is still valid, with the same rights; for streams that go on.

    Raises UnavailableError if that can't be told now.
    """
    if request[CALLER] == SOCKET:
        return True
    admitted = await _admitted(request, streaming=True)
    if admitted is None:
        return False
    return _same_rights(admitted[1].seeing(request.app[SERVICES].sights()), request[ADMITTED])


def asks_by_itself(request: web.Request) -> bool:
    """Tell whether an open page asks because something happened: nobody typed or clicked."""
    return request.headers.get(FRAGMENT) == _BY_ITSELF


async def session_actor(request: web.Request, *, streaming: bool = False) -> Actor | None:
    """Return who is signed in by the request's cookie. Raises RefusedError for a change from another origin.

    A request keeps an idle session alive, unless an open page makes it by itself. `streaming`: recheck an open stream;
    the answer may be one second old and does not extend the session.
    """
    plain, sessions = session_of(request), request.app[SERVICES].sessions
    if not plain:
        return None
    counts = not asks_by_itself(request)
    actor = await (sessions.still_open(plain) if streaming else sessions.verify(plain, counts=counts))
    if actor is not None:
        check_same_origin(request)
    return actor


async def _admitted(request: web.Request, *, streaming: bool = False) -> tuple[str, Actor] | None:
    """Return who asks: what tells them from others, and as whom they act."""
    services = request.app[SERVICES]
    plain = _bearer(request)
    if plain is None and comes_from_widget(request):
        return None
    if plain is None:
        actor = await session_actor(request, streaming=streaming)
        return None if actor is None else (f"user {actor.user}", actor)
    token = await services.tokens.verify(plain)
    if token is None or _has_left(token.actor, services):
        return None
    return f"token {token.id}", token.actor


def _bearer(request: web.Request) -> str | None:
    """Return the bearer token (RFC 6750); None: there is none. A proxy's Basic is none either."""
    scheme, _blank, plain = request.headers.get("Authorization", "").partition(" ")
    return plain.strip() if scheme.lower() == "bearer" else None


def _same_rights(now: Actor, then: Actor) -> bool:
    rights_now = now.role, now.scopes, now.employee, now.extension, now.sights
    return rights_now == (then.role, then.scopes, then.employee, then.extension, then.sights)


def _admit(request: web.Request, operation: Operation | None, actor: Actor) -> None:
    """Set the request's actor. Raises ScopeError unless they have the scope that the operation needs."""
    request[ACTOR] = request[ADMITTED] = actor = actor.seeing(request.app[SERVICES].sights())
    if operation and operation.scope not in {"open", "any"}:
        check_scope(actor, cast("Scope", operation.scope))


def _has_left(actor: Actor, services: Services) -> bool:
    """Tell whether the token's employee has left, or lost the extension: whoever has it now must not have the token."""
    if actor.employee is not None and not actor.extension:
        return True
    employee = services.employee(actor.extension) if actor.is_employee else None
    return employee is not None and not employee.active


def _refused(*, given: bool) -> web.Response:
    answer = problem("unauthorized", HTTPStatus.UNAUTHORIZED, _("sign in, or send a valid bearer token"))
    answer.headers["WWW-Authenticate"] = (
        'Bearer realm="pbxd", error="invalid_token"' if given else 'Bearer realm="pbxd"'
    )
    return answer
