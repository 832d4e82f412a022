"""What was keyed against what was dialled at the trunk; and the client called first, through the dialplan."""

from __future__ import annotations

from tests.captures.clicking import click
from tests.captures.programs import originate
from tests.captures.stage import CLIENT, Stage, a_while, converse, taken_over
from tests.lab.phone import manual, rejecting

ROUTE = f"Local/{CLIENT}@lab-out"


async def keyed(stage: Stage, text: str) -> None:
    """101 keys something; a client is called and takes it; 101 ends it."""
    phone = stage.phone("101").dial(text)
    await taken_over(phone, await stage.client.incoming())


async def outside_digit_0(stage: Stage) -> None:
    """0 for the outside line, then the number."""
    await keyed(stage, f"0{CLIENT}")


async def outside_digit_8_abroad(stage: Stage) -> None:
    """8 for the outside line, then 8 10 for a number abroad."""
    await keyed(stage, "8810375291234567")


async def outside_digit_9_e164(stage: Stage) -> None:
    """9 for the outside line; the trunk wants +7 in place of the 8."""
    await keyed(stage, f"9{CLIENT}")


async def tech_prefix(stage: Stage) -> None:
    """The provider bills by a prefix: 1234# before the number."""
    await keyed(stage, "89161110001")


async def click_tech_prefix(stage: Stage) -> None:
    """Click-to-call through that provider."""
    click(stage, trunk="PJSIP/1234#{}@trunk")
    phone = await stage.phone("101").answered()
    await taken_over(phone, await stage.client.incoming())


async def town_number(stage: Stage) -> None:
    """101 keys seven digits; the trunk wants the town's code before them."""
    await keyed(stage, "1112233")


async def speed_dial_local(stage: Stage) -> None:
    """*73 leads through Local to the client's number."""
    await keyed(stage, "*73")


async def short_code(stage: Stage) -> None:
    """*77 goes on in the dialplan as the client's number."""
    await keyed(stage, "*77")


async def second_way(stage: Stage) -> None:
    """*78 calls the client by one way, which is refused, then by a gateway that wants a 2 before the number."""
    stage.client.behaviour = rejecting(503)
    phone = stage.phone("101").dial("*78")
    await stage.client.incoming()
    stage.client.behaviour = manual
    await taken_over(phone, await stage.client.incoming())


async def callback_agent(stage: Stage) -> None:
    """A website has the client called, and then 101 for him."""
    originate(stage, ROUTE, "agent", context="lab-called-back")
    client = await stage.client.incoming()
    await a_while(1)
    client.answer()
    await taken_over(client, await stage.phone("101").incoming())


async def callback_group(stage: Stage) -> None:
    """The same with a group, of which 102 takes it; the Local pair stays, and 102 ends the call."""
    originate(stage, f"{ROUTE}/n", "group", context="lab-called-back")
    client = await stage.client.incoming()
    await a_while(1)
    client.answer()
    phone = await stage.phone("102").incoming()
    await converse(client, phone)
    phone.hangup()


async def callback_no_answer(stage: Stage) -> None:
    """The client's phone rings for four seconds in vain; 101 never hears of it."""
    originate(stage, f"{ROUTE}/n", "agent", context="lab-called-back", seconds=4)
    client = await stage.client.incoming()
    await client.until_ended()


async def callback_not_taken(stage: Stage) -> None:
    """The client takes it, 101's phone rings for four seconds in vain, and the dialplan hangs up."""
    originate(stage, f"{ROUTE}/n", "agent", context="lab-called-back")
    client = await stage.client.answered()
    await client.until_ended()


FLOWS = {
    flow.__name__: flow
    for flow in (
        outside_digit_0, outside_digit_8_abroad, outside_digit_9_e164, tech_prefix, click_tech_prefix,
        town_number,
        speed_dial_local, short_code, second_way, callback_agent, callback_group, callback_no_answer,
        callback_not_taken,
    )
}  # fmt: skip
