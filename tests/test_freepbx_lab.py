"""An office shaped like FreePBX's (tests/lab/etc/freepbx.conf); FreePBX itself was not run, docs/freepbx.md says so."""

from __future__ import annotations

import pytest

from tests.asterisk.beside import beside, running
from tests.lab import Lab
from tests.lab.lab import COMPANY_NUMBER
from tests.lab.phone import answering
from tests.lab.processes import until
from tests.services.test_click_to_call_lab import ALL_PHONES, Desk

pytestmark = pytest.mark.lab

VIP, OTHER = "89161234567", "89160000000"


async def test_custom_destinations_name_the_caller_and_the_rank_survives_what_freepbx_does_to_it(lab: Lab) -> None:
    """The queue's own priority is set over the look-up's, and once more at the overflow."""
    await lab.pbxd()
    await lab.know("Фронкин Игорь", VIP, manager="103", vip=True)

    async def in_order(queue: str) -> bool:
        return await lab.queue_order(queue) == [VIP, OTHER]

    client = lab.call_in("freepbx", VIP)
    manager = await lab.phone("103").incoming()
    assert (manager.name, manager.number) == ("Фронкин Игорь", VIP)
    lab.call_in("freepbx", OTHER)  # who has no manager and so comes into the queue first
    await lab.until_waiting("pool", 1)
    await until(lambda: in_order("pool"), "the VIP at the head of the first queue")
    await until(lambda: in_order("single"), "the VIP at the head of the second queue")
    member = {"Queue": "single", "Interface": "Local/102@from-queue/n"}
    await lab.ami_action("QueueAdd", member, StateInterface="PJSIP/102")
    try:
        offered = await lab.phone("102").incoming()
        assert (offered.name, offered.number) == ("Фронкин Игорь", VIP)
        offered.answer()
        await client.until_hears(offered)
    finally:
        await lab.ami_action("QueueRemove", member)


async def test_without_pbxd_the_same_calls_come_in_their_order(lab: Lab) -> None:
    """The control: the look-up fails at once, and nobody is named or moved."""
    lab.call_in("freepbx", OTHER)
    await lab.until_waiting("pool", 1)
    lab.call_in("freepbx", VIP)
    assert await lab.until_waiting("pool", 2) == [OTHER, VIP]
    assert not lab.phone("103").calls


@pytest.mark.parametrize(("agent", "reason"), [("101", "completed"), ("102", "wrong-number")])
async def test_outbound_routes_are_given_by_the_agents_own_number(lab: Lab, agent: str, reason: str) -> None:
    lab.phone(agent).behaviour = answering()
    async with beside(lab) as link:
        desk = Desk(link)
        async with running(desk.clicks.run()):
            desk.clicks = desk.configured(device=ALL_PHONES, trunk="Local/{number}@from-internal-freepbx/n")
            await desk.call(agent=agent)
            if reason == "completed":
                far = await lab.trunk.answered()
                assert far.number == COMPANY_NUMBER
                await far.until_hears(lab.phone(agent).calls[-1])
                far.hangup()
            assert await desk.ended() == reason
            assert len(lab.trunk.calls) == (reason == "completed")


@pytest.mark.parametrize("name", ["Секрет", "Фронкин"])
async def test_a_personal_name_is_shown_to_its_owner_and_to_nobody_the_call_goes_to(lab: Lab, name: str) -> None:
    """By dialplan/pbxd-freepbx.conf, whose hook comes before FreePBX's own Dial; a shared name is the control."""
    await lab.pbxd()
    personal = name == "Секрет"
    await lab.know(name, VIP, owner="103" if personal else "")
    client = lab.call_in("74951230371", VIP, name="trunk")
    owner = await lab.phone("103").answered()
    assert owner.name == name
    await client.until_hears(owner)
    owner.refer("104")
    other = await lab.phone("104").incoming()
    assert other.shown.name == ("trunk" if personal else name)
    if personal:
        assert all(name not in str(shown) for shown in (*other.identities, other.pai, other.invite.address("From")))
    other.answer()
    await client.until_hears(other)
