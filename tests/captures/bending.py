"""Calls that bend without a transfer: menus, pickup, parking, forwarding, several devices, overflow, Local channels."""

from __future__ import annotations

from tests.captures.joining import KEYED, talking
from tests.captures.stage import Stage, a_while, taken_over, talk
from tests.lab.phone import redirecting


async def menu(stage: Stage) -> None:
    """The client listens for two seconds, keys 1 and comes to sales."""
    client = stage.calls_us("0500")
    await client.until_talking()
    await a_while(2)
    client.press("1")
    await taken_over(client, await stage.phone("101").incoming())


async def menu_abandoned(stage: Stage) -> None:
    client = stage.calls_us("0500")
    await client.until_talking()
    await a_while(2)
    client.hangup()


async def pick_up(stage: Stage, number: str, keys: str) -> None:
    """The client calls a number that rings 101; 102 keys `keys` and has him."""
    client = stage.calls_us(number)
    await stage.phone("101").incoming()
    await a_while(1)
    phone = stage.phone("102").dial(keys)
    await talk(client, phone)
    client.hangup()


async def pickup_group(stage: Stage) -> None:
    """102 keys *8 while 101 rings."""
    await pick_up(stage, "0101", "*8")


async def pickup_directed(stage: Stage) -> None:
    """102 keys **101 while 101 rings."""
    await pick_up(stage, "0101", "**101")


async def parked_retrieved(stage: Stage) -> None:
    """101 parks by feature code and hears the slot; 102 takes the client out of it."""
    client, phone = await talking(stage)
    phone.press("##")
    await a_while(KEYED)
    phone.press("700")
    await a_while(5)
    line = stage.phone("102").dial("701")
    await talk(client, line)
    client.hangup()


async def parked_timed_out(stage: Stage) -> None:
    """101 parks by REFER; nobody comes for ten seconds, 101 rings again and takes the client back."""
    client, phone = await talking(stage)
    phone.refer("700")
    await taken_over(client, await stage.phone("101").incoming())


async def parked_abandoned(stage: Stage) -> None:
    client, phone = await talking(stage)
    phone.refer("700")
    await phone.until_ended()
    await a_while(3)
    client.hangup()


async def forward_local(stage: Stage) -> None:
    """101's number leads to Local/102@from-internal, which goes away once there is audio."""
    client = stage.calls_us("0800")
    await taken_over(client, await stage.phone("102").incoming())


async def forward_local_n(stage: Stage) -> None:
    """The same with /n: the Local pair stays."""
    client = stage.calls_us("0801")
    await taken_over(client, await stage.phone("102").incoming())


async def forward_mobile(stage: Stage) -> None:
    """101 rings for four seconds, then his mobile phone outside."""
    client = stage.calls_us("0802")
    await taken_over(client, await stage.client.incoming())


async def phone_302(stage: Stage) -> None:
    """101's phone sends the call on to 102 by itself."""
    stage.phone("101").behaviour = redirecting("102")
    client = stage.calls_us("0101")
    await taken_over(client, await stage.phone("102").incoming())


async def two_devices(stage: Stage) -> None:
    """Both devices of 106 ring; the second takes it."""
    client = stage.calls_us("0906")
    await stage.phone("106").incoming()
    await taken_over(client, await stage.phone("106b").incoming())


async def two_phones(stage: Stage) -> None:
    """101 and 102 ring at once, without a queue; 102 takes it."""
    client = stage.calls_us("0900")
    await stage.phone("101").incoming()
    await taken_over(client, await stage.phone("102").incoming())


async def two_equal_pairs(stage: Stage) -> None:
    """The same client calls 101 twice at the same time; the second call is answered first and ends first."""
    first = stage.calls_us("0101")
    first_line = await stage.phone("101").incoming()
    second = stage.calls_us("0101")
    second_line = await stage.phone("101").incoming()
    await a_while(1)
    second_line.answer()
    await second.until_hears(second_line)
    await a_while(1)
    first_line.answer()
    await first.until_hears(first_line)
    await a_while(1)
    second.hangup()
    await a_while(1)
    first_line.hangup()


async def queue_overflow(stage: Stage) -> None:
    """sales rings 101 in vain and gives the client to support, whose member is 101 through a Local channel."""
    client = stage.calls_us("0400")
    await (await stage.phone("101").incoming()).until_ended()
    await taken_over(client, await stage.phone("101").incoming())


async def queue_local_optimised(stage: Stage) -> None:
    """The member is Local/101@from-queue without /n: the pair goes away once there is audio."""
    member = {"Queue": "pool", "Interface": "Local/101@from-queue"}
    await stage.lab.admin.action("QueueAdd", member)
    client = stage.calls_us("0350")
    await taken_over(client, await stage.phone("101").incoming())
    await client.until_ended()
    await stage.lab.admin.action("QueueRemove", member)


FLOWS = {
    flow.__name__: flow
    for flow in (
        menu, menu_abandoned, pickup_group, pickup_directed, parked_retrieved, parked_timed_out, parked_abandoned,
        forward_local, forward_local_n, forward_mobile, phone_302, two_devices, two_phones, two_equal_pairs,
        queue_overflow, queue_local_optimised,
    )
}  # fmt: skip
