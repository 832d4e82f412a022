"""Work that is brought to its end although its task is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

AnswerT = TypeVar("AnswerT")


async def to_its_end(work: Coroutine[object, object, AnswerT], seconds: float | None = None) -> AnswerT:
    """Return what the work returns; cancelled meanwhile, wait for its end, at most `seconds`, before CancelledError."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=seconds)
        raise
