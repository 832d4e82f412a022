"""The cookie that holds a session.

Over TLS its name begins with `__Host-`: no other port, path or subdomain can set it. Over plain HTTP browsers refuse
that name, and every port of the host gets the cookie; the log warns of it.
"""

from __future__ import annotations

import logging
from http.cookies import Morsel

import structlog
from aiohttp import web

from pbxd.http.client import client_of
from pbxd.logs import Notes
from pbxd.services.access.sessions import NewSession

SECURE_NAME = "__Host-pbxd"
PLAIN_NAME = "pbxd_session"
_LONGEST = 200  # characters; no cookie of ours is longer
_CHANGED = web.RequestKey("session_cookie", str)  # `Set-Cookie` of the answer
_notes = Notes(structlog.stdlib.get_logger(__name__))


def session_of(request: web.Request) -> str:
    """Return the plain session that a request brings; empty: none."""
    value = request.cookies.get(_name(request), "")
    return value if len(value) <= _LONGEST else ""


def keep_session(request: web.Request, session: NewSession) -> None:
    """Have the answer give the browser a session."""
    if not client_of(request).secure:
        _notes.write("session_without_tls", logging.WARNING, why="every port of this host gets the cookie; use TLS")
    _set(request, session.plain, int(session.longest.total_seconds()))


def drop_session(request: web.Request) -> None:
    """Have the answer take the session from the browser."""
    _set(request, "", 0)


def write_session(request: web.Request, response: web.StreamResponse) -> None:
    """Write the cookie to the answer, if the request changed it."""
    if cookie := request.get(_CHANGED):
        response.headers.add("Set-Cookie", cookie)
        response.headers["Cache-Control"] = "no-store"


def _set(request: web.Request, value: str, seconds: int) -> None:
    cookie: Morsel[str] = Morsel()
    cookie.set(_name(request), value, value)
    for name, word in {"path": "/", "max-age": str(seconds), "httponly": True, "samesite": "Lax"}.items():
        cookie[name] = word
    cookie["secure"] = client_of(request).secure
    request[_CHANGED] = cookie.OutputString()


def _name(request: web.Request) -> str:
    return SECURE_NAME if client_of(request).secure else PLAIN_NAME
