"""Answer the dialplan's look-ups: who calls, and how much of that this channel may learn.

Anyone who reaches the FastAGI port can claim to be any channel. Personal contacts (`for=EXT`) therefore count only if
the asker proves to be the dialplan: pbxd keeps a secret in the PBX's global variable KEY_VARIABLE, set over AMI, and
asks the channel for it. Everybody who sends `for` is asked, so that the question reveals nothing about the book.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Generator

import structlog

from pbxd.actor import Actor
from pbxd.asterisk.agi.commands import AgiCommand, commands_for, get_variable
from pbxd.asterisk.agi.protocol import AgiReply, AgiRequest
from pbxd.asterisk.dialplan_guard import KEY_VARIABLE
from pbxd.asterisk.endpoints import Endpoints
from pbxd.logs import Notes
from pbxd.lookup.answers import Caller

_log = structlog.stdlib.get_logger(__name__)


class LookUps:
    """Answers look-ups by `name_caller` of `pbxd.services.calls.caller_naming`."""

    def __init__(
        self, name_caller: Callable[..., Caller], endpoints: Endpoints, vip_priority: Callable[[], int], key: str
    ) -> None:
        """Take the secret that KEY_VARIABLE has, as `key`."""
        self._key = key
        self._name_caller = name_caller
        self._endpoints = endpoints
        self._vip_priority = vip_priority
        self._notes = Notes(_log)

    def answer(self, request: AgiRequest) -> Generator[AgiCommand, AgiReply | None, None]:
        """Answer a request. An employee's channel is inside, any other counts as outside."""
        viewer = request.query.get("for", "")
        if viewer and not self._is_dialplan((yield get_variable(KEY_VARIABLE))):
            self._notes.write("personal_contacts_refused", why="the asker doesn't know " + KEY_VARIABLE)
            viewer = ""
        actor = Actor.agent(viewer, "dialplan")
        inside = self._endpoints.is_inside(request.headers.get("agi_channel", ""))
        caller = self._name_caller(request.caller_number, actor, inside=inside)
        public = caller.public if caller.private else None
        commands = commands_for(caller.match, request, self._vip_priority(), public=public)
        for command in commands:  # noqa: UP028 - `yield from` a list can't be sent replies
            yield command

    def _is_dialplan(self, reply: AgiReply | None) -> bool:
        return reply is not None and hmac.compare_digest(reply.text.encode(), self._key.encode())
