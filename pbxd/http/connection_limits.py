"""Limits of connections: how many there are, how long a request's head takes, how long an answer stays unread.

aiohttp has no time-out for request line and headers, none for a client that doesn't read its answer, no limit on
connections, and after a refusal it reads on for ten seconds, as fast as the body comes. Therefore each connection's
protocol is wrapped: bytes pass through untouched, only timers and a count of bytes are ours.
`handling.REQUEST_SECONDS` limits the time for a body, aiohttp (`keepalive_timeout`) that of an idle connection.
"""

from __future__ import annotations

import asyncio
from typing import cast

import structlog

from pbxd.settings import HttpSettings

REFUSED_BYTES = 32_000_000  # of a body that is read and dropped after its request was answered; then it is cut
UNREAD_SECONDS = 30.0  # how long a client may leave its answer unread once the buffers are full
_log = structlog.get_logger(__name__)


class ConnectionLimits:
    """The connections of one listener."""

    def __init__(self, settings: HttpSettings) -> None:
        self.head_seconds = settings.header_timeout_seconds
        self._most = settings.max_connections
        self._all: dict[asyncio.BaseTransport, LimitedConnection] = {}
        self._waiting: dict[LimitedConnection, None] = {}  # without a request under way, the longest waiting first
        self._full = False  # logged; logged again only after half the places were free

    def __len__(self) -> int:
        return len(self._all)

    def limited(self, handler: asyncio.Protocol) -> LimitedConnection:
        """Wrap the protocol of a new connection."""
        return LimitedConnection(self, handler)

    def start_request(self, transport: asyncio.BaseTransport | None) -> LimitedConnection | None:
        """Note that a request is under way: its head is complete. None: the connection was cut meanwhile."""
        connection = self._all.get(transport) if transport else None
        if connection is not None:
            self._waiting.pop(connection, None)
            connection.start_request()
        return connection

    def finish_request(self, connection: LimitedConnection) -> None:
        """Note that no request is under way any more."""
        connection.finish_request()
        if connection.transport in self._all:
            self._waiting[connection] = None

    def admit(self, connection: LimitedConnection) -> bool:
        """Take a place for a connection; return False if there is none.

        When all places are taken, the connection that has waited longest without a request is closed.
        """
        if len(self._all) >= self._most:
            self._log_full()
            longest = next(iter(self._waiting), None)
            if longest is None:
                return False
            self.forget(longest)
            longest.cut()
        elif len(self._all) < self._most // 2:
            self._full = False
        self._all[connection.transport] = connection
        self._waiting[connection] = None
        return True

    def forget(self, connection: LimitedConnection) -> None:
        """Free a connection's place."""
        self._all.pop(connection.transport, None)
        self._waiting.pop(connection, None)

    def _log_full(self) -> None:
        if not self._full:
            _log.warning("http_connections_full", most=self._most)
        self._full = True


class LimitedConnection(asyncio.Protocol):
    """One connection: aiohttp's protocol inside, our timers around it."""

    transport: asyncio.Transport

    def __init__(self, limits: ConnectionLimits, handler: asyncio.Protocol) -> None:
        self._limits = limits
        self._handler = handler
        self._admitted = False
        self._serving = False
        self._since_answer = 0  # bytes received; there would be a request among so many
        self._loop = asyncio.get_running_loop()
        self._head_due: float | None = None  # when a request's head that is awaited or incomplete must be complete
        self._head: asyncio.TimerHandle | None = None  # runs on from one request to the next: timers are dear
        self._unread: asyncio.TimerHandle | None = None  # runs while the client doesn't read

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a place, or close at once."""
        self.transport = cast("asyncio.Transport", transport)
        self._admitted = self._limits.admit(self)
        if not self._admitted:
            self.transport.abort()
            return
        self._expect_head()
        self._handler.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Pass on; the first byte after an answer starts the timer of the next head."""
        if not self._admitted:
            return
        if not self._serving:
            self._since_answer += len(data)
            if self._since_answer > REFUSED_BYTES:
                self.cut()
                return
            if self._head_due is None:
                self._expect_head()
        self._handler.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass on."""
        return self._handler.eof_received() if self._admitted else None

    def pause_writing(self) -> None:
        """Start the timer within which the client must read."""
        self._unread = self._loop.call_later(UNREAD_SECONDS, self.cut)
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """Stop the timer: the client has read."""
        _stop(self._unread)
        self._handler.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        """Stop the timers and free the place."""
        _stop(self._head)
        _stop(self._unread)
        self._limits.forget(self)
        if self._admitted:
            self._handler.connection_lost(error)

    def start_request(self) -> None:
        """Note that the head is complete."""
        self._serving = True
        self._since_answer = 0
        self._head_due = None

    def finish_request(self) -> None:
        """Note that no request is under way any more."""
        self._serving = False

    def cut(self) -> None:
        """Close at once."""
        self.transport.abort()

    def _expect_head(self) -> None:
        self._head_due = self._loop.time() + self._limits.head_seconds
        if self._head is None:
            self._head = self._loop.call_at(self._head_due, self._check_head)

    def _check_head(self) -> None:
        self._head = None
        if self._head_due is None:
            return
        if self._head_due <= self._loop.time():
            self.cut()
        else:
            self._head = self._loop.call_at(self._head_due, self._check_head)


def _stop(timer: asyncio.TimerHandle | None) -> None:
    if timer:
        timer.cancel()
