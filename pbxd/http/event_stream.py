"""Streams of events as browsers read them: server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).

Frames come ready-made, since a thousand readers get the same bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import ClassVar, Generic, TypeVar

from aiohttp import HttpVersion11, web

from pbxd.errors import UnavailableError
from pbxd.http.access import is_still_admitted
from pbxd.http.answers import Answer
from pbxd.http.deadlines import DEADLINE, ended_by_stop
from pbxd.http.streams import HEADERS, Stream

_UNREAD_BYTES = 65_536  # in the buffers

EventT = TypeVar("EventT", bound=Answer)


async def may_go_on(request: web.Request) -> bool:
    """Tell whether a stream may go on: its client is there, and its token or session still valid.

    While that can't be told, because the database is away, it goes on.
    """
    if request.transport is None or request.transport.is_closing():
        return False
    try:
        return await is_still_admitted(request)
    except UnavailableError:
        return True


class Outlet:
    """Write frames directly to an open response while its client keeps reading. This saves waking the stream's task."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None

    def open(self, transport: asyncio.Transport | None) -> None:
        """Let frames go out; the answer is in chunks (RFC 9112, section 7.1), and its head was sent."""
        self._transport = transport

    def send(self, frames: bytes) -> bool:
        """Send frames; return False if the answer's task has to: it can wait until the client reads."""
        there = self._transport
        if there is None or there.is_closing() or there.get_write_buffer_size() > _UNREAD_BYTES:
            return False
        there.write(b"%x\r\n%b\r\n" % (len(frames), frames))
        return True


class EventStream(Stream[EventT], Generic[EventT]):
    """An answer that a handler returns instead of a model: frames, each one or more events.

    The head is sent at once. A client that does not read is cut by `connection_limits`; it resumes with Last-Event-ID.
    """

    content_type: ClassVar[str] = "text/event-stream"

    def __init__(self, frames: AsyncGenerator[bytes, None], outlet: Outlet) -> None:
        self._frames = frames
        self._outlet = outlet

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Answer the request; returns when the frames end, the client leaves or the server stops."""
        response = web.StreamResponse(headers={"Content-Type": self.content_type, **HEADERS})
        if in_chunks := request.version >= HttpVersion11:
            response.enable_chunked_encoding()
        request[DEADLINE].reschedule(None)
        async with aclosing(self._frames) as frames:
            await response.prepare(request)
            if request.method == "HEAD":
                return response
            # The client has left; or it is behind, and the database is away: it comes again, and resumes.
            with ended_by_stop(request.app), suppress(ConnectionResetError, UnavailableError):
                async for frame in frames:
                    await response.write(frame)
                    if in_chunks:
                        self._outlet.open(request.transport)
                await response.write_eof()
        return response
