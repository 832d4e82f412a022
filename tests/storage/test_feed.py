from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed, News, tell


def piece(subject: str) -> News:
    return News("contact.changed", subject, {"visibility": "shared", "note": "Ёлка «1»\u2028"})


async def append(database: Database, *subjects: str) -> None:
    async with database.writing() as connection:
        await tell(connection, [piece(subject) for subject in subjects])


async def test_rows_come_back_in_order_with_everything_in_them(database: Database) -> None:
    before = datetime.now(UTC)
    await append(database, "1", "2")
    await append(database, "3")
    rows = await Feed(database).read(0)
    assert [row.subject for row in rows] == ["1", "2", "3"]
    assert [row.seq for row in rows] == sorted({row.seq for row in rows})
    assert rows[0].kind == "contact.changed"
    assert rows[0].data == piece("1").data
    assert before <= rows[0].at <= datetime.now(UTC)


async def test_read_goes_on_after_the_cursor_and_stops_at_the_limit(database: Database) -> None:
    await append(database, *"abcde")
    feed = Feed(database)
    first = await feed.read(0, 2)
    rest = await feed.read(first[-1].seq, 2)
    assert [row.subject for row in (*first, *rest)] == list("abcd")
    assert await feed.last() == rest[-1].seq + 1


async def test_an_empty_feed(database: Database) -> None:
    assert await Feed(database).read(0) == []
    assert await Feed(database).last() == 0


async def test_an_undone_transaction_tells_nothing(database: Database) -> None:
    async def fail() -> None:
        async with database.writing() as connection:
            await tell(connection, [piece("1")])
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert await Feed(database).read(0) == []


async def test_changed_is_true_once_for_each_commit_of_anybody(database: Database, url: str) -> None:
    feed = Feed(database)
    assert await feed.changed()
    assert not await feed.changed()
    await append(database, "own")
    assert await feed.changed()
    assert not await feed.changed()
    async with await Database.open(url, create=False) as other:
        await append(other, "other")
        assert await feed.changed()
        assert not await feed.changed()
        assert await Feed(other).changed()


async def test_two_readers_keep_their_own_marks(database: Database) -> None:
    first, second = Feed(database), Feed(database)
    await asyncio.gather(first.changed(), second.changed())
    await append(database, "1")
    assert await first.changed()
    assert await second.changed()
    assert not await first.changed()


async def test_a_reader_never_misses_a_row_while_several_write(url: str, database: Database) -> None:
    """Numbers become visible in order: whoever reads up to a number will never find a smaller one later."""
    writers, each = 4, 12
    seen: list[tuple[int, str]] = []

    async def write(name: int) -> None:
        async with await Database.open(url, create=False) as own:
            for turn in range(each):
                await append(own, f"{name}.{turn}", f"{name}.{turn}b")

    async def follow() -> None:
        feed = Feed(database)
        async with asyncio.timeout(60):
            while len(seen) < writers * each * 2:
                seen.extend((row.seq, row.subject) for row in await feed.read(seen[-1][0] if seen else 0, 7))

    async with asyncio.TaskGroup() as group:
        group.create_task(follow())
        for name in range(writers):
            group.create_task(write(name))
    everything = [(row.seq, row.subject) for row in await Feed(database).read(0)]
    assert seen == everything
    for name in range(writers):
        mine = [subject for _, subject in seen if subject.startswith(f"{name}.")]
        assert mine == [f"{name}.{turn}{half}" for turn in range(each) for half in ("", "b")]


async def test_a_later_number_is_never_seen_before_an_earlier_one(url: str, database: Database) -> None:
    feed = Feed(database)
    async with await Database.open(url, create=False) as other:
        async with other.writing() as connection:
            await tell(connection, [piece("slow")])  # has its number, isn't committed yet
            quick = asyncio.create_task(append(database, "quick"))
            await asyncio.wait([quick], timeout=0.3)
            assert await feed.read(0) == []
        await quick
    rows = await feed.read(0)
    assert [row.subject for row in rows] == ["slow", "quick"]
    assert rows[0].seq < rows[1].seq
