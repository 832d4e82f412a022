"""The link to the PBX cut, gone silent, flooded or with another clock, in the middle of calls on the real Asterisk."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest

from pbxd.asterisk.ami.client import AWAY_SHARE
from pbxd.asterisk.ami.packets import Packet
from pbxd.calls.record import CallRecord
from pbxd.settings import Settings
from tests.faults.history import (
    QUICK_LINK,
    epoch,
    lines,
    listed,
    of,
    one_more_call,
    outages,
    spans,
    sums_up,
    until_answered,
    until_ended,
    until_logged,
    until_over,
)
from tests.history.packets import PacketFollowing
from tests.lab import Lab
from tests.lab.clock import shifted
from tests.lab.daemon import Config, Daemon
from tests.lab.processes import until
from tests.lab.wire import Wire, wire_to
from tests.packets import parse_capture

pytestmark = pytest.mark.lab

ONE, TWO, THREE = "89161230001", "89161230002", "89161230003"


@pytest.fixture
async def wire(lab: Lab) -> AsyncIterator[Wire]:
    async with wire_to(lab.asterisk.ami_port) as between:
        yield between


async def interrupt(wire: Wire, daemon: Daemon, how: str) -> None:
    """Take the link away for good: pbxd is told (RST), or nobody is."""
    wire.refusing = True
    if how == "reset":
        wire.reset()
        await until_logged(daemon, "ami_link_lost")
    else:
        wire.go_silent()


@pytest.mark.parametrize("how", ["reset", "silent"])
async def test_a_cut_link_leaves_a_gap_and_no_ghosts(lab: Lab, wire: Wire, how: str) -> None:
    daemon = await lab.pbxd({"asterisk": {**QUICK_LINK, "port": wire.port}})
    await until_logged(daemon, "resync_done")
    lasting, agent = await lab.talk("101", ONE, agent="101")
    brief, other = await lab.talk("102", TWO, agent="102")
    await until_answered(daemon, ONE, TWO)
    ids = {call["id"] for call in await listed(daemon)}

    cut = time.time()
    await interrupt(wire, daemon, how)
    brief.hangup()
    await other.until_ended()
    hung_up = time.time()
    assert (await daemon.api(f"/api/v1/lookup?number={ONE}"))[1]["status"] == "unknown"  # look-ups go on
    await until_logged(daemon, "ami_link_lost")
    wire.refusing = False
    await until_logged(daemon, "resync_done", 2)
    await one_more_call(lab, THREE)
    await until_over(daemon, TWO, THREE)

    ended = of(await listed(daemon), TWO)
    assert ended["outcome"] == "answered"
    ((since, to),) = spans(ended)
    assert cut - 5.0 < since < hung_up < to < time.time() + 0.1
    assert of(await listed(daemon), ONE)["ended"] is None
    lasting.hangup()
    await agent.until_ended()
    calls = await until_ended(daemon, 3)
    assert {call["id"] for call in calls} > ids
    assert all(sums_up(call) for call in calls)
    assert spans(of(calls, ONE)) == [(since, to)]
    # The control: a call that the link lived through has no gap.
    assert of(calls, THREE)["gaps"] == []
    assert [outage["why"] for outage in outages(daemon)] == ["link"]


@pytest.mark.parametrize("cuts", [10, pytest.param(100, marks=pytest.mark.soak)])
async def test_cuts_make_no_second_call_of_one(lab: Lab, wire: Wire, cuts: int) -> None:
    daemon = await lab.pbxd({"asterisk": {**QUICK_LINK, "port": wire.port}})
    await until_logged(daemon, "resync_done")
    client, agent = await lab.talk("sales", ONE)
    await until_answered(daemon, ONE)
    (before,) = await listed(daemon)
    for number in range(2, cuts + 2):
        wire.reset()
        await until_logged(daemon, "resync_done", number)
    client.hangup()
    await agent.until_ended()
    (after,) = await until_ended(daemon, 1)
    told = ("id", "caller", "callee", "queues", "answered", "answered_by", "direction", "started")
    assert {key: after[key] for key in told} == {key: before[key] for key in told}
    assert after["story"][: len(before["story"])] == before["story"]
    assert sums_up(after)
    gaps = spans(after)
    assert len(gaps) == cuts
    assert gaps == sorted(gaps)
    assert all(to <= since for (_since, to), (since, _to) in pairwise(gaps))


@pytest.mark.soak
async def test_a_link_is_back_soon_after_a_cut_of_twenty_seconds(lab: Lab, wire: Wire) -> None:
    daemon = await lab.pbxd({"asterisk": {"port": wire.port}})
    await until_logged(daemon, "resync_done")
    await interrupt(wire, daemon, "reset")
    cut = time.monotonic()
    await until(lambda: time.monotonic() - cut > 20, "twenty seconds")
    wire.refusing = False
    back = time.monotonic()
    await until_logged(daemon, "resync_done", 2)
    print(f"in step {time.monotonic() - back:.2f} s after the end of the cut")
    assert time.monotonic() - back < 20 * AWAY_SHARE + 1


async def test_ten_resyncs_change_nothing_in_the_records(lab: Lab, tmp_path: Path) -> None:
    """A stream with ten snapshots in it, at every stage of a call, makes the records it makes without them."""
    async with lab.capture(tmp_path) as session:

        async def snapshots(count: int) -> None:
            for _number in range(count):
                await session.action("Ping")
                await session.listing("CoreShowChannels")

        await snapshots(1)  # as after every login
        client = lab.call_in("sales", ONE)
        offered = await lab.phone("101").incoming()
        await snapshots(3)
        offered.answer()
        await client.until_hears(offered)
        await snapshots(3)
        offered.hold()
        await session.expect(lambda packet: packet.get("Event") == "Hold", "the hold")
        await snapshots(2)
        offered.unhold()
        await session.expect(lambda packet: packet.get("Event") == "Unhold", "its end")
        await snapshots(2)
        client.hangup()
        await offered.until_ended()
        await session.expect(lambda packet: packet.get("Event") == "Hangup", "the end")
    packets = list(parse_capture([(tmp_path / "stream.ami").read_bytes()]))
    assert sum(packet.get("Event") == "CoreShowChannelsComplete" for packet in packets) == 11
    without = [packet for packet in packets if not of_a_snapshot(packet)]
    assert len(without) < len(packets) - 30
    with_them, plain = records(packets), records(without)
    assert len(plain) == 1
    assert rounded(with_them) == rounded(plain)
    # The control: what a list must not be taken for does change the record.
    assert rounded(records([packet for packet in without if packet.get("Event") != "Hold"])) != rounded(plain)


def of_a_snapshot(packet: Packet) -> bool:
    return "Ping" in packet or packet.get("Event", "").startswith("CoreShowChannel") or "EventList" in packet


def records(packets: list[Packet]) -> list[CallRecord]:
    following = PacketFollowing(Settings())
    for packet in packets:
        following.packet(packet, None)
    return following.take_changes()


def rounded(calls: list[CallRecord]) -> list[dict[str, object]]:
    """Return the public forms; parts of a second are added up in another order when there are more events."""
    return [
        {key: round(value, 4) if isinstance(value, float) else value for key, value in call.to_json().items()}
        for call in calls
    ]


async def flood(lab: Lab, count: int) -> None:
    """Have Asterisk make that many events; return when all are sent."""
    for number in range(count):
        lab.admin.send("UserEvent", {"UserEvent": "PbxdFlood", "Number": str(number), "Padding": "x" * 200})
    await lab.admin.action("Ping", timeout=60)


@pytest.mark.parametrize("room", [100, 100_000])
async def test_events_faster_than_pbxd_are_a_counted_gap(lab: Lab, room: int) -> None:
    """Control: with room for them, the same flood costs nothing."""
    daemon = await lab.pbxd({"asterisk": {**QUICK_LINK, "ping_interval_seconds": 5, "event_queue_length": room}})
    await until_logged(daemon, "resync_done")
    lasting, agent = await lab.talk("101", ONE, agent="101")
    brief, other = await lab.talk("102", TWO, agent="102")
    await until_answered(daemon, ONE, TWO)
    daemon.freeze()
    await flood(lab, 1500)
    brief.hangup()
    await other.until_ended()
    await flood(lab, 1500)
    daemon.thaw()
    if room == 100:
        await until_logged(daemon, "events_dropped")
        await until_logged(daemon, "resync_done", 2)
    await until_over(daemon, TWO)
    lasting.hangup()
    await agent.until_ended()
    calls = await until_ended(daemon, 2)
    assert all(call["outcome"] == "answered" and sums_up(call) for call in calls)
    overflowed = room == 100
    assert bool(of(calls, ONE)["gaps"]) is overflowed
    assert bool(lines(daemon, "events_dropped")) is overflowed
    assert {outage["why"] for outage in outages(daemon)} == ({"overflow"} if overflowed else set())
    if overflowed:
        assert lines(daemon, "events_dropped")[-1]["dropped"] > 500
        assert all(since <= to for since, to in spans(of(calls, ONE)))


@pytest.mark.soak
async def test_a_minute_of_events_faster_than_pbxd(lab: Lab) -> None:
    daemon = await lab.pbxd({"asterisk": {**QUICK_LINK, "ping_interval_seconds": 5, "event_queue_length": 100}})
    await until_logged(daemon, "resync_done")
    until_then = time.monotonic() + 60
    count = 0
    while time.monotonic() < until_then:
        client, agent = await lab.talk("101", f"8916{count:07}", agent="101")
        daemon.freeze()
        await flood(lab, 1000)
        daemon.thaw()
        client.hangup()
        await agent.until_ended()
        count += 1
    await one_more_call(lab, ONE)

    await until_over(daemon, ONE)
    calls = await listed(daemon)
    assert all(call["ended"] for call in calls)
    assert len({call["id"] for call in calls}) == len(calls) <= count + 1
    assert all(sums_up(call) for call in calls)
    assert {outage["why"] for outage in outages(daemon)} >= {"overflow"}
    assert lines(daemon, "events_dropped")[-1]["dropped"] > 1000


@pytest.mark.parametrize("ahead", [5, -5])
async def test_a_pbx_with_another_clock_gives_its_own_times(lab: Lab, wire: Wire, ahead: int) -> None:
    """pbxd's clock is off, not Asterisk's: the test's own clock is the PBX's then."""
    config: Config = {"asterisk": {**QUICK_LINK, "port": wire.port}, "logs": {"format": "json"}}
    daemon = lab.daemon = lab.prepare(config)
    await daemon.start(env=shifted(f"{ahead:+d}s"), timeout=60)
    await until_logged(daemon, "resync_done")
    began = time.time()
    client, agent = await lab.talk("101", ONE)
    await until_answered(daemon, ONE)
    wire.reset()
    await until_logged(daemon, "resync_done", 2)
    client.hangup()
    await agent.until_ended()
    over = time.time()
    (call,) = await until_ended(daemon, 1)
    assert began - 0.2 < epoch(call["started"]) <= epoch(call["answered"]) <= epoch(call["ended"]) < over + 0.2
    ((since, to),) = spans(call)
    assert epoch(call["answered"]) - 0.1 <= since < to <= epoch(call["ended"])
    assert sums_up(call)
    # The control: pbxd's clock really was another one.
    told = epoch(lines(daemon, "resync_done")[-1]["timestamp"])
    assert abs(told - ahead - over) < 3
