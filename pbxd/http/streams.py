"""Streams: answers that go on for as long as new items come, one JSON object a line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager, suppress
from typing import ClassVar, Generic, TypeVar

from aiohttp import web

from pbxd.http.answers import Answer
from pbxd.http.problems import DEADLINE

STREAMS: web.AppKey[set[asyncio.Task[object]]] = web.AppKey("streams", set)  # the tasks that write one
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
                with _ended_by_stop(request.app), suppress(ConnectionResetError):  # the client has left
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


@contextmanager
def _ended_by_stop(app: web.Application) -> Iterator[None]:
    """Have a stop cancel the task that runs the block, instead of waiting for its end."""
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a handler runs in a task")
    app[STREAMS].add(task)
    try:
        yield
    finally:
        app[STREAMS].discard(task)
