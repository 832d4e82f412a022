"""VIPs in the queues of a real Asterisk; the order is judged by QueueStatus as another AMI user reads it."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from pbxd.calls.events import QueueJoined
from pbxd.services.calls.caller_naming import CallerNaming
from pbxd.services.queues.waiting_callers import waiting_callers
from tests.actors import ADMINISTRATOR
from tests.asterisk.beside import beside, running
from tests.lab import Lab
from tests.lab.processes import until
from tests.services.queue_desk import FOUR, ONE, THREE, TWO, Desk

pytestmark = pytest.mark.lab


@pytest.fixture
async def desk(lab: Lab) -> AsyncIterator[Desk]:
    async with beside(lab) as link:
        desk = Desk(link)
        async with running(desk.queues.run()):
            yield desk


async def test_a_vip_who_entered_without_his_rank_is_put_first(desk: Desk) -> None:
    desk.flag(FOUR)
    await desk.join(ONE, TWO, FOUR)
    await desk.until_order(FOUR, ONE, TWO)
    assert await desk.priorities() == {FOUR: "10", ONE: "0", TWO: "0"}


async def test_without_the_flag_the_order_is_that_of_joining(desk: Desk) -> None:
    await desk.join(ONE, TWO, FOUR)
    await desk.settle()
    assert await desk.lab.queue_order("pool") == [ONE, TWO, FOUR]
    assert desk.moves == 0


async def test_a_caller_flagged_while_waiting_is_put_first(desk: Desk) -> None:
    await desk.join(ONE, TWO, THREE)
    desk.flag(THREE)
    await desk.until_order(THREE, ONE, TWO)


async def test_vips_are_first_come_first_served_whenever_they_were_flagged(desk: Desk) -> None:
    desk.flag(FOUR)
    await desk.join(ONE, TWO, THREE, FOUR)
    await desk.until_order(FOUR, ONE, TWO, THREE)
    desk.flag(TWO)
    await desk.until_order(TWO, FOUR, ONE, THREE)
    desk.flag(THREE)
    await desk.until_order(TWO, THREE, FOUR, ONE)


async def test_nobody_is_moved_twice(desk: Desk) -> None:
    desk.flag(TWO)
    desk.flag(THREE)
    await desk.join(ONE, TWO, THREE)
    await desk.until_order(TWO, THREE, ONE)
    for _ in range(3):
        await desk.settle()
    await desk.join(FOUR)
    await desk.settle()
    assert await desk.lab.queue_order("pool") == [TWO, THREE, ONE, FOUR]
    assert desk.moves == 2


async def test_a_resynchronisation_repeated_changes_nothing(desk: Desk) -> None:
    desk.flag(TWO)
    await desk.join(ONE, TWO, THREE)
    await desk.until_order(TWO, ONE, THREE)
    await desk.settle()
    before = len(desk.ami.asked)
    for _ in range(10):
        await desk.settle()
    asked = [name for name, _headers in desk.ami.asked[before:]]
    assert asked == []  # nobody is moved, and nothing is written on a channel
    assert desk.moves == 1


async def test_a_restarted_pbxd_moves_nobody_who_is_right_and_can_take_back_what_was_given(lab: Lab) -> None:
    async with beside(lab) as link:
        desk = Desk(link)
        async with running(desk.queues.run()):
            await desk.join(ONE, TWO, THREE)
            desk.flag(TWO)
            desk.flag(THREE)
            await desk.until_order(TWO, THREE, ONE)
            await desk.settle()
        moves = desk.moves
        desk.start_anew()
        async with running(desk.queues.run()):
            await desk.settle()
            assert desk.moves == moves
            desk.flag(TWO, vip=False)
            await desk.until_order(THREE, ONE, TWO)
            assert await desk.priorities() == {ONE: "0", TWO: "0", THREE: "10"}


async def test_whoever_has_waited_too_long_is_not_overtaken_any_more(lab: Lab) -> None:
    async with beside(lab) as link:
        desk = Desk(link, overtake_limit_seconds=4)
        desk.flag(FOUR)
        async with running(desk.queues.run()):
            await desk.join(ONE)

            async def raised() -> bool:
                return await desk.priorities() == {ONE: "10"}

            await until(raised, "the first caller to be raised")
            await desk.join(TWO)
            await desk.originate(FOUR, QUEUE_PRIO="10", PBXD_PRIO="10", PBXD_PRIO_BEFORE="0")  # as the look-up does
            await desk.settle()
            assert await lab.queue_order("pool") == [ONE, FOUR, TWO]
            desk.flag(THREE)
            await desk.join(THREE)
            await desk.until_order(ONE, FOUR, THREE, TWO)
            await until(lambda: desk.moves >= 3, "the second caller to be raised too")
        moves = desk.moves
        desk.start_anew()
        async with running(desk.queues.run()):
            for _ in range(3):
                await desk.settle()
            assert await lab.queue_order("pool") == [ONE, FOUR, THREE, TWO]
        assert desk.moves == moves


async def test_without_a_limit_everybody_can_be_overtaken(lab: Lab) -> None:
    """The control of the test before: the same callers and the same times."""
    async with beside(lab) as link:
        desk = Desk(link, overtake_limit_seconds=0)
        desk.flag(FOUR)
        async with running(desk.queues.run()):
            await desk.join(ONE)
            entered = time.monotonic()
            await until(lambda: time.monotonic() - entered > 4, "four seconds")
            await desk.originate(FOUR, QUEUE_PRIO="10", PBXD_PRIO="10", PBXD_PRIO_BEFORE="0")
            await desk.settle()
            assert await lab.queue_order("pool") == [FOUR, ONE]
            assert desk.moves == 0


async def test_a_place_that_was_kept_is_no_rank_in_the_next_queue_but_his_waiting_goes_on(lab: Lab) -> None:
    """He stands behind who is there already, and no VIP who comes later gets ahead of him."""
    async with beside(lab) as link:
        desk = Desk(link, overtake_limit_seconds=1)
        async with running(desk.queues.run()):
            await desk.join(ONE)

            async def raised() -> bool:
                return await desk.priorities() == {ONE: "10"}

            await until(raised, "the caller to be raised")
            await desk.join(TWO, queue="ringall")
            (entry,) = [one for one in await lab.admin.listing("QueueStatus", {"Queue": "pool"}) if "Uniqueid" in one]
            channel = entry["Channel"]
            await lab.ami_action("Redirect", Channel=channel, Context="lab-queue", Exten="ringall", Priority="1")
            await desk.until_order(TWO, ONE, queue="ringall")
            desk.flag(FOUR)
            await desk.originate(FOUR, "ringall", QUEUE_PRIO="10", PBXD_PRIO="10", PBXD_PRIO_BEFORE="0")
            await desk.until_order(TWO, ONE, FOUR, queue="ringall")


async def test_who_loops_through_a_queue_is_not_overtaken_for_ever(lab: Lab) -> None:
    async with beside(lab) as link:
        desk = Desk(link, overtake_limit_seconds=4)
        desk.flag(FOUR)
        async with running(desk.queues.run()):
            lab.call_in("looping", ONE)
            await lab.until_waiting("pool", 1)

            async def raised() -> bool:
                return await desk.priorities() == {ONE: "10"}

            await until(raised, "the caller to be raised, some entries later")
            await desk.originate(FOUR, QUEUE_PRIO="10", PBXD_PRIO="10", PBXD_PRIO_BEFORE="0")
            before = desk.heard(ONE, "pool")
            await until(lambda: desk.heard(ONE, "pool") >= before + 2, "two more entries")
            await desk.until_order(ONE, FOUR)


@pytest.mark.parametrize("flagged", [ONE, TWO, THREE])
async def test_flag_and_unflag_bring_back_the_order_that_position_made(desk: Desk, flagged: str) -> None:
    await desk.join(ONE, TWO)
    desk.lab.call_in("first-in-pool", THREE)
    await desk.until_order(THREE, ONE, TWO)
    await until(lambda: desk.heard(THREE, "pool"), "the AMI link to tell of it")
    desk.flag(flagged)
    await desk.until_order(flagged, *(number for number in (THREE, ONE, TWO) if number != flagged))
    desk.flag(flagged, vip=False)
    await desk.until_order(THREE, ONE, TWO)
    assert set((await desk.priorities()).values()) == {"0"}


@pytest.mark.parametrize(("queue", "served"), [("pool", [TWO, ONE]), ("single", [TWO])])
async def test_a_vip_is_served_first_by_free_agents_of_either_kind(desk: Desk, queue: str, served: list[str]) -> None:
    """`pool` has autofill, so every free agent is rung for somebody; in `single` only for the head of the queue."""
    lab = desk.lab
    members = {"101": "PJSIP/101", "102": "Local/102@from-queue/n"}

    async def one_more_rings(added: int) -> bool:
        busy = [member for member in await lab.members(free=False) if member["Queue"] == queue]
        return len(busy) >= min(added, len(served))

    try:
        await desk.join(ONE, TWO, THREE, queue=queue)
        desk.flag(TWO)
        await desk.until_order(TWO, ONE, THREE, queue=queue)
        for added, (extension, interface) in enumerate(members.items(), start=1):
            await lab.ami_action("QueueAdd", Queue=queue, Interface=interface, StateInterface=f"PJSIP/{extension}")
            # Until Asterisk knows that this phone rings, it takes it for free and lets the third in line try, too.
            await until(partial(one_more_rings, added), "the phone to count as busy")
        rung = [lab.phone(extension) for extension in members]
        await until(lambda: sum(len(phone.calls) for phone in rung) >= len(served), "the phones")
        await desk.settle()
        numbers = sorted(call.number for phone in rung for call in phone.calls)
        assert numbers == sorted(served)
    finally:
        for interface in members.values():
            await lab.ami_action("QueueRemove", Queue=queue, Interface=interface)


async def test_one_who_is_no_vip_any_more_goes_back_to_where_he_joined(desk: Desk) -> None:
    await desk.join(ONE, TWO, THREE)
    desk.flag(TWO)
    await desk.until_order(TWO, ONE, THREE)
    desk.flag(TWO, vip=False)
    await desk.until_order(ONE, TWO, THREE)
    assert set((await desk.priorities()).values()) == {"0"}


async def test_a_rank_given_by_the_look_up_is_taken_back_with_the_flag(desk: Desk) -> None:
    desk.flag(TWO)
    await desk.join(ONE)
    await desk.originate(TWO, QUEUE_PRIO="10", PBXD_PRIO="10", PBXD_PRIO_BEFORE="3")
    await desk.settle()
    assert desk.moves == 0
    desk.flag(TWO, vip=False)

    async def taken_back() -> bool:
        return (await desk.priorities())[TWO] == "3"

    await until(taken_back, "the rank to be taken back")


async def test_a_rank_of_the_administrator_is_left_alone(desk: Desk) -> None:
    desk.flag(TWO)
    await desk.originate(ONE, QUEUE_PRIO="20")
    await desk.originate(THREE, QUEUE_PRIO="10")
    await desk.join(TWO)
    await desk.until_order(ONE, THREE, TWO)
    await desk.settle()
    assert await desk.priorities() == {ONE: "20", THREE: "10", TWO: "10"}


async def test_the_rank_goes_with_the_caller_into_the_next_queue(desk: Desk) -> None:
    lab = desk.lab
    await desk.join(ONE, queue="support")
    await lab.phone("101").incoming()  # from now on sales doesn't ring it
    lab.call_in("overflow", TWO)  # three seconds in sales, then support
    await lab.until_waiting("sales", 1)
    desk.flag(TWO)

    async def ranked() -> bool:
        return (await desk.priorities("sales")).get(TWO) == "10"

    await until(ranked, "the rank in sales")
    await lab.until_waiting("support", 2)
    await desk.until_order(TWO, ONE, queue="support")
    await desk.settle()
    assert (await desk.priorities("support"))[TWO] == "10"
    assert desk.moves == 1  # in sales


async def test_a_dialplan_that_takes_the_rank_away_between_queues_is_made_up_for(desk: Desk) -> None:
    lab = desk.lab
    await desk.join(ONE, queue="support")
    await lab.phone("101").incoming()  # from now on sales doesn't ring it
    desk.flag(TWO)
    lab.call_in("overflow-freepbx", TWO)
    await lab.until_waiting("sales", 1)
    await lab.until_waiting("support", 2)
    await desk.until_order(TWO, ONE, queue="support")
    assert desk.moves == 2


async def test_who_waits_where_is_told_with_names_and_flags(desk: Desk) -> None:
    desk.flag(TWO)
    await desk.join(ONE, TWO)
    await desk.originate("", queue="ringall")
    await desk.until_order(TWO, ONE)
    told = (await waiting_callers(desk.queues, CallerNaming(desk.naming), ADMINISTRATOR)).items
    assert [(row.queue, row.position, row.number, row.name, row.vip) for row in told] == [
        ("pool", 1, "+79160000002", "Клиент 2", True),
        ("pool", 2, "+79160000001", "Клиент 1", False),
        ("ringall", 1, None, None, False),
    ]
    assert all(row.channel.startswith("Local/") for row in told)
    assert all(row.wait_seconds >= 0 for row in told)
    assert all(abs(datetime.now(UTC) - row.since) < timedelta(minutes=1) for row in told)
    assert [row.call for row in told] == ["call of " + channel for channel in await desk.channels("pool", "ringall")]


@pytest.mark.parametrize("moved", [True, False])
async def test_a_supervisor_puts_a_caller_before_vips_and_later_vips_stay_behind(desk: Desk, *, moved: bool) -> None:
    """Without the move the ordinary caller stays behind everybody of rank."""
    desk.flag(TWO)
    await desk.join(ONE, TWO, THREE)
    await desk.until_order(TWO, ONE, THREE)
    entry = next(each for each in await desk.link.pbx.waiting("pool") if each.number == THREE)
    if moved:
        assert await desk.queues.put_first(entry, ADMINISTRATOR) == (3, 1)
        await desk.until_order(THREE, TWO, ONE)
    desk.flag(FOUR)
    await desk.join(FOUR)
    await desk.settle()
    order = [THREE, TWO, FOUR, ONE] if moved else [TWO, FOUR, ONE, THREE]
    await desk.until_order(*order)
    asked = desk.moves
    desk.start_anew()  # a restarted pbxd knows nothing of the wish, and leaves it alone
    async with running(desk.queues.run()):
        await desk.settle()
        assert await desk.lab.queue_order("pool") == order
    assert desk.moves == asked


async def test_a_wish_leaves_a_vip_the_rank_for_the_next_queue(desk: Desk) -> None:
    desk.flag(TWO)
    await desk.join(ONE, TWO)
    await desk.until_order(TWO, ONE)
    await desk.settle()
    entry = (await desk.link.pbx.waiting("pool"))[0]
    assert await desk.queues.put_first(entry, ADMINISTRATOR) == (1, 1)
    desk.flag(TWO, vip=False)  # the wish is not the rank's
    await desk.settle()
    assert await desk.priorities() == {TWO: "11", ONE: "0"}
    told = await desk.lab.admin.action("Getvar", {"Channel": entry.name, "Variable": "QUEUE_PRIO"})
    assert told["Value"] == "10"


async def test_two_wishes_the_last_one_first_and_both_end_with_the_queue(desk: Desk) -> None:
    await desk.join(ONE, TWO, THREE)
    entries = {each.number: each for each in await desk.link.pbx.waiting("pool")}
    for number in (TWO, THREE, THREE):
        await desk.queues.put_first(entries[number], ADMINISTRATOR)
    entry = entries[THREE]
    await desk.until_order(THREE, TWO, ONE)
    assert desk.moves == 2, "who is first already is not moved again"
    assert await desk.queues.put_first(replace(entry, channel="gone"), ADMINISTRATOR) is None
    for name in ("QUEUE_PRIO", "PBXD_PRIO", "PBXD_KEPT"):  # what the next queue gives
        told = await desk.lab.admin.action("Getvar", {"Channel": entry.name, "Variable": name})
        assert told["Value"] in {"", "0"}, name


async def test_an_outage_of_the_link_is_survived_and_made_up_for(lab: Lab) -> None:
    async with beside(lab) as link:
        desk = Desk(link)
        async with running(desk.queues.run()):
            await desk.join(ONE, TWO)
            await link.cut()
            desk.flag(TWO)
            await until(lambda: link.ami.connected, "the link again")
            desk.queues.refresh()  # what the daemon does after every connect
            await desk.until_order(TWO, ONE)


async def test_joins_in_a_rush_all_end_in_order(desk: Desk) -> None:
    desk.flag(THREE)
    desk.flag(FOUR)
    lab = desk.lab
    for number in (ONE, THREE, TWO, FOUR):
        lab.admin.send(
            "Originate",
            {
                "Channel": "Local/tone@lab-script/n", "Context": "lab-queue", "Exten": "pool", "Priority": "1",
                "CallerID": f"<{number}>", "Async": "true",
            },
        )  # fmt: skip
    joined = await lab.until_waiting("pool", 4)
    await until(lambda: all(desk.heard(number, "pool") for number in joined), "the AMI link to tell of all")
    by_joining = [event.number for event in desk.link.events if isinstance(event, QueueJoined)]
    assert sorted(joined) == sorted(by_joining)
    vips = [number for number in by_joining if number in {THREE, FOUR}]
    others = [number for number in by_joining if number not in vips]
    await desk.until_order(*vips, *others)


@pytest.mark.soak
async def test_on_any_day_each_rank_is_served_as_it_came(desk: Desk) -> None:
    """Joining, leaving, flagging, unflagging, looking again and a lost link, at random; the order after each."""
    seed = random.randrange(1_000_000)
    print(f"seed {seed}")
    chance = random.Random(seed)
    everybody = (ONE, TWO, THREE, FOUR)
    waiting: list[str] = []
    vips: set[str] = set()
    for _step in range(200):
        number = chance.choice(everybody)
        match chance.choice(("come or go", "come or go", "flag", "look", "cut")):
            case "come or go" if number in waiting:
                waiting.remove(number)
                await desk.leave(number)
            case "come or go":
                waiting.append(number)
                await desk.originate(number)
            case "flag":
                vips ^= {number}
                desk.flag(number, vip=number in vips)
            case "look":
                await desk.settle()
            case _:
                await desk.link.cut()
                await until(lambda: desk.ami.connected, "the link again")
                desk.queues.refresh()
        ranked = [one for one in waiting if one in vips]
        await desk.until_order(*ranked, *(one for one in waiting if one not in vips))
