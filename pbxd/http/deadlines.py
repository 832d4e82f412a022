"""How long a request may take, and how one that may take long ends when the server stops."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from types import TracebackType
from typing import Self

from aiohttp import web


class Deadlines:
    """The deadlines of many requests with one timer, which runs on from one to the next.

    `asyncio.timeout` starts and stops a timer for each: that takes as long as the rest of a quick request's way.
    """

    def __init__(self) -> None:
        self._watched: dict[Deadline, float] = {}  # when each is due, by the loop's time
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    def start(self, seconds: float | None) -> Deadline:
        """Return a deadline that is so many seconds away; None: that never comes."""
        return Deadline(self, None if seconds is None else self.loop.time() + seconds)

    @cached_property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop of all these requests."""
        return asyncio.get_running_loop()

    def watch(self, deadline: Deadline, when: float) -> None:
        """Have a deadline come at this time."""
        self._watched[deadline] = when
        if self._timer is None or when < self._timer_at:
            self._wake_at(when)

    def forget(self, deadline: Deadline) -> None:
        """Have a deadline never come."""
        self._watched.pop(deadline, None)

    def _wake_at(self, when: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer, self._timer_at = self.loop.call_at(when, self._check), when

    def _check(self) -> None:
        self._timer, now = None, self.loop.time()
        for deadline in [each for each, when in self._watched.items() if when <= now]:
            self.forget(deadline)
            deadline.come()
        if self._watched:
            self._wake_at(min(self._watched.values()))


class Deadline:
    """When a block is given up: it is cancelled, and TimeoutError comes out of it (as with `asyncio.timeout`)."""

    __slots__ = ("_all", "_before", "_come", "_task", "_when")
    _task: asyncio.Task[object]
    _before: int  # how often the task was cancelled before the block

    def __init__(self, deadlines: Deadlines, when: float | None) -> None:
        self._all = deadlines
        self._when = when
        self._come = False

    def reschedule(self, when: float | None) -> None:
        """Move it to another time, by the loop's clock; None: it never comes."""
        if when is None:
            self._all.forget(self)
        else:
            self._all.watch(self, when)

    def come(self) -> None:
        """Cancel the block."""
        self._come = True
        self._task.cancel()

    def __enter__(self) -> Self:
        task = asyncio.current_task(self._all.loop)
        if task is None:
            raise RuntimeError("a handler runs in a task")
        self._task, self._before = task, task.cancelling()
        self.reschedule(self._when)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _where: TracebackType | None
    ) -> None:
        self._all.forget(self)
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
