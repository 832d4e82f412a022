"""Streams: answers that go on for as long as new items come, one JSON object a line."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import ClassVar, Generic, TypeVar

from aiohttp import web

from pbxd.http.answers import Answer
from pbxd.http.deadlines import DEADLINE, STREAMS, ended_by_stop

ItemT = TypeVar("ItemT", bound=Answer)


class Stream(Generic[ItemT]):
    """An answer that a handler returns instead of a model; each item is sent when it comes.

    The head is sent with the first item, so that an error before it is answered with a problem. After the head the
    request has no deadline, and a stop of the server ends it.
    """

    content_type: ClassVar[str] = "application/x-ndjson"

    def __init__(self, items: AsyncGenerator[ItemT, None]) -> None:
        self._items = items

    def encode(self, item: ItemT) -> bytes:
        """Return an item as it is sent."""
        return item.encoded() + b"\n"

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Answer the request; returns when the items end, the client leaves or the server stops."""
        response = web.StreamResponse(headers={"Content-Type": self.content_type, "Cache-Control": "no-store"})
        async with aclosing(self._items) as items:
            first = await anext(items, None)
            request[DEADLINE].reschedule(None)
            await response.prepare(request)
            if request.method != "HEAD" and first is not None:
                with ended_by_stop(request.app), suppress(ConnectionResetError):  # the client has left
                    await response.write(self.encode(first))
                    async for item in items:
                        await response.write(self.encode(item))
                    await response.write_eof()
        return response


def prepare_streams(app: web.Application) -> None:
    """Make an application able to serve streams, and end them when it stops."""
    app[STREAMS] = set()
    app.on_shutdown.append(_end_streams)


async def _end_streams(app: web.Application) -> None:
    for task in app[STREAMS].copy():
        task.cancel()
