"""HistoryGaps as rows, and the mark until when a PBX was heard (B5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pbxd.calls.record import HistoryGap
from pbxd.numbers import rules_from
from pbxd.services.calls import gaps
from pbxd.services.workspace import Workspace
from pbxd.settings import Settings
from pbxd.storage.calls.calls import Calls
from pbxd.storage.calls.gaps import HistoryGaps
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed
from tests.actors import ADMINISTRATOR

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


async def test_pages_of_gaps_leave_none_out_and_repeat_none(database: Database) -> None:
    """Also of gaps that began at the same moment, and while a newer one comes."""
    workspace = Workspace(database, rules_from(Settings()))
    for minute in (0, 3, 3, 3, 1):
        await Calls(database).upsert([], [HistoryGap("pbx", NOON + minute * MINUTE, NOON + 60 * MINUTE, "link")])
    seen: list[int] = []
    after = ""
    for page in range(3):
        found = await gaps.find(workspace, ADMINISTRATOR, gaps.FindGaps(limit=2, after=after))
        assert found.total == 5 + min(page, 1)
        seen += [each.id for each in found.gaps]
        after = found.next or ""
        if page == 0:
            newer = HistoryGap("pbx", NOON + 9 * MINUTE, NOON + 60 * MINUTE, "link")
            await Calls(database).upsert([], [newer])
    first = min(seen)  # PostgreSQL counts on from the test before
    assert ([each - first for each in seen], after) == ([3, 2, 1, 4, 0], "")
