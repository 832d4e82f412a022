"""Answers to the dialplan's look-ups: who calls, and what of it this channel may be told.

Anyone who reaches the FastAGI port can claim to be any channel. Personal contacts (`for=EXT`) therefore count only when
the asker proves to be the dialplan: pbxd keeps a secret in the PBX's global variable KEY_VARIABLE, set over AMI, and
asks the channel for it. Asked of everybody who says `for`, so that the question tells nothing about the book.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Generator

import structlog

from pbxd.actor import Actor
from pbxd.asterisk.agi.protocol import AgiCommand, AgiReply, AgiRequest, commands_for, get_variable
from pbxd.asterisk.endpoints import Endpoints
from pbxd.logs import Notes
from pbxd.lookup.caller_naming import LookUp, name_caller

KEY_VARIABLE = "PBXD_KEY"

_log = structlog.stdlib.get_logger(__name__)


class LookUps:
    """Answers from the directory in memory."""

    def __init__(self, lookup: LookUp, endpoints: Endpoints, vip_priority: Callable[[], int]) -> None:
        self.key = secrets.token_hex(16)  # to be kept in KEY_VARIABLE; another one in each process
        self._lookup = lookup
        self._endpoints = endpoints
        self._vip_priority = vip_priority
        self._notes = Notes(_log)

    def answer(self, request: AgiRequest) -> Generator[AgiCommand, AgiReply | None, None]:
        """Say who calls; a channel of an employee is inside, any other is taken for outside."""
        viewer = request.query.get("for", "")
        if viewer and not self._is_dialplan((yield get_variable(KEY_VARIABLE))):
            self._notes.write("personal_contacts_refused", why="the asker doesn't know " + KEY_VARIABLE)
            viewer = ""
        actor = Actor.agent(viewer, "dialplan")
        inside = self._endpoints.is_inside(request.headers.get("agi_channel", ""))
        caller = name_caller(self._lookup, request.caller_number, actor, inside=inside)
        public = caller.public if caller.private else None
        commands = commands_for(caller.match, request, self._vip_priority(), public=public)
        for command in commands:  # noqa: UP028 - `yield from` a list can't be sent replies
            yield command

    def _is_dialplan(self, reply: AgiReply | None) -> bool:
        return reply is not None and hmac.compare_digest(reply.text.encode(), self.key.encode())
