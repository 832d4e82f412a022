"""Calls that are given on: transfers blind, attended, half done and given up."""

from __future__ import annotations

from tests.captures.stage import OTHER, Stage, a_while
from tests.lab.call import Call

TALK = 1.5  # seconds
KEYED = 1.5  # until Asterisk has taken the feature code and asks for the number


async def talking(stage: Stage, extension: str = "101") -> tuple[Call, Call]:
    """Return the client's call to an employee's own number, and the employee's end of it, in conversation."""
    client = stage.calls_us(f"0{extension}")
    phone = await stage.phone(extension).incoming()
    await a_while(0.5)
    phone.answer()
    await client.until_hears(phone)
    await a_while(TALK)
    return client, phone


async def taken_over(client: Call, phone: Call) -> None:
    """Let the one who got the call ring a second, answer, talk, and let the client end it."""
    await a_while(1)
    phone.answer()
    await client.until_hears(phone)
    await a_while(TALK)
    client.hangup()


async def blind_to_extension(stage: Stage) -> None:
    client, phone = await talking(stage)
    phone.refer("102")
    await taken_over(client, await stage.phone("102").incoming())


async def blind_to_queue(stage: Stage) -> None:
    client, phone = await talking(stage, "102")
    phone.refer("200")
    await taken_over(client, await stage.phone("101").incoming())


async def blind_to_outside(stage: Stage) -> None:
    client, phone = await talking(stage)
    phone.refer(OTHER)
    await taken_over(client, await stage.client.incoming())


async def blind_unanswered(stage: Stage) -> None:
    """102 is busy: the client, transferred into nothing, is hung up."""
    client, phone = await talking(stage)
    phone.refer("102")
    (await stage.phone("102").incoming()).reject(486)
    await client.until_ended()


async def consult(stage: Stage, phone: Call) -> Call:
    """Key the feature code and 102; return the call that reaches 102."""
    phone.press("*2")
    await a_while(KEYED)
    phone.press("102")
    return await stage.phone("102").incoming()


async def attended_feature(stage: Stage) -> None:
    client, phone = await talking(stage)
    second = await consult(stage, phone)
    await a_while(1)
    second.answer()
    await phone.until_hears(second)
    await a_while(TALK)
    phone.hangup()
    await client.until_hears(second)
    await a_while(TALK)
    client.hangup()


async def blonde(stage: Stage) -> None:
    """101 hangs up while 102 still rings; 102 answers two seconds later."""
    client, phone = await talking(stage)
    second = await consult(stage, phone)
    await a_while(1)
    phone.hangup()
    await a_while(2)
    second.answer()
    await client.until_hears(second)
    await a_while(TALK)
    client.hangup()


async def attended_feature_aborted(stage: Stage) -> None:
    """102 hangs up after the consultation, and 101 is with the client again."""
    client, phone = await talking(stage)
    second = await consult(stage, phone)
    await a_while(1)
    second.answer()
    await phone.until_hears(second)
    await a_while(TALK)
    second.hangup()
    await client.until_hears(phone)
    await a_while(TALK)
    client.hangup()


async def consult_by_phone(stage: Stage, phone: Call) -> tuple[Call, Call]:
    """Hold the client and call 102 on a second line; return both ends of that call, in conversation."""
    phone.hold()
    await a_while(0.5)
    line = stage.phone("101").dial("102")
    second = await stage.phone("102").incoming()
    await a_while(1)
    second.answer()
    await line.until_hears(second)
    await a_while(TALK)
    return line, second


async def attended_refer(stage: Stage) -> None:
    """REFER with Replaces, as a phone's own transfer key sends it."""
    client, phone = await talking(stage)
    line, second = await consult_by_phone(stage, phone)
    phone.refer_to_call(line)
    await client.until_hears(second)
    await a_while(TALK)
    client.hangup()


async def attended_refer_aborted(stage: Stage) -> None:
    client, phone = await talking(stage)
    line, _second = await consult_by_phone(stage, phone)
    line.hangup()
    await a_while(0.5)
    phone.unhold()
    await client.until_hears(phone)
    await a_while(TALK)
    client.hangup()


FLOWS = {
    flow.__name__: flow
    for flow in (
        blind_to_extension, blind_to_queue, blind_to_outside, blind_unanswered, attended_feature, attended_refer,
        blonde, attended_feature_aborted, attended_refer_aborted,
    )
}  # fmt: skip
