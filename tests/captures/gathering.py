"""More than two people, or somebody who only listens: conferences, three-way calls, spying."""

from __future__ import annotations

from tests.captures.joining import consult_by_phone, talking
from tests.captures.stage import TALK, Stage, a_while, talk


async def conference(stage: Stage) -> None:
    """101 opens the room, 102 joins, the client joins by its number; they leave one by one."""
    first = stage.phone("101").dial("800")
    await first.until_talking()
    await a_while(1)
    second = stage.phone("102").dial("800")
    await first.until_hears(second)
    await a_while(1)
    client = stage.calls_us("0510")
    await client.until_talking()  # three voices are mixed: no single one can be recognised
    await a_while(TALK)
    second.hangup()
    await a_while(1)
    client.hangup()
    await a_while(1)
    first.hangup()


async def conference_alone(stage: Stage) -> None:
    """The client waits in an empty room and leaves it."""
    client = stage.calls_us("0510")
    await client.until_talking()
    await a_while(2)
    client.hangup()


async def three_way_phone(stage: Stage) -> None:
    """101 mixes the client and 102 in his own telephone: the PBX sees two calls."""
    client, phone = await talking(stage)
    line, second = await consult_by_phone(stage, phone)
    phone.unhold()
    await talk(client, phone)
    second.hangup()
    await line.until_ended()
    await a_while(0.5)
    client.hangup()


async def three_way_conference(stage: Stage) -> None:
    """A program redirects 101 and the client from their conversation into a room, where 102 joins them."""
    client, phone = await talking(stage)
    channels = {row["Channel"].partition("-")[0]: row["Channel"] for row in await stage.lab.channels()}
    await stage.lab.ami_action(
        "Redirect",
        Channel=channels["PJSIP/trunk"], Context="from-internal", Exten="800", Priority="1",
        ExtraChannel=channels["PJSIP/101"], ExtraContext="from-internal", ExtraExten="800", ExtraPriority="1",
    )  # fmt: skip
    await client.until_hears(phone)
    await a_while(1)
    third = stage.phone("102").dial("800")
    await third.until_talking()
    await a_while(TALK)
    third.hangup()
    await a_while(0.5)
    client.hangup()
    await a_while(0.5)
    phone.hangup()


async def spied(stage: Stage) -> None:
    """103 listens to 101's conversation for two seconds."""
    client, _phone = await talking(stage)
    spy = stage.phone("103").dial("**9101")
    await spy.until_talking()
    await a_while(2)
    spy.hangup()
    await a_while(0.5)
    client.hangup()


FLOWS = {flow.__name__: flow for flow in (conference, conference_alone, three_way_phone, three_way_conference, spied)}
