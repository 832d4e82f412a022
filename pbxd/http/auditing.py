"""The audit log of HTTP: what changes something is logged with its change, what is refused after it."""

from __future__ import annotations

import json
import pwd
import socket
import struct
from http import HTTPStatus

from aiohttp import web

from pbxd.http.client import client_of
from pbxd.http.context import ACTOR, LOGIN, SERVICES, loggable_path, printable
from pbxd.http.operations import action_of
from pbxd.storage.access.audit import Deed
from pbxd.storage.engine.witnesses import Witness

_REFUSALS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS})
_CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: unix(7), SO_PEERCRED


def note_deeds(request: web.Request, response: web.StreamResponse, witness: Witness) -> None:
    """Log an action that wrote nothing to the database (such as a call), and a refusal.

    Nothing is logged for an unknown address. It is written a moment later: a call must not wait for the log.
    """
    if witness.acted and not witness.heard:
        request.app[SERVICES].refusals.note_done(deed_of(request))
    if response.status in _REFUSALS and action_of(request):
        deed = deed_of(request, _reason(response))
        tried = LOGIN in request and response.status == HTTPStatus.UNAUTHORIZED
        request.app[SERVICES].refusals.note(deed, deed.subject.partition(" ")[0] if tried else "")


def deed_of(request: web.Request, reason: str = "") -> Deed:
    """Return what a request does, as far as it is known by now; `reason`: why it was refused."""
    actor, login = request.get(ACTOR), request.get(LOGIN)
    return Deed(
        source=actor.source if actor else "",
        action=action_of(request),
        subject=printable(login.loggable()) if login else loggable_path(request),
        address=_address(request),
        employee=actor.employee if actor else None,
        extension=actor.extension if actor else "",
        reason=reason,
    )


def _reason(response: web.StreamResponse) -> str:
    """Return the word for programs that the problem document has."""
    try:
        told = json.loads(response.text or "{}") if isinstance(response, web.Response) else {}
    except ValueError:
        return str(response.status)
    return str(told.get("reason") or told.get("type", "").rpartition(":")[2] or response.status)


def _address(request: web.Request) -> str:
    """Return the client's IP address; on the unix socket the user of the operating system."""
    peer = request.transport.get_extra_info("socket") if request.transport else None
    if peer is None or peer.family != socket.AF_UNIX:
        return client_of(request).address
    _pid, uid, _gid = _CREDENTIALS.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
