"""What is older than it may be goes, in portions that nobody waits for; the rest stays."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, update

from pbxd.calls.record import CallRecord, Party
from pbxd.settings import RetentionSettings
from pbxd.storage.access.webhook_deliveries import Attempt, Deliveries, Queued
from pbxd.storage.access.webhooks import Webhooks
from pbxd.storage.calls.call_filter import CallFilter
from pbxd.storage.calls.calls import Calls
from pbxd.storage.calls.history import History
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed, News, tell
from pbxd.storage.retention import Retention
from pbxd.storage.tables import call_agents, calls, feed

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def call(number: int, **changes: object) -> CallRecord:
    started = NOW - timedelta(days=number)
    return CallRecord(f"{number:06}", "pbx", f"1.{number}", started, caller=Party(extension="101"), **changes)  # type: ignore[arg-type]  # any field


async def rows(database: Database) -> tuple[int, int, int]:
    async with database.reading() as connection:
        counts = [(await connection.execute(select(func.count()).select_from(each))).scalar_one() for each in
                  (calls, call_agents, feed)]  # fmt: skip
        return counts[0], counts[1], counts[2]


async def test_only_what_is_too_old_goes(database: Database) -> None:
    merged = call(40, merged_into="000041"), call(3, merged_into="000004")
    await Calls(database).upsert([*(call(number) for number in (1, 4, 29, 31, 41, 400)), *merged])
    async with database.writing() as connection:
        await connection.execute(update(feed).values(at=NOW - timedelta(days=31)))
    await Calls(database).upsert([call(2)])
    told = (await rows(database))[2]
    nothing = {"calls": 0, "feed": 0, "audit": 0, "webhook_deliveries": 0}
    assert await Retention(database).clear(RetentionSettings(), NOW) == nothing | {"feed": told - 1}
    assert await Retention(database).clear(RetentionSettings(calls_days=30), NOW) == nothing | {"calls": 4}
    page = await History(database).page(CallFilter(agent="101"))
    assert [each.id for each in page.records] == ["000001", "000002", "000004", "000029"]
    assert (await rows(database))[:2] == (5, 4)
    assert (await Retention(database).clear(RetentionSettings(calls_days=30), NOW))["calls"] == 0


async def test_what_webhooks_have_still_to_be_sent_stays_with_all_that_follows(database: Database) -> None:
    """Until it is given up. Who reads the feed takes it that nothing is missing after its oldest row."""
    webhooks, deliveries = Webhooks(database), Deliveries(database)
    for _webhook in range(2):
        await webhooks.add("https://crm.example.org/", ("call.ended",), "", "")
    day = {1: 5.0, 2: 3.5, 3: 3.0, 4: 2.0, 5: 1.5, 6: 0.5, 7: 0.0}  # by the row's number: how old it is
    async with database.writing() as connection:
        await tell(connection, [News("call.ended", str(number), {}) for number in day])
        for number, days in day.items():
            at = NOW - timedelta(days=days)
            await connection.execute(update(feed).where(feed.c.seq == number).values(at=at))
    queued = [Queued(number, "call.ended", "", NOW - timedelta(days=day[number])) for number in (1, 3, 4)]
    assert await deliveries.queue(1, (await webhooks.get(1)).version, queued, 7)
    assert await deliveries.queue(2, (await webhooks.get(2)).version, [], 4)

    async def kept() -> list[int]:
        await Retention(database).clear(RetentionSettings(feed_days=1), NOW)
        return [row.seq for row in await Feed(database).read(0)]

    assert await kept() == [3, 4, 5, 6, 7], "1 is given up, 3 is still to be sent"
    done = [Attempt(number, "delivered", 1, NOW, NOW, 200, 5, "") for number in (3, 4)]
    await deliveries.note(1, done)
    assert await kept() == [5, 6, 7], "the other webhook has not looked at 5 yet"
    await webhooks.disable(2, "410")
    assert await kept() == [6, 7]


async def test_the_feed_s_number_never_goes_back(database: Database) -> None:
    await Calls(database).upsert([call(1)])
    async with database.writing() as connection:
        await connection.execute(update(feed).values(at=NOW - timedelta(days=99)))
    last = await Feed(database).last()
    await Retention(database).clear(RetentionSettings(), NOW)
    assert await Feed(database).last() == last


async def test_nobody_waits_long_for_a_deletion(database: Database) -> None:
    """A thousand calls go while somebody writes; no transaction of ours holds them all."""
    for start in range(0, 1000, 500):
        await Calls(database).upsert([call(number) for number in range(start, start + 500)])
    waits: list[float] = []
    clearing = asyncio.create_task(Retention(database).clear(RetentionSettings(calls_days=1), NOW))
    while not clearing.done():
        began = time.monotonic()
        async with database.writing():
            waits.append(time.monotonic() - began)
        await asyncio.sleep(0.002)
    assert (await clearing)["calls"] == 998
    assert (await rows(database))[0] == 2
    assert len(waits) > 5, "the writer had its turns in between"
