"""Queues: every strategy, and every way out of one."""

from __future__ import annotations

from tests.captures.bending import pick_up
from tests.captures.joining import consult_and_leave
from tests.captures.stage import OTHER, Stage, a_while, converse, taken_over
from tests.lab.call import Call
from tests.lab.phone import answering

# ringall is sales'; these differ in whom they ring first, and the last is the only one with an order that can be told.
STRATEGIES = {
    "leastrecent": "0311", "fewestcalls": "0312", "random": "0313", "rrmemory": "0314", "rrordered": "0315",
    "wrandom": "0316", "linear": "0317",
}  # fmt: skip


async def queue_strategies(stage: Stage) -> None:
    """One call to a queue of each strategy, one after the other; whoever is rung takes it after half a second."""
    for number in STRATEGIES.values():
        for extension in ("101", "102"):
            stage.phone(extension).behaviour = answering(after=0.5)
        client = stage.calls_us(number)
        await client.until_talking()
        await a_while(1.5)
        client.hangup()
        await stage.until_silent()


async def queue_linear(stage: Stage) -> None:
    """101 rings in vain for three seconds, then 102, who takes it."""
    client = stage.calls_us("0317")
    await (await stage.phone("101").incoming()).until_ended()
    await taken_over(client, await stage.phone("102").incoming())


async def queue_left_by_key(stage: Stage) -> None:
    """Nobody serves the queue; the client keys 2 after two seconds and is put through to 102."""
    client = stage.calls_us("0403")
    await stage.until_waiting("keyed")
    await a_while(2)
    client.press("2")
    await taken_over(client, await stage.phone("102").incoming())


async def queue_withdrawn(stage: Stage) -> None:
    """Nobody serves the queue; a program takes the client out of it after two seconds, and the dialplan hangs up."""
    client = stage.calls_us("0350")
    await stage.until_waiting("pool")
    await a_while(2)
    (channel,) = await stage.lab.channels()
    await stage.lab.ami_action("QueueWithdrawCaller", Queue="pool", Caller=channel["Channel"])
    await client.until_ended()


async def queue_unserved(stage: Stage) -> None:
    """Nobody serves the queue, no phone ever rings; the client leaves after two seconds."""
    client = stage.calls_us("0350")
    await stage.until_waiting("pool")
    await a_while(2)
    client.hangup()


async def _agent_talks(stage: Stage, number: str = "0100", caller: str = "") -> tuple[Call, Call]:
    client = stage.calls_us(number, caller) if caller else stage.calls_us(number)
    phone = await stage.phone("101").incoming()
    await converse(client, phone)
    return client, phone


async def queue_attended_feature(stage: Stage) -> None:
    """101 takes the client from the queue, consults 102 by *2 and leaves them together."""
    client, phone = await _agent_talks(stage)
    await consult_and_leave(stage, client, phone)


async def queue_pickup(stage: Stage) -> None:
    """The queue rings 101; 102 keys *8."""
    await pick_up(stage, "0100", "*8")


async def queue_two_at_once(stage: Stage) -> None:
    """Two clients in one queue of two agents, served at the same time."""
    first = stage.calls_us("0317")
    one = await stage.phone("101").incoming()
    await a_while(0.5)
    one.answer()
    await first.until_hears(one)
    second = stage.calls_us("0317", OTHER)
    await taken_over(second, await stage.phone("102").incoming())
    await second.until_ended()
    await a_while(1)
    one.hangup()


FLOWS = {
    flow.__name__: flow
    for flow in (
        queue_strategies, queue_linear, queue_left_by_key, queue_withdrawn, queue_unserved, queue_attended_feature,
        queue_pickup, queue_two_at_once,
    )
}  # fmt: skip
