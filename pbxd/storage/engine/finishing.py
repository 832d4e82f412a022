"""Work that is brought to its end although its task is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import TypeVar

AnswerT = TypeVar("AnswerT")


async def to_its_end(work: Coroutine[object, object, AnswerT], seconds: float) -> AnswerT:
    """Return what the work returns.

    Cancelled meanwhile, however often, wait for its end, at most so many seconds, before raising CancelledError.
    """
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        clock = asyncio.get_running_loop().time
        end = clock() + seconds
        while not task.done() and clock() < end:
            with suppress(asyncio.CancelledError):
                await asyncio.wait({task}, timeout=end - clock())
        if task.done() and not task.cancelled():
            task.exception()  # nobody else will ask for it
        raise
