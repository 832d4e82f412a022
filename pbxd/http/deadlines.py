"""How long a request may take, and how one that may take long ends when the server stops."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Self

from aiohttp import web


class Deadlines:
    """The deadlines of many requests. They have one timer, which runs on from one request to the next.

    `asyncio.timeout` starts and stops a timer for each, which takes a tenth of a look-up's time.
    """

    def __init__(self) -> None:
        self._watched: dict[Deadline, float] = {}  # when each is due, by the loop's clock
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf

    @cached_property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    def start(self, seconds: float | None) -> Deadline:
        """Give the present task so many seconds; None: it may take for ever, unless the deadline is moved."""
        task = asyncio.current_task(self._loop)
        if task is None:
            raise RuntimeError("a handler runs in a task")
        deadline = Deadline(self, task)
        if seconds is not None:
            self.watch(deadline, self._loop.time() + seconds)
        return deadline

    def watch(self, deadline: Deadline, when: float) -> None:
        """Have a deadline come at this time."""
        self._watched[deadline] = when
        if when < self._timer_at:
            self._wake_at(when)

    def forget(self, deadline: Deadline) -> None:
        """Have a deadline never come."""
        self._watched.pop(deadline, None)

    def _wake_at(self, when: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer, self._timer_at = self._loop.call_at(when, self._check), when

    def _check(self) -> None:
        now, self._timer, self._timer_at = self._loop.time(), None, math.inf
        due = [each for each, when in self._watched.items() if when <= now]
        for deadline in sorted(due, key=self._watched.__getitem__):  # after a busy moment several are
            self.forget(deadline)
            deadline.come()
        if self._watched:
            self._wake_at(min(self._watched.values()))


class Deadline:
    """When a block is given up: it is cancelled, and TimeoutError comes out of it, as with `asyncio.timeout`."""

    __slots__ = ("_before", "_come", "_deadlines", "_task")

    def __init__(self, deadlines: Deadlines, task: asyncio.Task[Any]) -> None:
        self._deadlines = deadlines
        self._task = task
        self._before = task.cancelling()  # how often others have cancelled the task
        self._come = False

    def reschedule(self, when: float | None) -> None:
        """Move it to another time, by the loop's clock; None: it never comes."""
        if when is None:
            self._deadlines.forget(self)
        else:
            self._deadlines.watch(self, when)

    def come(self) -> None:
        """Cancel the block."""
        self._come = True
        self._task.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _where: object) -> None:
        self._deadlines.forget(self)
        if self._come and self._task.uncancel() <= self._before and kind is asyncio.CancelledError:
            raise TimeoutError from error


DEADLINE = web.RequestKey("deadline", Deadline)  # a stream lifts it
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
