"""Groups of which one takes the call, and calls that the PBX ends: who took it, and whose hang-up was it."""

from __future__ import annotations

from tests.captures.clicking import click
from tests.captures.joining import KEYED, talking
from tests.captures.programs import originate
from tests.captures.stage import CLIENT, OTHER, Stage, a_while, converse, taken_over, talk
from tests.lab.call import Call
from tests.lab.phone import manual, redirecting


# ---- who took it ---------------------------------------------------------------------------------------------------
async def originated_locals(stage: Stage) -> None:
    """A program rings 101 and 102, each behind Local/n; 102 takes it and gets the client."""
    originate(stage, "Local/303@from-internal/n", CLIENT, caller=CLIENT)
    second = await stage.phone("102").incoming()
    await a_while(1)
    second.answer()
    await taken_over(second, await stage.client.incoming())


async def originated_picked_up(stage: Stage) -> None:
    """A program rings a group; 103 picks that up by **101 and gets the client."""
    originate(stage, "Local/302@from-internal/n", CLIENT, caller=CLIENT)
    await stage.phone("101").incoming()
    await stage.phone("102").incoming()
    await a_while(1)
    third = stage.phone("103").dial("**101")
    await taken_over(third, await stage.client.incoming())


async def originated_queue(stage: Stage) -> None:
    """A program calls the queue ringall; 102 takes it and gets the client."""
    originate(stage, "Local/203@from-internal/n", CLIENT, caller=CLIENT)
    second = await stage.phone("102").incoming()
    await a_while(1)
    second.answer()
    await taken_over(second, await stage.client.incoming())


async def consult(stage: Stage, phone: Call, group: str, *, taken_by: str) -> tuple[Call, Call]:
    """Hold the client and call a group on a second line of 104; return both ends of that call, in conversation."""
    phone.hold()
    await a_while(0.5)
    line = stage.phone("104").dial(group)
    second = await stage.phone(taken_by).incoming()
    await converse(line, second)
    return line, second


async def consult_queue_refer(stage: Stage) -> None:
    """104 consults the queue ringall on a second line; 102 takes it; they are joined by REFER with Replaces."""
    client, phone = await talking(stage, "104")
    line, second = await consult(stage, phone, "203", taken_by="102")
    phone.refer_to_call(line)
    await talk(client, second)
    client.hangup()


async def into_queue_refer(stage: Stage) -> None:
    """The same, but 104 joins the client to the queue while its phones still ring; then 102 takes it."""
    client, phone = await talking(stage, "104")
    phone.hold()
    await a_while(0.5)
    line = stage.phone("104").dial("203")
    second = await stage.phone("102").incoming()
    await line.until_talking()  # with the queue
    await a_while(1)
    phone.refer_to_call(line)
    await converse(client, second, ring=2)
    client.hangup()


async def into_queue_feature(stage: Stage) -> None:
    """104 keys *2 and 203, the queue ringall, and hangs up while its phones ring; then 102 takes it."""
    client, phone = await talking(stage, "104")
    phone.press("*2")
    await a_while(KEYED)
    phone.press("203")
    second = await stage.phone("102").incoming()
    await a_while(1)
    phone.hangup()
    await converse(client, second, ring=2)
    client.hangup()


async def consult_locals_refer(stage: Stage) -> None:
    """The same with a group of Local/n, of which 101 takes it."""
    client, phone = await talking(stage, "104")
    line, second = await consult(stage, phone, "303", taken_by="101")
    phone.refer_to_call(line)
    await talk(client, second)
    client.hangup()


async def consult_group_feature(stage: Stage) -> None:
    """104 consults a group by *2; 101 takes it, and 104 leaves."""
    client, phone = await talking(stage, "104")
    phone.press("*2")
    await a_while(KEYED)
    phone.press("302")
    second = await stage.phone("101").incoming()
    await converse(phone, second)
    phone.hangup()
    await talk(client, second)
    client.hangup()


async def consult_group_picked_up(stage: Stage) -> None:
    """104 consults a group on a second line; 103 picks that up by **101; they are joined by REFER with Replaces."""
    client, phone = await talking(stage, "104")
    phone.hold()
    await a_while(0.5)
    line = stage.phone("104").dial("302")
    await stage.phone("101").incoming()
    await stage.phone("102").incoming()
    await a_while(1)
    third = stage.phone("103").dial("**101")
    await talk(line, third)
    phone.refer_to_call(line)
    await talk(client, third)
    client.hangup()


# ---- whose hang-up -------------------------------------------------------------------------------------------------
async def click_trunk_away(stage: Stage) -> None:
    """Click-to-call; the trunk has no address, so that Dial makes no channel."""
    click(stage, trunk="PJSIP/{}@away")
    phone = await stage.phone("101").incoming()
    await a_while(1)
    phone.answer()
    await phone.until_ended()


async def click_given_up(stage: Stage) -> None:
    """Click-to-call; 101 takes his phone and hangs up while the client's rings."""
    click(stage)
    phone = await stage.phone("101").answered()
    await stage.client.incoming()
    await a_while(2)
    phone.hangup()


async def outgoing_302(stage: Stage) -> None:
    """The far end of the trunk sends our call on to another number by 302."""

    def away_then_there(call: Call) -> None:
        redirecting(OTHER)(call)
        stage.client.behaviour = manual

    stage.client.behaviour = away_then_there
    phone = stage.phone("101").dial("89161110005")
    await stage.client.incoming()
    await taken_over(phone, await stage.client.incoming())


async def asked_after_dial(stage: Stage) -> None:
    """101 hangs up (Dial with g), the client keys an answer, and the dialplan ends."""
    client = stage.calls_us("2011")
    phone = await stage.phone("101").incoming()
    await converse(client, phone)
    phone.hangup()
    await a_while(1)
    client.press("5")
    await client.until_ended()


async def outgoing_goes_on(stage: Stage) -> None:
    """101 calls the client, who hangs up (Dial with g); 101 hears a beep, and the dialplan ends."""
    phone = stage.phone("101").dial("*79")
    client = await stage.client.incoming()
    await converse(phone, client)
    client.hangup()
    await phone.until_ended()


async def asked_and_left(stage: Stage) -> None:
    """101 hangs up (Dial with g), and the client does so too instead of keying an answer."""
    client = stage.calls_us("2011")
    phone = await stage.phone("101").incoming()
    await converse(client, phone)
    phone.hangup()
    await a_while(1)
    client.hangup()


async def cut_off(stage: Stage) -> None:
    """The dialplan lets them talk for three seconds (Dial with L) and ends."""
    client = stage.calls_us("2012")
    phone = await stage.phone("101").incoming()
    await a_while(1)
    phone.answer()
    await client.until_ended()


async def refused_busy(stage: Stage) -> None:
    """The dialplan says busy."""
    client = stage.calls_us("2018")
    await client.until_ended()


async def absolute_timeout(stage: Stage) -> None:
    """The dialplan lets the whole call last three seconds (TIMEOUT(absolute)); they talk when that is over."""
    client = stage.calls_us("2019")
    phone = await stage.phone("101").incoming()
    await a_while(1)
    phone.answer()
    await client.until_ended()


async def announcement(stage: Stage) -> None:
    """The dialplan answers, plays an announcement and hangs up."""
    client = stage.calls_us("2013")
    await client.until_ended()


async def queue_farewell(stage: Stage) -> None:
    """The queue answers first and goes on after its agent (c): 101 hangs up, the client hears a farewell."""
    client = stage.calls_us("2014")
    phone = await stage.phone("101").incoming()
    await converse(client, phone)
    phone.hangup()
    await client.until_ended()


FLOWS = {
    flow.__name__: flow
    for flow in (
        originated_locals, originated_picked_up, originated_queue, consult_queue_refer, into_queue_refer,
        into_queue_feature, consult_locals_refer, consult_group_feature, consult_group_picked_up,
        click_trunk_away, click_given_up, outgoing_302, asked_after_dial, outgoing_goes_on,
        asked_and_left, cut_off, refused_busy,
        absolute_timeout, announcement, queue_farewell,
    )
}  # fmt: skip
