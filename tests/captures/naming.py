"""Names that look like numbers or extensions: trunks, browser phones; and lists of channels."""

from __future__ import annotations

from tests.captures.bending import pick_up
from tests.captures.joining import talking
from tests.captures.spelling import keyed
from tests.captures.stage import CLIENT, Stage, taken_over

LINE = "78123"  # a trunk


async def trunk_like_a_number(stage: Stage) -> None:
    """The trunk is called 74951234567, and the number dialled stands in a SIP address."""
    await keyed(stage, "89161110002")


async def trunk_like_an_extension(stage: Stage) -> None:
    """The trunk is called 78123: 101 calls somebody through it, then the client calls in through it."""
    phone = stage.phone("101").dial("89161110004")
    await taken_over(phone, await stage.phone(LINE).incoming())
    await stage.until_silent()
    client = stage.phone(LINE).dial("74951230102", caller=CLIENT)
    await taken_over(client, await stage.phone("102").incoming())


async def browser_queue(stage: Stage) -> None:
    """The queue's member is Local/n, which rings the desk phone and the browser phone of 101; he takes the latter."""
    client = stage.calls_us("2016")
    await stage.phone("101").incoming()
    await taken_over(client, await stage.phone("99101").incoming())


async def browser_alone(stage: Stage) -> None:
    """A phone called 99101 is rung alone: nothing says that it is 101's."""
    client = stage.calls_us("2017")
    await taken_over(client, await stage.phone("99101").incoming())


async def listed_pickup(stage: Stage) -> None:
    """With employees.channels: the queue rings 101; 102 keys *8."""
    await pick_up(stage, "0100", "*8")


async def listed_parking_timed_out(stage: Stage) -> None:
    """With employees.channels: 101 parks the client by REFER, who comes back to 101 after ten seconds."""
    client, phone = await talking(stage)
    phone.refer("700")
    await taken_over(client, await stage.phone("101").incoming())


FLOWS = {
    flow.__name__: flow
    for flow in (
        trunk_like_a_number, trunk_like_an_extension, browser_queue, browser_alone,
        listed_pickup, listed_parking_timed_out,
    )
}  # fmt: skip
