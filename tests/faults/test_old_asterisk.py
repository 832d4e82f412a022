"""An old Asterisk, 16 of Debian bullseye: what it can't do is said once, and everything else works on it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from tests.faults.history import (
    QUICK_LINK,
    lines,
    of,
    one_more_call,
    spans,
    sums_up,
    until_answered,
    until_ended,
    until_logged,
    until_over,
)
from tests.lab import Lab
from tests.lab.asterisk import CHECKOUT
from tests.lab.daemon import Daemon
from tests.lab.processes import until
from tests.lab.wire import wire_to

pytestmark = [pytest.mark.lab, pytest.mark.soak]

CLIENT, VIP, THIRD = "89161270001", "89161270002", "89161270003"
NAME = "Фронкин Игорь"


@pytest.fixture(scope="module")
async def old() -> AsyncIterator[Lab]:
    """A lab on that Asterisk, which is fetched when it isn't there."""
    fetching = await asyncio.create_subprocess_exec(CHECKOUT / "tests/lab/setup.sh", "bullseye")
    assert await fetching.wait() == 0
    async with Lab(suite="bullseye") as lab:
        assert lab.version.startswith("16.")
        yield lab


@pytest.fixture
async def daemon(old: Lab) -> AsyncIterator[Daemon]:
    daemon = await old.pbxd({"logs": {"format": "json"}})
    await until_logged(daemon, "resync_done")
    await old.know(NAME, CLIENT)
    await old.know("Важный", VIP, vip=True)
    yield daemon
    await daemon.stop()
    await old.quiet()


def complaints(daemon: Daemon) -> list[str]:
    """Return what the log says above information, in order."""
    told = [json.loads(line) for line in daemon.log_text().splitlines() if line.startswith("{")]
    return [line["event"] for line in told if line["level"] not in {"debug", "info"}]


async def test_a_call_is_named_and_recorded_with_the_times_of_the_pbx(old: Lab, daemon: Daemon) -> None:
    client, agent = await old.talk("sales", CLIENT, name="from trunk")
    assert agent.name == NAME
    agent.hold()
    await asyncio.sleep(0.3)
    agent.unhold()
    await client.until_hears(agent)
    client.hangup()
    await agent.until_ended()
    (call,) = await until_ended(daemon, 1)
    assert (call["outcome"], call["answered_by"], call["queue"]) == ("answered", ["101"], "sales")
    assert (call["clock"], call["gaps"]) == ("pbx", [])
    assert call["hold_seconds"] > 0.2
    assert sums_up(call)
    assert complaints(daemon) == []


async def test_a_call_by_click_is_made_and_recorded(old: Lab, daemon: Daemon) -> None:
    body = {"agent": "101", "target": CLIENT}
    status, made = await daemon.api("/api/v1/calls", method="POST", body=body)
    assert status == 202
    offered = await old.phone("101").incoming()
    assert offered.name == NAME
    offered.answer()
    far = await old.trunk.answered()
    await far.until_hears(offered)
    far.hangup()
    (call,) = await until_ended(daemon, 1)
    assert (call["id"], call["outcome"], call["origin"]) == (made["id"], "answered", "click-to-call")
    assert complaints(daemon) == []


async def test_a_rank_is_given_at_entry_and_no_move_is_tried(old: Lab, daemon: Daemon) -> None:
    old.call_in("pool", THIRD)
    await old.until_waiting("pool", 1)
    old.call_in("pool", CLIENT)
    await old.until_waiting("pool", 2)
    old.call_in("pool", VIP)
    await old.until_waiting("pool", 3)
    order = [VIP, THIRD, CLIENT]
    assert await old.queue_order("pool") == order
    # He who is flagged while he waits stays where he is, which is said once.
    (known,) = (await old.cli("contacts", "list", "--search", NAME))["items"]
    for change in ("--vip", "--no-vip", "--vip"):
        await old.cli("contacts", "edit", str(known["id"]), change)
        await until_rank(daemon, CLIENT, vip=change == "--vip")
    await until_logged(daemon, "queue_moves_unsupported")
    old.call_in("pool", VIP)
    assert await old.until_waiting("pool", 4) == [VIP, VIP, THIRD, CLIENT]
    assert complaints(daemon) == ["queue_moves_unsupported"]
    assert lines(daemon, "queue_moves_unsupported")[0]["asterisk"] == old.version


async def until_rank(daemon: Daemon, number: str, *, vip: bool) -> None:
    async def so() -> bool:
        return bool((await daemon.api(f"/api/v1/lookup?number={number}"))[1]["vip"] is vip)

    await until(so, f"{number} with vip={vip} in the index")


async def test_a_lost_link_is_made_good(old: Lab) -> None:
    async with wire_to(old.asterisk.ami_port) as wire:
        daemon = await old.pbxd({"asterisk": {**QUICK_LINK, "port": wire.port}})
        await until_logged(daemon, "resync_done")
        lasting, agent = await old.talk("101", CLIENT, agent="101")
        brief, other = await old.talk("102", VIP, agent="102")
        await until_answered(daemon, CLIENT, VIP)
        wire.refusing = True
        wire.reset()
        await until_logged(daemon, "ami_link_lost")
        brief.hangup()
        await other.until_ended()
        wire.refusing = False
        await until_logged(daemon, "resync_done", 2)
        await one_more_call(old, THIRD)
        await until_over(daemon, VIP, THIRD)
        lasting.hangup()
        await agent.until_ended()
        calls = await until_ended(daemon, 3)
        assert all(call["outcome"] == "answered" and call["clock"] == "pbx" and sums_up(call) for call in calls)
        assert spans(of(calls, CLIENT)) == spans(of(calls, VIP))
        assert len(spans(of(calls, VIP))) == 1
        assert of(calls, THIRD)["gaps"] == []
        await daemon.stop()


async def test_doctor_says_what_it_lacks(daemon: Daemon) -> None:
    told = {one["check"]: one["status"] for one in (await daemon.run("doctor", "--json")).json["checks"]}
    assert (told["version"], told["immediate"]) == ("warning", "warning")
    assert "failed" not in told.values()
