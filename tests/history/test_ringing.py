"""`call.ringing` of recorded flows: once for each extension that begins to ring; a restart in between rings nobody."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pbxd.actor import Actor
from pbxd.asterisk.ami.capture import read_capture
from pbxd.history.recorder import Recorder
from pbxd.lookup.index import Directory
from pbxd.numbers import rules_from
from pbxd.services.events.hearing import event_of
from pbxd.settings import Settings
from pbxd.storage.calls.calls import Calls
from pbxd.storage.calls.history import History
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed, FeedRow
from tests.actors import agent
from tests.captures.written import CAPTURES
from tests.history.packets import PacketFollowing


def recorder_of(following: PacketFollowing, database: Database) -> Recorder:
    return Recorder(following, Calls(database), Directory(database, rules_from(Settings())))


async def recorded(database: Database, flow: str) -> Sequence[FeedRow]:
    """Write a recorded stream as the daemon would, after each packet; return what the feed got."""
    following = PacketFollowing(Settings())
    recorder = recorder_of(following, database)
    for arrival, packet in read_capture(CAPTURES / flow / "stream.ami", 65536):
        if following.packet(packet, arrival):
            await recorder.flush()
    await recorder.flush()
    return await Feed(database).read(0, 10_000)


def rung(rows: Sequence[FeedRow]) -> list[str]:
    return [row.data["extension"] for row in rows if row.kind == "call.ringing"]


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize(
    ("flow", "expected"),
    [
        ("two_devices", ["106"]),
        ("queue_ringall", ["101", "102", "103"]),
        ("attended_refer", ["101", "102"]),
        ("blind_to_queue", None),
        ("under_way_ringing", ["101"]),
    ],
)
async def test_each_extension_rings_once(database: Database, flow: str, expected: list[str] | None) -> None:
    rows = await recorded(database, flow)
    found = rung(rows)
    assert found
    if expected is not None:
        assert sorted(found) == expected
    before = await Feed(database).last()
    page = await History(database).page()
    await Calls(database).upsert(page.records)  # as a replay or a repeated write would
    assert await Feed(database).read(before) == []


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_callers_in_queues_are_told_of_in_order(database: Database) -> None:
    rows = [row for row in await recorded(database, "queue_answered") if row.kind.startswith(("queue.", "call."))]
    kinds = [row.kind for row in rows]
    assert kinds[0] == "queue.joined"
    assert kinds[-1] == "call.ended"
    assert kinds.index("queue.joined") < kinds.index("call.ringing") < kinds.index("call.answered")
    joined = next(row for row in rows if row.kind == "queue.joined")
    assert joined.data["queue"]
    assert joined.data["caller"]["number"]
    assert {row.subject for row in rows} == {joined.subject}


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize("flow", ["queue_answered", "queue_ringall", "two_devices"])
async def test_a_restart_at_any_moment_rings_nobody_again(database: Database, flow: str) -> None:
    """The second process sees the first half's calls as open, then the rest of the events."""
    packets = list(read_capture(CAPTURES / flow / "stream.ami", 65536))
    whole = sorted(rung(await recorded(database, flow)))
    ringing = next(place for place, (_at, packet) in enumerate(packets) if packet.get("ChannelStateDesc") == "Ringing")
    for cut in (ringing + 1, ringing + 2, ringing + 5):
        async with database.writing() as connection:
            await connection.exec_driver_sql("DELETE FROM feed")
            await connection.exec_driver_sql("DELETE FROM calls")
        first = PacketFollowing(Settings())
        for arrival, packet in packets[:cut]:
            first.packet(packet, arrival)
        await recorder_of(first, database).flush()
        second = PacketFollowing(Settings())
        await second.resume(await Calls(database).open_calls("pbx"))
        recorder = recorder_of(second, database)
        for arrival, packet in packets[cut:]:
            second.packet(packet, arrival)
        await recorder.flush()
        found = rung(await Feed(database).read(0, 10_000))
        assert len(found) == len(set(found)), found
        assert set(found) <= set(whole)


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize("by", [None, agent("103")])
async def test_a_move_is_told_of_and_a_person_who_wanted_it_stands_in_the_story(
    database: Database, by: Actor | None
) -> None:
    following = PacketFollowing(Settings())
    recorder = recorder_of(following, database)
    for arrival, packet in read_capture(CAPTURES / "queue_answered" / "stream.ami", 65536):
        following.packet(packet, arrival)
        if packet.get("Event") == "QueueCallerJoin":
            channel, at = packet["Uniqueid"], following.tracker.registry.calls[0].at
            following.note_moved(channel, packet["Queue"], 3, 1, by, at + 0.001)
    await recorder.flush()
    (moved,) = [row for row in await Feed(database).read(0, 10_000) if row.kind == "vip.moved"]
    facts = {name: moved.data[name] for name in ("position_before", "position", "by", "moved_by")}
    assert facts == {
        "position_before": 3,
        "position": 1,
        "by": "person" if by else "rank",
        "moved_by": "103" if by else None,
    }
    event = event_of(moved)
    assert event
    assert event.extensions == frozenset(), "it is about the caller, not about who moved them"
    (record,) = (await History(database).page()).records
    steps = [step for step in record.story if step.what in {"queued", "moved"}]
    assert [(step.what, step.who) for step in steps[1:]] == ([("moved", "103")] if by else [])
    assert record.story == sorted(record.story, key=lambda step: step.at)
    assert record.ended
    assert sum(record.seconds.values()) == pytest.approx((record.ended - record.started).total_seconds())
