"""Gaps filled from Asterisk's own log (CEL): captured flows heard only in part, and the rest read later (B5)."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pbxd.asterisk.ami.packets import Packet
from pbxd.calls.record import Gap, HistoryGap
from pbxd.errors import ConfigurationError, UnavailableError
from pbxd.history.backfill import Backfill
from pbxd.history.recorder import Recorder
from pbxd.history.replay import replay
from pbxd.lookup.index import Directory
from pbxd.numbers import rules_from
from pbxd.settings import BackfillSettings, RetentionSettings, Settings
from pbxd.storage.calls.calls import Calls
from pbxd.storage.calls.gaps import HistoryGaps
from pbxd.storage.calls.history import History
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed
from tests.history.packets import PacketFollowing
from tests.lab.processes import until
from tests.packets import parse_capture

CAPTURES = Path(__file__).parents[1] / "captures"
FLOWS = ("queue_answered", "incoming_abandoned", "blind_to_outside", "attended_refer", "two_equal_pairs")
FACTS = ("direction", "queues", "answered_by", "outcome")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with await Database.open(f"sqlite+aiosqlite:///{tmp_path / 'pbxd.db'}", create=True) as opened:
        yield opened


def reading(cel: Path | str) -> Settings:
    return Settings(backfill=BackfillSettings(cel=str(cel)))


def log_of(flow: str) -> Path:
    return CAPTURES / flow / "cel.csv"


def snapshot(at: float) -> list[Packet]:
    """Packets of a snapshot that finds no channel."""
    begins = {"Response": "Success", "Message": "Channels will follow", "EventList": "start"}
    ends = {"ActionID": "1", "EventList": "Complete", "ListItems": "0"}
    return [begins, {"Event": "CoreShowChannelsComplete", "Timestamp": f"{at:.6f}", **ends}]


async def heard(flow: str, database: Database, part: float) -> None:
    """Hear the first part of a flow (0 to 1), lose the link, and find nothing there when it is back."""
    packets = list(parse_capture([(CAPTURES / flow / "stream.ami").read_bytes()]))
    stamps = [float(packet["Timestamp"]) for packet in packets if "Timestamp" in packet]
    following = PacketFollowing(Settings())
    for packet in packets[: int(len(packets) * part)]:
        following.packet(packet, stamps[0])
    following.open_gap(stamps[0] - 1)
    for packet in snapshot(stamps[-1] + 5):
        following.packet(packet, None)
    await Recorder(following, Calls(database), Directory(database, rules_from(Settings()))).flush()


async def listed(database: Database) -> list[dict[str, Any]]:
    found = [record.to_json() for record in (await History(database).page(limit=100_000)).records]
    return sorted(found, key=lambda call: (str(call["started"]), str(call["id"])))


def facts(call: dict[str, Any]) -> dict[str, Any]:
    told = {name: call[name] for name in FACTS} | {side: call[side]["number"] for side in ("caller", "callee")}
    return told | {name: call[name] and call[name][:21] for name in ("started", "answered", "ended")}


def whole(flow: str) -> list[dict[str, Any]]:
    records = [each.to_json() for each in replay(CAPTURES / flow / "stream.ami", Settings())]
    return sorted(records, key=lambda call: (str(call["started"]), str(call["id"])))


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize("part", [0.0, 0.6])
async def test_what_was_not_heard_is_read_and_the_calls_are_as_if_heard(
    database: Database, flow: str, part: float
) -> None:
    await heard(flow, database, part)
    before = await listed(database)
    (gap,) = await HistoryGaps(database).list()
    for _twice in range(2):  # doing it again changes nothing
        await Backfill(reading(log_of(flow)), database).fill(gap)
        calls = await listed(database)
        assert [facts(call) for call in calls] == [facts(call) for call in whole(flow)]
        leading = {(await Calls(database).get(call["id"]))["id"] for call in before}  # two may have become one
        assert leading <= {call["id"] for call in calls}
        for call in calls:
            parts = sum(call[f"{name}_seconds"] for name in ("menu", "wait", "ring", "talk", "hold", "voicemail"))
            assert all(gap["filled"] == "cel" for gap in call["gaps"])
            assert call["source"] == ("ami" if call["id"] in {each["id"] for each in before} else "cel")
            assert parts >= 0
    (gap,) = await HistoryGaps(database).list()
    assert gap.filled is not None
    assert gap.filled_from == "cel"
    assert gap.filled_calls


async def test_a_call_that_began_while_it_was_listed_is_completed_and_a_later_one_is_not_taken(
    database: Database,
) -> None:
    (record,) = replay(CAPTURES / "queue_answered" / "stream.ami", Settings())
    told = record.to_json()
    listed_at = record.started - timedelta(seconds=0.5)
    gap = HistoryGap(record.pbx, listed_at - timedelta(seconds=9), listed_at, "link")
    await Calls(database).upsert([], [gap])
    (kept,) = await HistoryGaps(database).list()
    await Backfill(reading(log_of("queue_answered")), database).fill(kept)
    assert await listed(database) == []
    record.started, record.gaps = listed_at, [Gap(listed_at, listed_at)]
    await Calls(database).upsert([record])
    await Backfill(reading(log_of("queue_answered")), database).fill(kept)
    (call,) = await listed(database)
    assert [gap["filled"] for gap in call["gaps"]] == ["cel"]
    assert facts(call) == facts(told)


@pytest.mark.parametrize("flow", ["under_way_talking", "under_way_ringing", "under_way_waiting"])
async def test_a_call_found_under_way_has_one_beginning_once_it_is_filled(database: Database, flow: str) -> None:
    (record,) = replay(CAPTURES / flow / "stream.ami", Settings())
    (gap,) = record.gaps
    await Calls(database).upsert([record], [HistoryGap(record.pbx, gap.since, gap.to or gap.since, "pbxd")])
    (kept,) = await HistoryGaps(database).list()
    await Backfill(reading(log_of(flow)), database).fill(kept)
    (call,) = await listed(database)
    called = [step["at"] for step in call["story"] if step["what"] == "called"]
    assert called == [call["started"]]
    assert call["story"][0]["what"] == "called"
    assert call["started"] > record.to_json()["started"]


async def test_without_a_log_the_calls_are_absent_and_the_gap_is_told(database: Database) -> None:
    await heard("queue_answered", database, 0.0)
    (gap,) = await HistoryGaps(database).list()
    with pytest.raises(ConfigurationError, match=r"backfill\.cel"):
        await Backfill(Settings(), database).fill(gap)
    with pytest.raises(UnavailableError, match=r"nowhere\.csv"):
        await Backfill(reading("nowhere.csv"), database).fill(gap)
    assert await listed(database) == []
    assert [each.filled for each in await HistoryGaps(database).list()] == [None]


async def test_the_daemons_task_fills_by_itself_and_the_feed_rings_no_bell(database: Database) -> None:
    await heard("queue_answered", database, 0.0)
    task = asyncio.create_task(Backfill(reading(log_of("queue_answered")), database).run())
    try:

        async def done() -> bool:
            return (await HistoryGaps(database).list())[0].filled is not None

        await until(done, "the gap to be filled", every=0.1)
    finally:
        task.cancel()
    assert [row.kind for row in await Feed(database).read(0)] == ["gap", "call.filled", "gap.filled"]


async def test_a_call_under_way_is_left_until_it_has_ended(database: Database) -> None:
    packets = list(parse_capture([(CAPTURES / "queue_answered" / "stream.ami").read_bytes()]))
    following = PacketFollowing(Settings())
    for packet in packets[: len(packets) // 2]:
        following.packet(packet, 1.0)
    await Recorder(following, Calls(database), Directory(database, rules_from(Settings()))).flush()
    (call,) = await listed(database)
    assert call["ended"] is None
    stamp = next(float(packet["Timestamp"]) for packet in reversed(packets) if "Timestamp" in packet)
    other = PacketFollowing(Settings())
    for packet in packets[: len(packets) // 3]:
        other.packet(packet, 1.0)
    other.open_gap(1.0)
    for packet in snapshot(stamp):
        other.packet(packet, None)
    await Calls(database).upsert([], other.take_gaps())
    (gap,) = await HistoryGaps(database).list()
    result = await Backfill(reading(log_of("queue_answered")), database).fill(gap)
    assert (result.found, result.completed, result.pending) == (0, 0, True)
    assert await listed(database) == [call]
    assert [each.filled for each in await HistoryGaps(database).list()] == [None]


async def test_a_call_that_cannot_be_written_is_not_tried_for_ever(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    flow = "two_equal_pairs"
    refused, amend = whole(flow)[0]["id"], Calls.amend

    async def refusing(calls: Calls, amended: dict[str, Any], told_as: str) -> Any:  # noqa: ANN401 - as it stands there
        if refused in amended:
            raise ValueError
        return await amend(calls, amended, told_as)

    monkeypatch.setattr(Calls, "amend", refusing)
    await heard(flow, database, 0.0)
    (gap,) = await HistoryGaps(database).list()
    result = await Backfill(reading(log_of(flow)), database).fill(gap)
    assert (result.found, result.completed, result.pending) == (len(whole(flow)) - 1, 0, False)
    assert refused not in {call["id"] for call in await listed(database)}
    assert (await HistoryGaps(database).list())[0].filled


async def test_a_rebuild_shows_what_differs_and_mends_it(database: Database, tmp_path: Path) -> None:
    flow = "two_equal_pairs"
    records = list(replay(CAPTURES / flow / "stream.ami", Settings()))
    await Calls(database).upsert(records)
    kept = records[-1]
    done: list[tuple[int, int]] = []
    backfill = Backfill(reading(log_of(flow)), database, lambda part, whole: done.append((part, whole)))
    with log_of(flow).open(encoding="utf-8", newline="") as stream:
        times = [float(row[1]) for row in csv.reader(stream)]
    period = (
        kept.started.fromtimestamp(min(times) - 1, kept.started.tzinfo),
        kept.started.fromtimestamp(max(times) + 1, kept.started.tzinfo),
    )
    assert await backfill.compare(*period) == []
    assert [0 < part <= whole for part, whole in done] == [True]  # in seconds of the log
    kept.outcome, kept.answered_by = "missed", []
    kept.caller.name = "Фронкин"
    await Calls(database).upsert([kept])
    (found,) = await backfill.compare(*period)
    assert {name for name, _said, _read in found.facts} == {"outcome", "answered_by"}
    await backfill.rebuild([found])
    assert done[-1] == (1, 1)
    assert await backfill.compare(*period) == []
    (mended,) = [call for call in await listed(database) if call["id"] == kept.id]
    assert (mended["outcome"], mended["caller"]["name"], mended["source"]) == ("answered", "Фронкин", "cel")
    async with await Database.open(f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}", create=True) as empty:
        missing = Backfill(reading(log_of(flow)), empty)
        lacking = await missing.compare(*period)
        assert [each.known for each in lacking] == [None, None]
        await missing.rebuild(lacking)
        assert [facts(call) for call in await listed(empty)] == [facts(call) for call in whole(flow)]


async def test_an_erased_number_does_not_come_back(database: Database) -> None:
    flow = "two_equal_pairs"
    records = list(replay(CAPTURES / flow / "stream.ami", Settings()))
    records[0].caller.number, records[0].outcome = "+7**********", "missed"
    await Calls(database).upsert(records)
    backfill = Backfill(reading(log_of(flow)), database)
    day = timedelta(days=1)
    assert await backfill.compare(records[0].started - day, records[0].started + day) == []
    records[0].caller.number = "+79161112233"
    await Calls(database).upsert(records)
    assert len(await backfill.compare(records[0].started - day, records[0].started + day)) == 1
    records[0].answered_by = ["+7**********"]  # also where he was only brought into the call
    await Calls(database).upsert(records)
    assert await backfill.compare(records[0].started - day, records[0].started + day) == []


@pytest.mark.parametrize(("days", "found"), [(0, 2), (1, 0), (36_500, 2)])
async def test_what_retention_deletes_does_not_come_back(
    database: Database, tmp_path: Path, days: int, found: int
) -> None:
    log = tmp_path / "cel.csv"
    earlier = log_of("two_equal_pairs").read_text("utf-8").replace('"17953', '"17943')  # by 11 days and a half
    log.write_text(earlier, "utf-8")
    settings = reading(log).model_copy(update={"retention": RetentionSettings(calls_days=days)})
    began = datetime.fromtimestamp(1_794_300_000, UTC)
    assert len(await Backfill(settings, database).compare(began, began + timedelta(days=1))) == found


@pytest.mark.parametrize(("ends", "is_taken"), [(0, True), (-3, False)])
async def test_a_call_within_the_second_in_which_a_gap_begins_is_read_from_whole_seconds(
    database: Database, tmp_path: Path, ends: int, is_taken: bool
) -> None:
    """A CDR says 12:00:05 of a call that ended at 12:00:05.9, and the gap began at 12:00:05.6."""
    second = datetime(2026, 11, 29, 12, 0, 5, tzinfo=UTC)
    began = second + timedelta(seconds=0.6)
    await Calls(database).upsert([], [HistoryGap("pbx", began, began + timedelta(seconds=30), "link")])
    (gap,) = await HistoryGaps(database).list()
    at = second + timedelta(seconds=ends)
    row = {"start": f"{at:%F %T}", "answer": f"{at:%F %T}", "end": f"{at:%F %T}"} | {
        "src": "89161234567", "dst": "101", "channel": "PJSIP/trunk-1", "dstchannel": "PJSIP/101-2", "duration": "0",
        "billsec": "0", "disposition": "ANSWERED", "lastapp": "Dial", "uniqueid": "1.1", "linkedid": "1.1",
    }  # fmt: skip
    file = tmp_path / "Master.csv"
    with file.open("w", newline="") as stream:
        csv.writer(stream).writerow([row.get(name, "") for name in BackfillSettings().cdr_columns])
    filled = await Backfill(Settings(backfill=BackfillSettings(cdr=str(file))), database).fill(gap)
    calls = await listed(database)
    assert filled.found == len(calls) == int(is_taken)
    assert all(gap["from"] <= gap["to"] for call in calls for gap in call["gaps"])
