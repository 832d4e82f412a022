"""A client who becomes the caller in a queue's place after somebody else joined there: ranked at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from pbxd.services.calls.caller_naming import CallerNaming
from pbxd.services.queues.waiting_callers import waiting_callers
from tests.actors import ADMINISTRATOR
from tests.asterisk.beside import beside, running
from tests.lab import Lab
from tests.lab.call import Call
from tests.lab.processes import until
from tests.services.queue_desk import FOUR, ONE, THREE, TWO, Desk

pytestmark = pytest.mark.lab

Way = Callable[[Desk, Call, Call], Awaitable[None]]


@pytest.fixture
async def desk(lab: Lab) -> AsyncIterator[Desk]:
    async with beside(lab) as link:
        desk = Desk(link)
        async with running(desk.queues.run()):
            yield desk


async def refer_with_replaces(desk: Desk, phone: Call, client: Call, queue: str = "204") -> None:
    """As the transfer key of a phone does: hold, a second call into the queue, REFER with Replaces."""
    del client
    phone.hold()
    line = desk.lab.phone("101").dial(queue)
    await line.until_talking()
    await desk.lab.until_waiting("pool", 3)
    phone.refer_to_call(line)


async def refer_behind_a_local_channel(desk: Desk, phone: Call, client: Call) -> None:
    await refer_with_replaces(desk, phone, client, "205")


async def feature_code(desk: Desk, phone: Call, client: Call) -> None:
    """*2 and the queue's number; the agent leaves while the queue waits for somebody else."""
    del client
    since = len(desk.lab.admin.packets)
    phone.press("*2")
    held = {"Event": "MusicOnHoldStart"}.items()
    await desk.lab.admin.expect(lambda packet: held <= packet.items(), "the code to be taken", since=since)
    phone.press("204")
    await desk.lab.until_waiting("pool", 3)
    phone.hangup()


async def bridged_by_a_program(desk: Desk, phone: Call, client: Call) -> None:
    """AMI Bridge joins the client to a Local channel whose other end waits."""
    del phone, client
    headers = {"Application": "Wait", "Data": "60", "Async": "true", "CallerID": "<101>"}
    await desk.lab.ami_action("Originate", headers, Channel="Local/204@from-internal/n")
    await desk.lab.until_waiting("pool", 3)
    channels = [one["Channel"] for one in await desk.lab.channels()]
    (trunk,) = [name for name in channels if name.startswith("PJSIP/trunk-")]
    (local,) = [name for name in channels if name.startswith("Local/204@") and name.endswith(";1")]
    await desk.lab.ami_action("Bridge", Channel1=trunk, Channel2=local)


async def blind(desk: Desk, phone: Call, client: Call) -> None:
    del desk, client
    phone.refer("204")


async def parked_for_too_long(desk: Desk, phone: Call, client: Call) -> None:
    del desk, client
    phone.refer("702")


@pytest.mark.parametrize(
    "way",
    [refer_with_replaces, refer_behind_a_local_channel, feature_code, bridged_by_a_program, blind, parked_for_too_long],
)
async def test_a_vip_who_is_brought_into_a_queue_is_put_first_at_once(desk: Desk, way: Way) -> None:
    desk.flag(FOUR)
    await desk.join(ONE, TWO)
    client, phone = await desk.lab.talk("101", FOUR)
    await way(desk, phone, client)
    await desk.until_order(FOUR, ONE, TWO)
    assert await desk.priorities() == {FOUR: "10", ONE: "0", TWO: "0"}


async def test_one_who_takes_a_vips_place_has_not_his_rank(desk: Desk) -> None:
    """The consulting agent is known as a VIP himself; whom he transfers isn't, and goes behind who joined before."""
    desk.flag(FOUR)
    await desk.join(ONE, TWO)
    client, phone = await desk.lab.talk("101", THREE)
    phone.hold()
    line = desk.lab.phone("101").dial("204")
    await line.until_talking()
    await desk.lab.until_waiting("pool", 3)
    entries = await desk.lab.admin.listing("QueueStatus", {"Queue": "pool"})
    (channel,) = [entry["Channel"] for entry in entries if entry.get("CallerIDNum") == "101"]
    await desk.lab.ami_action("Setvar", Channel=channel, Variable="CALLERID(num)", Value=FOUR)
    await desk.until_order(FOUR, ONE, TWO)
    phone.refer_to_call(line)
    await desk.until_order(ONE, TWO, THREE)
    assert set((await desk.priorities()).values()) == {"0"}
    assert client.state == "talking"


@pytest.mark.parametrize("came_as", ["", ONE])
async def test_who_gets_a_vips_caller_id_while_he_waits_is_put_first_at_once(desk: Desk, came_as: str) -> None:
    """A program that learnt who calls sets CALLERID(num) of a channel that came withheld, or as somebody else."""
    desk.start_anew(lambda _uniqueid: came_as or None)
    async with running(desk.queues.run()):
        for waiting, number in enumerate((TWO, THREE, came_as or "anonymous"), 1):  # by the trunk: no Local channel
            desk.lab.call_in("pool", number)
            await desk.lab.until_waiting("pool", waiting)
        desk.flag(FOUR)
        await until(lambda: desk.queues.settled, "the queues to be looked at")
        entries = await desk.lab.admin.listing("QueueStatus", {"Queue": "pool"})
        (channel,) = [entry["Channel"] for entry in entries if entry.get("Position") == "3"]
        await desk.lab.ami_action("Setvar", Channel=channel, Variable="CALLERID(num)", Value=FOUR)
        await desk.until_order(FOUR, TWO, THREE)


async def test_the_number_a_local_channel_began_with_is_not_who_waits_behind_it(desk: Desk) -> None:
    """After a restart pbxd has it from a list that goes on telling the agent who consulted the queue."""
    desk.start_anew(lambda _uniqueid: "101")
    async with running(desk.queues.run()):
        await desk.join(ONE, TWO)
        desk.flag(TWO)
        await desk.until_order(TWO, ONE)
        seen = await waiting_callers(desk.queues, CallerNaming(desk.naming), ADMINISTRATOR)
        assert [row.number for row in seen.items] == ["+79160000002", "+79160000001"]
