"""What other programs do to calls (Originate, Redirect, recording), and ends of calls that nobody wanted."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tests.captures.joining import KEYED, talking
from tests.captures.stage import CLIENT, TALK, Stage, a_while, taken_over
from tests.lab.phone import rejecting


def originate(
    stage: Stage, channel: str, exten: str, *, context: str = "from-internal", caller: str = "", seconds: int = 30
) -> None:
    """Let a program call `channel` and send it to an extension once it is there."""
    where = {"Channel": channel, "Context": context, "Exten": exten, "Priority": "1", "Timeout": str(seconds * 1000)}
    stage.lab.admin.send("Originate", where | ({"CallerID": caller} if caller else {}) | {"Async": "true"})


async def originated(stage: Stage) -> None:
    """A program rings 101 and, when he takes it, calls 102."""
    stage.lab.admin.send(
        "Originate", {"Channel": "PJSIP/101", "Context": "from-internal", "Exten": "102", "Priority": "1"}
    )
    phone = await stage.phone("101").incoming()
    await a_while(1)
    phone.answer()
    await taken_over(phone, await stage.phone("102").incoming())


async def originated_local(stage: Stage) -> None:
    """A program rings 101 through Local, which goes away once there is audio, and then calls the client."""
    stage.lab.admin.send(
        "Originate",
        {"Channel": "Local/101@from-internal", "Context": "from-internal", "Exten": CLIENT, "Priority": "1"},
    )
    phone = await stage.phone("101").incoming()
    await a_while(1)
    phone.answer()
    client = await stage.client.incoming()
    await taken_over(phone, client)


async def originated_outside_first(stage: Stage) -> None:
    """A dialler rings the client first and gives him to 101."""
    stage.lab.admin.send(
        "Originate",
        {"Channel": f"PJSIP/{CLIENT}@trunk", "Context": "from-internal", "Exten": "101", "Priority": "1"},
    )
    client = await stage.client.incoming()
    await a_while(1)
    client.answer()
    await taken_over(client, await stage.phone("101").incoming())


async def originated_announcement(stage: Stage) -> None:
    """A program rings 101 and plays him a tone; nobody else is in the call."""
    stage.lab.admin.send("Originate", {"Channel": "PJSIP/101", "Application": "Milliwatt"})
    phone = await stage.phone("101").incoming()
    await a_while(1)
    phone.answer()
    await a_while(2)
    phone.hangup()


async def _channel_of(stage: Stage, endpoint: str) -> str:
    (name,) = [row["Channel"] for row in await stage.lab.channels() if row["Channel"].startswith(f"PJSIP/{endpoint}-")]
    return name


async def redirected(stage: Stage) -> None:
    """A program takes the client from 101 to 102."""
    client, _phone = await talking(stage)
    channel = await _channel_of(stage, "trunk")
    await stage.lab.ami_action("Redirect", Channel=channel, Context="from-internal", Exten="102", Priority="1")
    await taken_over(client, await stage.phone("102").incoming())


async def hung_up_by_program(stage: Stage) -> None:
    """A program ends the conversation."""
    client, _phone = await talking(stage)
    await stage.lab.ami_action("Hangup", Channel=await _channel_of(stage, "trunk"))
    await client.until_ended()


async def recorded(stage: Stage) -> None:
    """The dialplan records the call (MixMonitor) before it rings 101."""
    client = stage.calls_us("0520")
    await taken_over(client, await stage.phone("101").incoming())


async def queue_recorded(stage: Stage) -> None:
    """The queue records the conversation (monitor-format) once its agent has taken it."""
    client = stage.calls_us("0320")
    await taken_over(client, await stage.phone("101").incoming())


async def lookup_abandoned(stage: Stage) -> None:
    """The look-up hangs: whoever is asked accepts and says nothing. The client leaves after a second and a half."""

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()

    host, _colon, port = stage.lab.asterisk.globals["PBXD_AGI"].partition(":")
    async with await asyncio.start_server(mute, host, int(port)):
        client = stage.calls_us("0101")
        await a_while(1.5)
        client.hangup()
        await client.until_ended()
        await stage.until_silent()


async def internal_unreachable(stage: Stage) -> None:
    """105 has no telephone registered."""
    phone = stage.phone("101").dial("105")
    await phone.until_ended()


async def internal_rejected(stage: Stage) -> None:
    stage.phone("102").behaviour = rejecting(603, 1)
    phone = stage.phone("101").dial("102")
    await phone.until_ended()


async def internal_no_answer(stage: Stage) -> None:
    """102 rings for the thirty seconds the dialplan allows."""
    phone = stage.phone("101").dial("102")
    await phone.until_ended()


async def internal_to_machine(stage: Stage) -> None:
    """101 listens to a tone: nobody else is in the call."""
    phone = stage.phone("101").dial("500")
    await phone.until_talking()
    await a_while(2)
    phone.hangup()


async def incoming_rejected(stage: Stage) -> None:
    stage.phone("101").behaviour = rejecting(603, 1)
    client = stage.calls_us("0101")
    await client.until_ended()


async def outgoing_unreachable(stage: Stage) -> None:
    """The provider has no way there: 503."""
    stage.client.behaviour = rejecting(503)
    phone = stage.phone("101").dial(CLIENT)
    await phone.until_ended()


async def attended_feature_cancelled(stage: Stage) -> None:
    """101 gives the consultation up by *1 while 102 still rings, and is with the client again."""
    client, phone = await talking(stage)
    phone.press("*2")
    await a_while(KEYED)
    phone.press("102")
    await stage.phone("102").incoming()
    await a_while(1)
    phone.press("*1")
    await client.until_hears(phone)
    await a_while(TALK)
    client.hangup()


async def blind_twice(stage: Stage) -> None:
    """101 gives the client to 102, who gives him to 103."""
    client, phone = await talking(stage)
    phone.refer("102")
    second = await stage.phone("102").incoming()
    await a_while(0.5)
    second.answer()
    await client.until_hears(second)
    await a_while(1)
    second.refer("103")
    await taken_over(client, await stage.phone("103").incoming())


async def under_way_talking(stage: Stage) -> AsyncIterator[None]:
    """The client and 101 talk already when the link comes up."""
    client, phone = await talking(stage)
    yield
    await a_while(1)
    client.hangup()
    await phone.until_ended()


async def under_way_waiting(stage: Stage) -> AsyncIterator[None]:
    """The client waits in a queue that nobody serves when the link comes up; he leaves two seconds later."""
    client = stage.calls_us("0350")
    await stage.until_waiting("pool")
    await a_while(1)
    yield
    await a_while(2)
    client.hangup()


async def under_way_ringing(stage: Stage) -> AsyncIterator[None]:
    """101's phone rings for the client when the link comes up; he takes it a second later."""
    client = stage.calls_us("0101")
    phone = await stage.phone("101").incoming()
    await a_while(1)
    yield
    await taken_over(client, phone)


FLOWS = {
    flow.__name__: flow
    for flow in (
        originated, originated_local, originated_outside_first, originated_announcement, redirected,
        hung_up_by_program, recorded, queue_recorded, lookup_abandoned, internal_unreachable, internal_rejected,
        internal_no_answer, internal_to_machine, incoming_rejected, outgoing_unreachable,
        attended_feature_cancelled, blind_twice,
    )
}  # fmt: skip
# Of these the stream begins in the middle: with a snapshot that holds the call.
UNDER_WAY = {flow.__name__: flow for flow in (under_way_talking, under_way_waiting, under_way_ringing)}
