from __future__ import annotations

import asyncio

from pbxd.asterisk.ami.intake import Arrival, Intake, StreamGap


async def test_everything_comes_out_in_order() -> None:
    intake = Intake(limit=100)
    for number in range(50):
        intake.put({"Event": str(number)}, float(number))
    intake.link_lost(50.0)
    taken = await intake.take(40) + await intake.take(40)
    assert taken == [*(Arrival({"Event": str(n)}, float(n)) for n in range(50)), StreamGap(50.0, overflow=False)]


async def test_a_full_queue_drops_until_it_was_emptied_and_says_since_when() -> None:
    intake = Intake(limit=3)
    for number in range(5):
        intake.put({}, float(number))
    assert await intake.take(2) == [Arrival({}, 0.0), Arrival({}, 1.0)]
    intake.put({}, 5.0)  # there is room, but what came between is gone: order would lie
    assert await intake.take(10) == [Arrival({}, 2.0), StreamGap(3.0, overflow=True)]
    assert intake.dropped == 3
    intake.put({}, 6.0)
    assert await intake.take(10) == [Arrival({}, 6.0)]


async def test_take_waits_for_the_first_item() -> None:
    intake = Intake(limit=3)
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        taking = group.create_task(intake.take(1))
        await asyncio.sleep(0)
        assert not taking.done()
        intake.put({}, 1.0)
    assert taking.result() == [Arrival({}, 1.0)]
