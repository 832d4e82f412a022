"""Lines that serve many calls, and calls that are joined to others: what a bridge and a linkedid don't tell."""

from __future__ import annotations

from tests.captures.joining import talking
from tests.captures.programs import originate
from tests.captures.stage import CLIENT, OTHER, TALK, Stage, a_while, converse, talk
from tests.lab.call import Call

MOBILE = "89990000102"  # an employee's own, outside


# ---- one line, many calls ------------------------------------------------------------------------------------------
async def agent_login_abandoned(stage: Stage) -> None:
    """101 logs in as an agent and stays off-hook. The client is served; another one waits meanwhile, and leaves."""
    line = stage.phone("101").dial("*53")
    await line.until_talking()
    first = stage.calls_us("2001")
    await talk(line, first)
    second = stage.calls_us("2001", OTHER)
    await stage.until_waiting("agents")
    await a_while(2)
    second.hangup()
    await second.until_ended()
    await a_while(0.5)
    first.hangup()
    await a_while(1)
    line.hangup()


async def dialler_bridges(stage: Stage) -> None:
    """A dialler keeps 101's line open, calls two clients one after the other and joins each to it (AMI Bridge)."""
    originate(stage, "PJSIP/101", "*54")
    line = await stage.phone("101").answered()
    for number in (CLIENT, OTHER):
        originate(stage, f"PJSIP/{number}@trunk", "*54")
        client = await stage.client.incoming()
        await a_while(1)
        client.answer()
        await client.until_talking()
        await a_while(0.5)
        await stage.bridge("trunk", "101")
        await talk(line, client)
        client.hangup()
        await client.until_ended()
        await a_while(1)
    line.hangup()


async def dialler_room(stage: Stage) -> None:
    """The same by a room of 101's, into which the dialler sends whom it has called."""
    originate(stage, "PJSIP/101", "*55")
    line = await stage.phone("101").answered()
    await line.until_talking()
    for number in (CLIENT, OTHER):
        originate(stage, f"PJSIP/{number}@trunk", "*55")
        client = await stage.client.incoming()
        await a_while(1)
        client.answer()
        await talk(line, client)
        client.hangup()
        await client.until_ended()
        await a_while(1)
    line.hangup()


async def room_redirected(stage: Stage) -> None:
    """101 sits in a room of his own; a program sends the client there from a queue. Another client gives up before."""
    line = stage.phone("101").dial("*55")
    await line.until_talking()
    client = stage.calls_us("0350")
    await stage.until_waiting("pool")
    await a_while(1)
    await stage.redirect("trunk", "*55")
    await talk(line, client)
    client.hangup()
    await client.until_ended()
    other = stage.calls_us("0350", OTHER)
    await stage.until_waiting("pool")
    await a_while(1.5)
    other.hangup()
    await other.until_ended()
    await a_while(0.5)
    line.hangup()


async def call_through(stage: Stage) -> None:
    """An employee calls in from his mobile phone and keys a client's number; then another one's on the same call."""
    mobile = stage.calls_us("2003", MOBILE)
    await mobile.until_talking()
    for number in (CLIENT, OTHER):
        await a_while(0.5)
        mobile.press(number)
        client = await stage.client.incoming()
        await converse(mobile, client)
        client.hangup()
        await client.until_ended()
    await a_while(0.5)
    mobile.hangup()


async def call_through_disa(stage: Stage) -> None:
    """An employee calls in from his mobile phone, gets the employees' dialplan (DISA) and keys a client's number."""
    mobile = stage.calls_us("2004", MOBILE)
    await mobile.until_talking()
    await a_while(0.5)
    mobile.press(CLIENT)
    client = await stage.client.incoming()
    await converse(mobile, client)
    mobile.hangup()


# ---- two calls become one ------------------------------------------------------------------------------------------
async def calls_out(stage: Stage, extension: str, number: str) -> tuple[Call, Call]:
    """Let an employee call somebody outside; return both ends of the call, in conversation."""
    line = stage.phone(extension).dial(number)
    far = await stage.client.incoming()
    await converse(line, far)
    return line, far


async def joined_outside(stage: Stage) -> None:
    """101 talks to the client, calls somebody outside on a second line and joins the two by REFER with Replaces."""
    client, phone = await talking(stage)
    phone.hold()
    await a_while(0.5)
    line, other = await calls_out(stage, "101", OTHER)
    phone.refer_to_call(line)
    await talk(client, other)
    other.hangup()


async def joined_older_outgoing(stage: Stage) -> None:
    """101 has called somebody outside when the client calls; he takes that on a second line and joins the two."""
    line, other = await calls_out(stage, "101", OTHER)
    line.hold()
    await a_while(0.5)
    client, phone = await talking(stage)
    line.refer_to_call(phone)
    await talk(client, other)
    client.hangup()


async def joined_outside_ringing(stage: Stage) -> None:
    """101 holds the client, calls somebody outside on a second line and joins the two by REFER while he still rings."""
    client, phone = await talking(stage)
    phone.hold()
    await a_while(0.5)
    line = stage.phone("101").dial(OTHER)
    other = await stage.client.incoming()
    await line.until_ringing()
    await a_while(1)
    phone.refer_to_call(line)
    await converse(client, other, ring=2)
    client.hangup()


async def joined_two_incoming(stage: Stage) -> None:
    """A second client calls 101, who holds the first, takes the call on a second line and joins the two."""
    client, phone = await talking(stage)
    phone.hold()
    await a_while(0.5)
    other = stage.calls_us("0101", OTHER)
    line = await stage.phone("101").incoming()
    await converse(other, line, ring=0.5)
    phone.refer_to_call(line)
    await talk(client, other)
    client.hangup()


async def bridge_older_internal(stage: Stage) -> None:
    """101 talks to 102, the client to 103. A program joins the client to 102 (AMI Bridge)."""
    first = stage.phone("101").dial("102")
    second = await stage.phone("102").incoming()
    await converse(first, second)
    client, _third = await talking(stage, "103")
    await stage.bridge("trunk", "102")
    await talk(client, second)
    client.hangup()


async def bridge_two_clients(stage: Stage) -> None:
    """101 talks to a client, 102 to another one whom he called. A program joins the two clients (AMI Bridge)."""
    client, _phone = await talking(stage)
    first = await stage.channel("trunk")
    _line, other = await calls_out(stage, "102", OTHER)
    outside = [row["Channel"] for row in await stage.lab.channels() if row["Channel"].startswith("PJSIP/trunk-")]
    await stage.bridge(first, next(name for name in outside if name != first))
    await talk(client, other)
    other.hangup()


async def bridge_two_internal(stage: Stage) -> None:
    """101 talks to 102, 103 to 104. A program joins 102 to 104 (AMI Bridge)."""
    first = stage.phone("101").dial("102")
    second = await stage.phone("102").incoming()
    await converse(first, second)
    third = stage.phone("103").dial("104")
    fourth = await stage.phone("104").incoming()
    await converse(third, fourth)
    await stage.bridge("102", "104")
    await talk(second, fourth)
    second.hangup()


async def bridge_older_local(stage: Stage) -> None:
    """An announcement has played through Local for a while; 101 talks to the client; a program joins him to it."""
    originate(stage, "Local/tone@lab-script/n", "answer", context="lab-script")
    await a_while(0.5)
    client, _phone = await talking(stage)
    await stage.bridge("PJSIP/trunk-", "Local/tone@lab-script-")
    await a_while(TALK)
    client.hangup()


async def bridge_taken(stage: Stage) -> None:
    """101 talks to the client; 103 takes him by a feature code (application Bridge)."""
    client, _phone = await talking(stage)
    line = stage.phone("103").dial("*56")
    await talk(client, line)
    client.hangup()


FLOWS = {
    flow.__name__: flow
    for flow in (
        agent_login_abandoned, dialler_bridges, dialler_room, room_redirected, call_through,
        call_through_disa, joined_outside,
        joined_older_outgoing, joined_outside_ringing, joined_two_incoming,
        bridge_older_internal, bridge_two_clients, bridge_two_internal, bridge_older_local, bridge_taken,
    )
}  # fmt: skip
