"""More turns a day in an office takes: refusals, holds, and transfers out of queues and of calls we made."""

from __future__ import annotations

from tests.captures.joining import consult, talking
from tests.captures.stage import CLIENT, Stage, a_while, converse, taken_over, talk
from tests.lab.phone import rejecting


async def incoming_busy(stage: Stage) -> None:
    """101's phone says busy, and the dialplan has nobody else."""
    stage.phone("101").behaviour = rejecting(486)
    client = stage.calls_us("0101")
    await client.until_ended()


async def voicemail_direct(stage: Stage) -> None:
    client = stage.calls_us("0600")
    await client.until_talking()
    await a_while(3)
    client.hangup()


async def held_by_client(stage: Stage) -> None:
    client, phone = await talking(stage)
    client.hold()
    await a_while(2)
    client.unhold()
    await phone.until_hears(client)
    await a_while(1)
    phone.hangup()


async def held_to_the_end(stage: Stage) -> None:
    """The client is put on hold and has enough after three seconds."""
    client, phone = await talking(stage)
    phone.hold()
    await a_while(3)
    client.hangup()


async def queue_agent_rejects(stage: Stage) -> None:
    """101 declines the queue's call once and takes it when he is rung again."""
    client = stage.calls_us("0100")
    phone = await stage.phone("101").incoming()
    await a_while(1)
    phone.reject(603)
    await taken_over(client, await stage.phone("101").incoming())


async def queue_blind_to_extension(stage: Stage) -> None:
    client = stage.calls_us("0100")
    phone = await stage.phone("101").incoming()
    await converse(client, phone)
    phone.refer("102")
    await taken_over(client, await stage.phone("102").incoming())


async def queue_local_held_blind(stage: Stage) -> None:
    """101, behind Local/n, holds the client, takes him back and then refers him to 102."""
    client = stage.calls_us("0200")
    phone = await stage.phone("101").incoming()
    await converse(client, phone)
    phone.hold()
    await a_while(2)
    phone.unhold()
    await client.until_hears(phone)
    await a_while(1)
    phone.refer("102")
    await taken_over(client, await stage.phone("102").incoming())


async def outgoing_blind_to_extension(stage: Stage) -> None:
    """101 calls the client and gives him to 102."""
    phone = stage.phone("101").dial(CLIENT)
    client = await stage.client.incoming()
    await converse(phone, client)
    phone.refer("102")
    await taken_over(client, await stage.phone("102").incoming())


async def internal_cancelled(stage: Stage) -> None:
    phone = stage.phone("101").dial("102")
    await phone.until_ringing()
    await a_while(2)
    phone.hangup()


async def internal_to_queue(stage: Stage) -> None:
    """102 calls the queue sales by its internal number."""
    phone = stage.phone("102").dial("200")
    await taken_over(phone, await stage.phone("101").incoming())


async def blonde_refer(stage: Stage) -> None:
    """101 holds the client, calls 102 on a second line and joins them by REFER while 102 still rings."""
    client, phone = await talking(stage)
    phone.hold()
    await a_while(0.5)
    line = stage.phone("101").dial("102")
    second = await stage.phone("102").incoming()
    await line.until_ringing()
    await a_while(1)
    phone.refer_to_call(line)
    await converse(client, second, ring=2)
    client.hangup()


async def attended_feature_refused(stage: Stage) -> None:
    """102 is busy for the consultation; 101 is with the client again."""
    client, phone = await talking(stage)
    second = await consult(stage, phone)
    second.reject(486)
    await talk(client, phone)
    client.hangup()


FLOWS = {
    flow.__name__: flow
    for flow in (
        incoming_busy, voicemail_direct, held_by_client, held_to_the_end, queue_agent_rejects,
        queue_blind_to_extension, queue_local_held_blind, outgoing_blind_to_extension, internal_cancelled,
        internal_to_queue, blonde_refer, attended_feature_refused,
    )
}  # fmt: skip
