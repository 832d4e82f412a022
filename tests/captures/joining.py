"""Calls that are given on: transfers blind, attended, half done and given up."""

from __future__ import annotations

from tests.captures.stage import OTHER, Stage, a_while, converse, taken_over, talk
from tests.lab.call import Call

KEYED = 1.5  # until Asterisk has taken the feature code and asks for the number


async def talking(stage: Stage, extension: str = "101") -> tuple[Call, Call]:
    """Return the client's call to an employee's own number, and the employee's end of it, in conversation."""
    client = stage.calls_us(f"0{extension}")
    phone = await stage.phone(extension).incoming()
    await converse(client, phone, ring=0.5)
    return client, phone


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


async def consult_and_leave(stage: Stage, client: Call, phone: Call) -> None:
    """Consult 102 by the feature code, then leave him with the client."""
    second = await consult(stage, phone)
    await taken_over(phone, second)
    await talk(client, second)
    client.hangup()


async def attended_feature(stage: Stage) -> None:
    client, phone = await talking(stage)
    await consult_and_leave(stage, client, phone)


async def blonde(stage: Stage) -> None:
    """101 hangs up while 102 still rings; 102 answers two seconds later."""
    client, phone = await talking(stage)
    second = await consult(stage, phone)
    await a_while(1)
    phone.hangup()
    await converse(client, second, ring=2)
    client.hangup()


async def attended_feature_aborted(stage: Stage) -> None:
    """102 hangs up after the consultation, and 101 is with the client again."""
    client, phone = await talking(stage)
    second = await consult(stage, phone)
    await converse(phone, second)
    second.hangup()
    await talk(client, phone)
    client.hangup()


async def consult_by_phone(stage: Stage, phone: Call) -> tuple[Call, Call]:
    """Hold the client and call 102 on a second line; return both ends of that call, in conversation."""
    phone.hold()
    await a_while(0.5)
    line = stage.phone("101").dial("102")
    second = await stage.phone("102").incoming()
    await converse(line, second)
    return line, second


async def attended_refer(stage: Stage) -> None:
    """REFER with Replaces, as a phone's own transfer key sends it."""
    client, phone = await talking(stage)
    line, second = await consult_by_phone(stage, phone)
    phone.refer_to_call(line)
    await talk(client, second)
    client.hangup()


async def attended_refer_aborted(stage: Stage) -> None:
    client, phone = await talking(stage)
    line, _second = await consult_by_phone(stage, phone)
    line.hangup()
    await a_while(0.5)
    phone.unhold()
    await talk(client, phone)
    client.hangup()


FLOWS = {
    flow.__name__: flow
    for flow in (
        blind_to_extension, blind_to_queue, blind_to_outside, blind_unanswered, attended_feature, attended_refer,
        blonde, attended_feature_aborted, attended_refer_aborted,
    )
}  # fmt: skip
