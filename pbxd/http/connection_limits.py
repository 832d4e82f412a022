"""What a connection may cost: how many there are, how long a request's head may take and an answer may lie unread.

aiohttp has no time-out for request line and headers, none for a client that doesn't read its answer, and no limit on
connections. Each connection's protocol is therefore wrapped: bytes pass through untouched, only the clock is ours.
The time for a body is the handler's own (`problems.REQUEST_SECONDS`), that of an idle connection is aiohttp's
(`keepalive_timeout`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from pbxd.http.problems import Handler
from pbxd.settings import HttpSettings

UNREAD_SECONDS = 30.0  # how long a client may leave its answer unread once the buffers are full
_log = structlog.get_logger(__name__)


class Bounds:
    """The connections of one listener."""

    def __init__(self, settings: HttpSettings) -> None:
        self.head_seconds = settings.header_timeout_seconds
        self._most = settings.max_connections
        self._all: dict[asyncio.BaseTransport, Bounded] = {}
        self._waiting: dict[Bounded, None] = {}  # without a request under way, the longest so first
        self._full = False  # that was said, and not said again before half the places were free

    def __len__(self) -> int:
        return len(self._all)

    def protocol(self, handler: asyncio.Protocol) -> Bounded:
        """Wrap the protocol of a new connection."""
        return Bounded(self, handler)

    @contextmanager
    def serving(self, transport: asyncio.BaseTransport | None) -> Iterator[None]:
        """Note that a request's head is there and the request is under way."""
        connection = self._all.get(transport) if transport else None
        if connection is None:  # cut meanwhile
            yield
            return
        self._waiting.pop(connection, None)
        connection.begun()
        try:
            yield
        finally:
            connection.answered()
            if connection.transport in self._all:
                self._waiting[connection] = None

    def admit(self, connection: Bounded) -> bool:
        """Let a connection in; when all places are taken, the one longest without a request makes room."""
        if len(self._all) >= self._most:
            self._tell()
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

    def forget(self, connection: Bounded) -> None:
        """Give its place away."""
        self._all.pop(connection.transport, None)
        self._waiting.pop(connection, None)

    def _tell(self) -> None:
        if not self._full:
            _log.warning("http_connections_full", most=self._most)
        self._full = True


class Bounded(asyncio.Protocol):
    """One connection: aiohttp's protocol inside, our clock around it."""

    transport: asyncio.Transport

    def __init__(self, bounds: Bounds, handler: asyncio.Protocol) -> None:
        self._bounds = bounds
        self._handler = handler
        self._admitted = False
        self._serving = False
        self._head: asyncio.TimerHandle | None = None  # runs while a request's head is awaited or incomplete
        self._unread: asyncio.TimerHandle | None = None  # runs while the client doesn't read

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a place, if there is one."""
        self.transport = cast("asyncio.Transport", transport)
        self._admitted = self._bounds.admit(self)
        if not self._admitted:
            self.transport.abort()
            return
        self._expect_head()
        self._handler.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Pass on; the first byte after an answer begins the time of the next head."""
        if not self._admitted:
            return
        if not self._serving and self._head is None:
            self._expect_head()
        self._handler.data_received(data)

    def eof_received(self) -> bool | None:
        """Pass on."""
        return self._handler.eof_received() if self._admitted else None

    def pause_writing(self) -> None:
        """Begin the time in which the client must read."""
        self._unread = asyncio.get_running_loop().call_later(UNREAD_SECONDS, self.cut)
        self._handler.pause_writing()

    def resume_writing(self) -> None:
        """Note that the client has read."""
        _stop(self._unread)
        self._handler.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        """Give the place back."""
        _stop(self._head)
        _stop(self._unread)
        self._bounds.forget(self)
        if self._admitted:
            self._handler.connection_lost(error)

    def begun(self) -> None:
        """Note that the head of a request is complete."""
        self._serving = True
        _stop(self._head)
        self._head = None

    def answered(self) -> None:
        """Note that the request is done with."""
        self._serving = False

    def cut(self) -> None:
        """Close without waiting for anything."""
        self.transport.abort()

    def _expect_head(self) -> None:
        self._head = asyncio.get_running_loop().call_later(self._bounds.head_seconds, self.cut)


def within(bounds: Bounds) -> Middleware:
    """Make the middleware that tells `bounds` which connections have a request under way; the outermost one."""

    @web.middleware
    async def served(request: web.Request, handler: Handler) -> web.StreamResponse:
        with bounds.serving(request.transport):
            return await handler(request)

    return served


def _stop(timer: asyncio.TimerHandle | None) -> None:
    if timer:
        timer.cancel()
