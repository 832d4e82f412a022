"""Calls that wait in memory while the database is away: how many, what is given up, and that it is told."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pbxd.asterisk.ami.packets import Packet
from pbxd.errors import UnavailableError
from pbxd.history.recorder import MAX_WAITING, Recorder
from pbxd.lookup.index import Directory
from pbxd.numbers import rules_from
from pbxd.settings import AsteriskSettings, Settings
from pbxd.storage.calls.calls import Calls
from pbxd.storage.calls.gaps import HistoryGaps
from pbxd.storage.calls.history import History
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed, FeedRow
from tests.history.packets import PacketFollowing

BEGAN = 1_700_000_000


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """A database that isn't reached before `connect`."""
    async with Database(f"sqlite+aiosqlite:///{tmp_path / 'pbxd.db'}") as unreached:
        yield unreached


def recorder_of(following: PacketFollowing, database: Database, most: int = MAX_WAITING) -> Recorder:
    directory = Directory(database, rules_from(Settings()))
    return Recorder(following, Calls(database), directory, max_waiting=most)


def call(number: int, *, ended: bool = True) -> list[Packet]:
    """Packets of a caller who comes and goes, one second after the one before."""
    caller = {
        "Channel": f"PJSIP/trunk-{number:08x}", "ChannelState": "4", "ChannelStateDesc": "Ring",
        "CallerIDNum": f"8916{number:07}", "CallerIDName": "<unknown>",
        "ConnectedLineNum": "<unknown>", "ConnectedLineName": "<unknown>",
        "Language": "en", "AccountCode": "", "Context": "from-trunk", "Exten": "74951230100", "Priority": "1",
        "Uniqueid": f"{BEGAN + number}.1", "Linkedid": f"{BEGAN + number}.1",
    }  # fmt: skip
    packets = [{"Event": "Newchannel", "Timestamp": f"{BEGAN + number}.0", **caller}]
    if ended:
        packets.append({"Event": "Hangup", "Timestamp": f"{BEGAN + number}.5", **caller, "Cause": "16"})
    return packets


def snapshot(at: int) -> list[Packet]:
    """Packets of a snapshot that finds no channel."""
    begins = {"Response": "Success", "Message": "Channels will follow", "EventList": "start"}
    ends = {"ActionID": "1", "EventList": "Complete", "ListItems": "0"}
    return [begins, {"Event": "CoreShowChannelsComplete", "Timestamp": f"{at}.0", **ends}]


def follow(following: PacketFollowing, packets: list[Packet]) -> None:
    for packet in packets:
        following.packet(packet, None)


async def test_a_call_that_no_name_can_be_found_for_is_written_without(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_asked: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Directory, "lookup", stumble)
    following = PacketFollowing(Settings())
    recorder = recorder_of(following, database)
    await database.connect(create=True)
    follow(following, call(1))
    with capture_logs() as logs:
        await recorder.flush()
    assert [each.caller.number for each in (await History(database).page()).records] == ["+79160000001"]
    assert recorder.faults == {"call_naming_failed": 1}
    assert [line["event"] for line in logs] == ["call_naming_failed"]


async def gaps(database: Database) -> list[FeedRow]:
    return [row for row in await Feed(database).read(0, 100_000) if row.kind == "gap"]


async def test_calls_beyond_the_room_are_given_up_oldest_first_counted_and_told(database: Database) -> None:
    following = PacketFollowing(Settings())
    recorder = recorder_of(following, database, most=100)
    follow(following, call(0, ended=False))
    with capture_logs() as logs:
        for number in range(1, 151):
            follow(following, call(number))
            with pytest.raises(UnavailableError):
                await recorder.flush()
    assert (recorder.backlog, recorder.lost) == (100, 51)
    assert [entry["event"] for entry in logs] == ["calls_lost"]
    await database.connect(create=True)
    await recorder.flush()
    assert recorder.backlog == 0
    page = await History(database).page(limit=1000)
    kept = {record.caller.number for record in page.records}
    assert page.total == 100
    assert kept == {f"+7916{number:07}" for number in (0, *range(52, 151))}  # the one under way is never given up
    (gap,) = await gaps(database)
    assert gap.subject == "pbx"
    assert (gap.data["why"], gap.data["calls"]) == ("storage", 51)
    assert instant(gap.data["from"]) == BEGAN + 1
    assert instant(gap.data["to"]) == BEGAN + 51.5
    await recorder.flush()
    assert len(await gaps(database)) == 1


def instant(text: str) -> float:
    return datetime.fromisoformat(text).astimezone(UTC).timestamp()


async def test_within_the_room_nothing_is_lost_nor_told(database: Database) -> None:
    following = PacketFollowing(Settings())
    recorder = recorder_of(following, database, most=100)
    for number in range(100):
        follow(following, call(number))
    with pytest.raises(UnavailableError):
        await recorder.flush()
    await database.connect(create=True)
    await recorder.flush()
    assert (await History(database).page())[0] == 100
    assert recorder.lost == 0
    assert await gaps(database) == []


@pytest.mark.soak
async def test_a_hundred_thousand_changes_wait_and_are_written(database: Database) -> None:
    assert MAX_WAITING >= 100_000
    following = PacketFollowing(Settings())
    recorder = recorder_of(following, database)
    for number in range(100_000):
        follow(following, call(number))
    with pytest.raises(UnavailableError):
        await recorder.flush()
    assert (recorder.backlog, recorder.lost) == (100_000, 0)
    await database.connect(create=True)
    longest = 0.0
    clock = time.thread_time  # the loop's own work: other processes on this machine take time of the clock too

    async def watch() -> None:
        nonlocal longest
        while recorder.backlog:
            before = clock()
            await asyncio.sleep(0.001)
            longest = max(longest, clock() - before)

    async with asyncio.TaskGroup() as group:
        group.create_task(recorder.flush())
        group.create_task(watch())
    assert (await History(database).page(limit=1))[1]
    assert longest < 0.5  # look-ups go on meanwhile


async def test_a_gap_of_the_link_is_told_with_its_times(database: Database) -> None:
    following = PacketFollowing(Settings())
    recorder = recorder_of(following, database)
    await database.connect(create=True)
    follow(following, call(1))
    for since in (1.0, 2.0):
        following.open_gap(since)
    assert following.take_gaps() == []  # it lasts
    follow(following, snapshot(BEGAN + 9))
    await recorder.flush()
    (gap,) = await gaps(database)
    assert gap.data["why"] == "link"
    assert gap.data["calls"] is None
    assert (instant(gap.data["from"]), instant(gap.data["to"])) == (BEGAN + 0.5, BEGAN + 9)


async def test_events_held_back_are_followed_after_the_calls_of_before() -> None:
    earlier = PacketFollowing(Settings())
    follow(earlier, call(1, ended=False))
    (open_call,) = earlier.take_changes()
    following = PacketFollowing(Settings())
    following.hold_events()
    follow(following, snapshot(BEGAN + 9))
    follow(following, call(20))
    assert following.take_changes() == []
    await following.resume([open_call])
    changed = {record.id: record for record in following.take_changes()}
    assert len(changed) == 2
    closed = changed[open_call.id]
    assert closed.ended == datetime.fromtimestamp(BEGAN + 9, UTC)
    assert len(closed.gaps) == 1
    follow(following, call(30))
    assert len(following.take_changes()) == 1  # nothing is held any more


async def test_more_held_events_than_there_is_room_for_are_counted_and_told() -> None:
    following = PacketFollowing(Settings(asterisk=AsteriskSettings(event_queue_length=100)))
    following.hold_events()
    with capture_logs() as logs:
        for number in range(60):
            follow(following, call(number))
    await following.resume([])
    assert [entry["dropped"] for entry in logs] == [100]
    assert len(following.take_changes()) == 10
    (gap,) = following.take_gaps()
    assert (gap.why, gap.since) == ("overflow", datetime.fromtimestamp(BEGAN - 1, UTC))


async def heard(database: Database) -> float | None:
    at = await HistoryGaps(database).cursor("pbx")
    return at.timestamp() if at else None


async def test_the_mark_stands_where_all_before_it_is_written(database: Database) -> None:
    following = PacketFollowing(Settings())
    recorder = recorder_of(following, database)
    await database.connect(create=True)
    await recorder.flush(final=True)
    assert await heard(database) is None  # nothing was heard
    follow(following, call(1))
    await recorder.flush()
    assert await heard(database) == BEGAN + 1.5
    following.open_gap(BEGAN + 3.0)
    follow(following, call(9))  # the PBX is heard again, but of the time between nobody knows yet
    await recorder.flush()
    assert await heard(database) == BEGAN + 1.5
    follow(following, snapshot(BEGAN + 12))
    await recorder.flush()
    assert await heard(database) == BEGAN + 12


async def test_the_time_in_which_we_were_away_is_a_gap_of_ours() -> None:
    following = PacketFollowing(Settings())
    await following.resume([], datetime.fromtimestamp(BEGAN, UTC))
    follow(following, call(20))
    following.open_gap(BEGAN + 21.0)  # a link lost before the first snapshot is part of it
    assert following.take_gaps() == []
    follow(following, snapshot(BEGAN + 30))
    (gap,) = following.take_gaps()
    assert (gap.why, gap.since.timestamp(), gap.to.timestamp()) == ("pbxd", BEGAN - 1, BEGAN + 30)


async def test_with_a_database_that_comes_late_it_ends_with_the_first_snapshot() -> None:
    following = PacketFollowing(Settings())
    following.hold_events()
    follow(following, snapshot(BEGAN + 9))
    follow(following, snapshot(BEGAN + 20))
    await following.resume([], datetime.fromtimestamp(BEGAN, UTC))
    (gap,) = following.take_gaps()
    assert (gap.why, gap.since.timestamp(), gap.to.timestamp()) == ("pbxd", BEGAN - 1, BEGAN + 9)


@pytest.mark.parametrize(("late", "since"), [(0.4, 0.9), (2.5, 1.5), (3000.0, 3000.5)])
async def test_a_gap_begins_where_an_overloaded_pbx_was_with_its_events(late: float, since: float) -> None:
    following = PacketFollowing(Settings())
    (created,) = call(1, ended=False)
    created["Timestamp"] = f"{BEGAN + 1 + late:.6f}"
    pong = {"Response": "Success", "Ping": "Pong", "Timestamp": f"{BEGAN + late + 1.5:.6f}"}
    follow(following, [created, pong])
    assert following.cursor() == ("pbx", datetime.fromtimestamp(BEGAN + since + 1, UTC))
    following.open_gap(BEGAN + 9.0)
    follow(following, [*call(4000), *snapshot(BEGAN + 4001)])
    (gap,) = following.take_gaps()
    assert gap.since.timestamp() == pytest.approx(BEGAN + since, abs=0.001)


BOOTED = {"Event": "FullyBooted", "Status": "Fully Booted"}
PONG = {"Response": "Success", "Ping": "Pong", "Timestamp": f"{BEGAN + 30}.0"}


@pytest.mark.parametrize("forged", [PONG | {"Timestamp": "99999999999"}, PONG | {"Event": "X"}])
async def test_no_far_answer_nor_an_event_that_looks_like_one_blames_the_pbx(forged: dict[str, str]) -> None:
    following = PacketFollowing(Settings())
    follow(following, call(1))
    following.open_gap(BEGAN + 2.0)
    follow(following, [BOOTED | {"Uptime": "2"}])
    following.packet_safely(forged, None)
    follow(following, [PONG | {"Timestamp": f"{BEGAN + 3}.0"}, *snapshot(BEGAN + 31)])
    (gap,) = following.take_gaps()
    assert gap.why == "link"


@pytest.mark.parametrize(("uptime", "why"), [("2", "restart"), ("5000", "link"), ("", "link"), ("x", "link")])
@pytest.mark.parametrize("logged_in", [False, True])
async def test_a_pbx_that_began_after_the_link_was_lost_was_away_itself(
    uptime: str, why: str, *, logged_in: bool
) -> None:
    """FullyBooted has no time where the PBX had booted before the login; the answer to the next Ping has."""
    following = PacketFollowing(Settings())
    follow(following, call(1))
    following.open_gap(BEGAN + 2.0)
    booted = BOOTED | {"Uptime": uptime}
    told = [booted | {"Timestamp": f"{BEGAN + 30}.0"}] if logged_in else [booted, PONG]
    follow(following, [*told, *snapshot(BEGAN + 31)])
    (gap,) = following.take_gaps()
    assert gap.why == why
