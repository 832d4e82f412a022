"""Streams: answers that go on for as long as new items come, one JSON object a line.

Between two items an empty line comes now and then: a reader that leaves it out knows that the connection lives, and
proxies keep it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress
from typing import ClassVar, Final, Generic, TypeVar

from aiohttp import web

from pbxd.http.answers import Answer
from pbxd.http.deadlines import DEADLINE, STREAMS, ended_by_stop

CHECK_SECONDS = 2.0  # how often a stream asks whether it may go on: it must end 5 s after its right has
PING_SECONDS = 15.0
PING: Final = b"\n"
# A proxy must pass each item on at once; nginx does so by the last one.
HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

ItemT = TypeVar("ItemT", bound=Answer)


async def _always() -> bool:
    return True


class Stream(Generic[ItemT]):
    """An answer that a handler returns instead of a model; each item is sent when it comes.

    The head is sent with the first item, so that an error before it is answered with a problem. After the head the
    request has no deadline. The stream ends when `may_go_on`, asked every CHECK_SECONDS, says no, and at a stop of the
    server.
    """

    content_type: ClassVar[str] = "application/x-ndjson"

    def __init__(self, items: AsyncGenerator[ItemT, None], may_go_on: Callable[[], Awaitable[bool]] = _always) -> None:
        self._items = items
        self._may_go_on = may_go_on

    def encode(self, item: ItemT) -> bytes:
        """Return an item as it is sent."""
        return item.encoded() + b"\n"

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Answer the request; returns when the items end, the client leaves or the server stops."""
        response = web.StreamResponse(headers={"Content-Type": self.content_type, **HEADERS})
        async with aclosing(self._items) as items:
            first = await anext(items, None)
            request[DEADLINE].reschedule(None)
            await response.prepare(request)
            if request.method != "HEAD" and first is not None:
                with ended_by_stop(request.app), suppress(ConnectionResetError):  # the client has left
                    await response.write(self.encode(first))
                    async with aclosing(self._lines(items)) as lines:
                        async for line in lines:
                            await response.write(line)
                    await response.write_eof()
        return response

    async def _lines(self, items: AsyncIterator[ItemT]) -> AsyncGenerator[bytes, None]:
        """Yield further items as they are sent, and pings, while the stream may go on."""
        wrote = checked = time.monotonic()
        following = asyncio.create_task(_next(items))
        try:
            while True:
                await asyncio.wait({following}, timeout=max(0.0, checked + CHECK_SECONDS - time.monotonic()))
                if time.monotonic() - checked >= CHECK_SECONDS:  # also where items come all the time
                    checked = time.monotonic()
                    if not await self._may_go_on():
                        return
                if following.done():
                    if (item := following.result()) is None:
                        return
                    following = asyncio.create_task(_next(items))
                    yield self.encode(item)
                elif time.monotonic() - wrote >= PING_SECONDS:
                    yield PING
                else:
                    continue
                wrote = time.monotonic()
        finally:
            following.cancel()
            await asyncio.wait({following})  # then `items` can be closed


async def _next(items: AsyncIterator[ItemT]) -> ItemT | None:
    return await anext(items, None)


def prepare_streams(app: web.Application) -> None:
    """Make an application able to serve streams, and end them when it stops."""
    app[STREAMS] = set()
    app.on_shutdown.append(_end_streams)


async def _end_streams(app: web.Application) -> None:
    for task in app[STREAMS].copy():
        task.cancel()
