"""The connections of the FastAGI server: what each one waits for, and which one must go when there is no room."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import dataclass

from pbxd.asterisk.agi.commands import AgiCommand
from pbxd.asterisk.agi.protocol import AgiParser, AgiReply
from pbxd.settings import AgiSettings

Conversation = Generator[AgiCommand, AgiReply | None, None]  # commands, and Asterisk's reply to each

_STALLED_SHARE = 0.01  # of the reply time-out: a slower peer may lose its place; Asterisk needs milliseconds


@dataclass(eq=False, slots=True)
class Session:
    """One connection; it waits for headers until `commands` is set."""

    sock: socket.socket
    peer: str  # its address
    parser: AgiParser
    since: float  # when it was accepted, or got the latest command: monotonic time
    commands: Conversation | None = None
    open: bool = True


class Connections:
    """All open connections, by what they owe: headers or a reply.

    If one more than `settings.max_connections` comes, one must go. It is one of the address with the most connections:
    the one that has owed headers or a reply for the longest time. Asterisk sends them within milliseconds, even if it
    shares the address with an attacker. If that one owes for less than a hundredth of the reply time-out, the one that
    owes longest of all goes instead: attackers may have many addresses, and Asterisk the most connections.
    """

    def __init__(self, settings: AgiSettings) -> None:
        self.waiting: dict[Session, None] = {}  # headers incomplete; oldest first
        self.talking: dict[Session, None] = {}  # a reply is due; longest without one first
        self._settings = settings
        self._peers: Counter[str] = Counter()  # how many connections each address has

    @property
    def full(self) -> bool:
        """Whether there is no room for one more."""
        return len(self.waiting) + len(self.talking) >= self._settings.max_connections

    def add(self, session: Session) -> None:
        """Add a connection, which owes headers."""
        self.waiting[session] = None
        self._peers[session.peer] += 1

    def begin(self, session: Session) -> None:
        """Note that the headers are complete."""
        del self.waiting[session]

    def expect_reply(self, session: Session) -> None:
        """Note that a command was sent, so that a reply is due from now on."""
        session.since = time.monotonic()
        self.talking.pop(session, None)
        self.talking[session] = None

    def remove(self, session: Session) -> None:
        """Remove a connection that was closed."""
        self.waiting.pop(session, None)
        self.talking.pop(session, None)
        self._peers[session.peer] -= 1
        if not self._peers[session.peer]:
            del self._peers[session.peer]

    def all(self) -> list[Session]:
        """Return all connections."""
        return [*self.waiting, *self.talking]

    def longest_owing(self) -> Session | None:
        """Find the one longest without progress at the address with the most connections, else of all."""
        crowd = max(self._peers, key=lambda peer: self._peers[peer], default="")
        theirs = self._oldest(lambda one: one.peer == crowd)
        return theirs if theirs and self.is_stalled(theirs) else self._oldest(lambda _one: True)

    def _oldest(self, wanted: Callable[[Session], bool]) -> Session | None:
        found = [next(filter(wanted, group), None) for group in (self.waiting, self.talking)]
        return min((one for one in found if one), key=lambda one: one.since, default=None)

    def is_stalled(self, session: Session) -> bool:
        """Whether a connection has owed something for so long that it may lose its place."""
        return time.monotonic() - session.since >= self._settings.reply_timeout_seconds * _STALLED_SHARE

    def overdue(self, now: float) -> tuple[Session | None, str]:
        """Return a connection whose time is up, and what it owes; None if there is none."""
        oldest = next(iter(self.waiting), None)
        if oldest and now - oldest.since > self._settings.header_timeout_seconds:
            return oldest, "headers"
        oldest = next(iter(self.talking), None)
        if oldest and now - oldest.since > self._settings.reply_timeout_seconds:
            return oldest, "reply"
        return None, ""
