"""Calls without a turn: one caller, one called side, perhaps a queue or a voicemail between them."""

from __future__ import annotations

from tests.captures.stage import CLIENT, OTHER, Stage, a_while, converse, taken_over
from tests.lab.phone import rejecting


async def incoming_answered(stage: Stage) -> None:
    client = stage.calls_us("0101")
    phone = await stage.phone("101").incoming()
    await taken_over(client, phone)


async def incoming_ended_by_agent(stage: Stage) -> None:
    client = stage.calls_us("0101")
    phone = await stage.phone("101").incoming()
    await converse(client, phone)
    phone.hangup()


async def incoming_missed(stage: Stage) -> None:
    """101 rings for the twenty seconds the dialplan allows."""
    client = stage.calls_us("0101")
    await client.until_ended()


async def incoming_abandoned(stage: Stage) -> None:
    client = stage.calls_us("0101")
    await client.until_ringing()
    await a_while(2)
    client.hangup()


async def queue_answered(stage: Stage) -> None:
    client = stage.calls_us("0100")
    phone = await stage.phone("101").incoming()
    await converse(client, phone, ring=2)
    client.hangup()


async def queue_waited_answered(stage: Stage) -> None:
    """The only member is busy with another caller first: the second one waits, then rings, then talks."""
    first = stage.calls_us("0100", OTHER)
    talking = await stage.phone("101").answered()
    await first.until_hears(talking)
    second = stage.calls_us("0100")
    await stage.until_waiting("sales")
    await a_while(2)
    first.hangup()
    phone = await stage.phone("101").incoming()
    await converse(second, phone)
    phone.hangup()


async def queue_abandoned(stage: Stage) -> None:
    client = stage.calls_us("0100")
    await stage.phone("101").incoming()
    await a_while(2)
    client.hangup()


async def queue_timed_out(stage: Stage) -> None:
    """Five seconds in sales while 101 rings, then the dialplan says good-bye."""
    client = stage.calls_us("0402")
    await client.until_ended()


async def queue_ringall(stage: Stage) -> None:
    """101, 102 and 103 ring at once; 102 takes it."""
    client = stage.calls_us("0300")
    phone = await stage.phone("102").incoming()
    await stage.phone("101").incoming()
    await stage.phone("103").incoming()
    await taken_over(client, phone)


async def queue_local_answered(stage: Stage) -> None:
    """The member is Local/101@from-queue/n, as FreePBX makes them."""
    client = stage.calls_us("0200")
    phone = await stage.phone("101").incoming()
    await taken_over(client, phone)


async def queue_local_abandoned(stage: Stage) -> None:
    client = stage.calls_us("0200")
    await stage.phone("101").incoming()
    await a_while(2)
    client.hangup()


async def outgoing_answered(stage: Stage) -> None:
    phone = stage.phone("101").dial(CLIENT)
    client = await stage.client.incoming()
    await converse(phone, client)
    client.hangup()


async def outgoing_refused(stage: Stage, code: int) -> None:
    stage.client.behaviour = rejecting(code, 1.0)
    phone = stage.phone("101").dial(CLIENT)
    await phone.until_ended()


async def outgoing_busy(stage: Stage) -> None:
    await outgoing_refused(stage, 486)


async def outgoing_rejected(stage: Stage) -> None:
    await outgoing_refused(stage, 603)


async def outgoing_wrong_number(stage: Stage) -> None:
    stage.client.behaviour = rejecting(404)
    phone = stage.phone("101").dial(CLIENT)
    await phone.until_ended()


async def outgoing_no_answer(stage: Stage) -> None:
    """The client rings for the sixty seconds the dialplan allows."""
    phone = stage.phone("101").dial(CLIENT)
    await phone.until_ended(timeout=70)


async def outgoing_cancelled(stage: Stage) -> None:
    phone = stage.phone("101").dial(CLIENT)
    await phone.until_ringing()
    await a_while(2)
    phone.hangup()


async def internal_answered(stage: Stage) -> None:
    first = stage.phone("101").dial("102")
    second = await stage.phone("102").incoming()
    await taken_over(first, second)


async def internal_busy(stage: Stage) -> None:
    stage.phone("102").behaviour = rejecting(486)
    first = stage.phone("101").dial("102")
    await first.until_ended()


async def voicemail(stage: Stage) -> None:
    """101 rings for four seconds, then the caller speaks to the box."""
    client = stage.calls_us("0700")
    await client.until_talking()
    await a_while(4)
    client.hangup()


async def held(stage: Stage) -> None:
    client = stage.calls_us("0101")
    phone = await stage.phone("101").incoming()
    await converse(client, phone)
    phone.hold()
    await a_while(2)
    phone.unhold()
    await client.until_hears(phone)
    await a_while(1)
    client.hangup()


FLOWS = {
    flow.__name__: flow
    for flow in (
        incoming_answered, incoming_ended_by_agent, incoming_missed, incoming_abandoned, queue_answered,
        queue_waited_answered, queue_abandoned, queue_timed_out, queue_ringall, queue_local_answered,
        queue_local_abandoned, outgoing_answered, outgoing_busy, outgoing_rejected, outgoing_wrong_number,
        outgoing_no_answer, outgoing_cancelled, internal_answered, internal_busy, voicemail, held,
    )
}  # fmt: skip
