"""HistoryGaps as rows, and the mark until when a PBX was heard (B5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pbxd.calls.record import HistoryGap
from pbxd.storage.calls.calls import Calls
from pbxd.storage.calls.gaps import HistoryGaps
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed

NOON = datetime(2026, 3, 9, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


async def test_a_gap_is_kept_listed_by_its_time_and_told_once(database: Database) -> None:
    await Calls(database).upsert(
        [],
        [
            HistoryGap("pbx", NOON, NOON + MINUTE, "link"),
            HistoryGap("pbx", NOON + 5 * MINUTE, NOON + 6 * MINUTE, "storage", 3),
        ],
    )
    kept = HistoryGaps(database)
    assert [(each.gap.why, each.gap.calls) for each in await kept.list()] == [("storage", 3), ("link", None)]
    assert [each.gap.why for each in await kept.list(NOON + 2 * MINUTE)] == ["storage"]
    assert [each.gap.why for each in await kept.list(None, NOON + 2 * MINUTE)] == ["link"]
    assert [each.gap.why for each in await kept.list(NOON + MINUTE, NOON + 5 * MINUTE)] == ["link"]
    told = [row for row in await Feed(database).read(0) if row.kind == "gap"]
    assert [row.data for row in told] == [each.to_json() for each in reversed(await kept.list())]


async def test_the_mark_is_one_a_pbx_and_the_last_counts(database: Database) -> None:
    kept = HistoryGaps(database)
    assert await kept.cursor("pbx") is None
    for at in (NOON, NOON + MINUTE):
        await Calls(database).upsert([], cursor=("pbx", at))
    await Calls(database).upsert([], cursor=("other", NOON))
    assert (await kept.cursor("pbx"), await kept.cursor("other")) == (NOON + MINUTE, NOON)
    assert await Feed(database).read(0) == []
