"""What the client's phone is told of us when a click-to-call is transferred: the company's number and nothing else."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.lab import Lab
from tests.lab.call import Call
from tests.lab.lab import COMPANY_NUMBER
from tests.lab.reconfiguring import changed

pytestmark = pytest.mark.lab

CLIENT = "89161234567"
Way = Callable[[Lab, Call], Awaitable[Call]]


async def blind(lab: Lab, agent: Call) -> Call:
    agent.refer("102")
    return await lab.phone("102").answered()


async def attended(lab: Lab, agent: Call) -> Call:
    """REFER with Replaces, as the transfer key of a phone does."""
    agent.hold()
    line = lab.phone("101").dial("102")
    second = await lab.phone("102").answered()
    await line.until_hears(second)
    await second.until_hears(line)
    agent.refer_to_call(line)
    return second


async def feature_code(lab: Lab, agent: Call) -> Call:
    since = len(lab.admin.packets)
    agent.press("*2")
    held = {"Event": "MusicOnHoldStart"}.items()
    await lab.admin.expect(lambda packet: held <= packet.items(), "the code to be taken", since=since)
    agent.press("102")
    second = await lab.phone("102").answered()
    await second.until_hears(agent)
    agent.hangup()
    return second


@asynccontextmanager
async def feature_codes(lab: Lab) -> AsyncIterator[None]:
    """Let the agent of a click-to-call transfer by *2."""
    await lab.ami_action("Setvar", Variable="PBXD_DIAL_OPTIONS", Value="T")
    try:
        yield
    finally:
        await lab.ami_action("Setvar", Variable="PBXD_DIAL_OPTIONS", Value="")


async def talking(lab: Lab) -> tuple[Call, Call]:
    daemon = await lab.pbxd()
    await daemon.spawn("call", "101", CLIENT)
    agent = await lab.phone("101").answered()
    client = await lab.trunk.answered()
    await agent.until_hears(client)
    await client.until_hears(agent)
    return client, agent


@pytest.mark.parametrize("way", [blind, attended, feature_code])
async def test_a_transferred_client_is_told_nothing_of_us(lab: Lab, way: Way) -> None:
    async with feature_codes(lab):
        client, agent = await talking(lab)
        second = await way(lab, agent)
        await client.until_hears(second)
        await second.until(lambda: second.shown.user == CLIENT, "102's phone to show the client")
        second.refer("103")
        third = await lab.phone("103").answered()
        await client.until_hears(third)
        assert third.shown.user == CLIENT
    assert client.number == COMPANY_NUMBER
    assert {shown.user for shown in (client.pai, *client.identities)} <= {"", COMPANY_NUMBER}
    assert all(not shown.name for shown in (client.pai, *client.identities))


async def test_without_the_shipped_setting_the_client_is_told_the_colleague(lab: Lab) -> None:
    """The control, also with a trunk that isn't trusted with identities: that setting alone changes nothing."""

    def default(text: str) -> str:
        return re.sub(r"(?m)^send_connected_line.*$", "", text.replace("trust_id_outbound = yes", ""))

    async with changed(lab, "pjsip.conf", default, "module reload res_pjsip.so"):
        client, agent = await talking(lab)
        second = await blind(lab, agent)
        await client.until_hears(second)
        await client.until(lambda: client.identities, "the client's phone to be told")
        assert (client.shown.name, client.shown.user) == ("Agent 102", "102")
