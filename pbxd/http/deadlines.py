"""How long a request may take, and how one that may take long ends when the server stops."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

DEADLINE = web.RequestKey("deadline", asyncio.Timeout)  # a stream lifts it
STREAMS: web.AppKey[set[asyncio.Task[object]]] = web.AppKey("streams", set)  # the tasks that write one


@contextmanager
def ended_by_stop(app: web.Application) -> Iterator[None]:
    """Have a stop cancel the task that runs the block, instead of waiting for its end."""
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a handler runs in a task")
    app[STREAMS].add(task)
    try:
        yield
    finally:
        app[STREAMS].discard(task)
