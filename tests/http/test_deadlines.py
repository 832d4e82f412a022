"""Deadlines: one timer for all of them, and the same outcome as `asyncio.timeout`."""

from __future__ import annotations

import asyncio
import time

import pytest

from pbxd.http.deadlines import Deadlines

LATER = 60.0


async def test_a_block_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(TimeoutError), Deadlines().start(0.01):
        await asyncio.sleep(LATER)
    task = asyncio.current_task()
    assert task
    assert task.cancelling() == 0, "the task goes on"


@pytest.mark.parametrize("busy", [0.0, 0.15], ids=["one by one", "all are due at once"])
async def test_the_shorter_of_two_comes_first_whichever_was_started_first(busy: float) -> None:
    deadlines, began = Deadlines(), asyncio.get_running_loop().time()
    came: list[str] = []

    async def wait(name: str, seconds: float) -> None:
        try:
            with deadlines.start(None) as deadline:
                deadline.reschedule(began + seconds)
                await asyncio.sleep(LATER)
        except TimeoutError:
            came.append(name)

    async with asyncio.TaskGroup() as group:
        group.create_task(wait("second", 0.06))
        group.create_task(wait("first", 0.02))
        group.create_task(wait("third", 0.1))
        asyncio.get_running_loop().call_soon(time.sleep, busy)  # once all of them wait
    assert came == ["first", "second", "third"]


async def test_a_block_that_ends_in_time_is_left_alone_and_so_is_its_task() -> None:
    with Deadlines().start(0.02):
        await asyncio.sleep(0)
    await asyncio.sleep(0.05)


async def test_a_deadline_that_is_lifted_never_comes() -> None:
    with Deadlines().start(0.02) as deadline:
        deadline.reschedule(None)
        await asyncio.sleep(0.05)


async def test_a_deadline_may_be_moved_either_way() -> None:
    loop = asyncio.get_running_loop()
    with Deadlines().start(0.02) as deadline:
        deadline.reschedule(loop.time() + LATER)
        await asyncio.sleep(0.05)

    async def wait() -> None:
        with Deadlines().start(None) as deadline:
            deadline.reschedule(loop.time() - 1)
            await asyncio.sleep(LATER)

    with pytest.raises(TimeoutError):
        await wait()


async def test_cancelling_the_task_raises_cancelled_error_not_timeout() -> None:
    begun = asyncio.Event()

    async def wait() -> None:
        with Deadlines().start(LATER):
            begun.set()
            await asyncio.sleep(LATER)

    task = asyncio.create_task(wait())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
