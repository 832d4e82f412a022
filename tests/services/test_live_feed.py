"""Streams of live events: what they get while the database is slow, and while the feed is being read."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from pbxd.services.events import live_feed
from pbxd.services.events.hearing import KINDS, Hearing
from pbxd.services.events.live_feed import LiveFeed
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed, FeedRow, News, tell
from tests.lab.processes import until

EVERYTHING = Hearing(frozenset(KINDS))


@asynccontextmanager
async def running(database: Database, phones: Callable[[], dict[str, str]] = dict) -> AsyncIterator[LiveFeed]:
    """A feed that is read."""
    feed = LiveFeed(database, phones)
    task = asyncio.create_task(feed.run())
    try:
        await until(lambda: feed.seq is not None, "the feed to be read")
        yield feed
    finally:
        task.cancel()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with await Database.open(f"sqlite+aiosqlite:///{tmp_path / 'pbxd.db'}", create=True) as opened:
        yield opened


async def always() -> bool:
    return True


def never(_frames: bytes) -> bool:
    return False


async def heard(feed: LiveFeed, until: str, send: Callable[[bytes], bool] = never) -> list[str]:
    """Follow the feed from its beginning until something is in a frame; return the numbers of all events."""
    found: list[bytes] = []
    async with aclosing(feed.follow(EVERYTHING, await feed.start(0), always, send)) as frames:
        async for frame in frames:
            found.append(frame)
            if until in frame.decode():
                break
    return numbers(found)


def numbers(frames: list[bytes]) -> list[str]:
    """Return the numbers of the events in frames."""
    return re.findall(r"^id: (\d+)\nevent", b"".join(frames).decode(), re.MULTILINE)


async def written(database: Database, count: int) -> None:
    async with database.writing() as connection:
        facts = {"visibility": "shared", "owner_id": 0, "version": 1}
        await tell(connection, [News("contact.added", str(number), facts) for number in range(1, count + 1)])


async def test_phones_are_told_while_the_database_does_not_answer(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs = asyncio.Event()

    async def hang(_feed: Feed) -> bool:
        hangs.set()
        await asyncio.Event().wait()
        return False

    phones: dict[str, str] = {}
    async with running(database, lambda: phones) as feed:
        hearing = asyncio.create_task(heard(feed, '"state":"ringing"'))
        monkeypatch.setattr(Feed, "changed", hang)
        await hangs.wait()
        phones["101"] = "ringing"
        feed.touch()
        async with asyncio.timeout(live_feed.BEAT_SECONDS * 5):
            await hearing


async def test_a_stream_opened_during_a_long_read_gets_every_event(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_feed, "_PAGE", 2)
    pages, read = asyncio.Semaphore(0), Feed.read
    between = asyncio.Semaphore(0)

    async def slowly(feed: Feed, after: int, limit: int = 1000) -> list[FeedRow]:
        between.release()
        await pages.acquire()
        return await read(feed, after, limit)

    async with running(database) as feed:
        monkeypatch.setattr(Feed, "read", slowly)
        await written(database, 5)
        found = []
        for _page in range(2):
            await between.acquire()
            pages.release()
            await between.acquire()  # the page is in memory, the next one is asked for
            between.release()
            found.append(asyncio.create_task(heard(feed, '"subject":"5"')))
            await until(lambda: len(feed._waiting) == len(found), "the stream to have what was read")
        for _page in range(20):
            pages.release()
        for each in found:
            assert await each == ["1", "2", "3", "4", "5"]


async def test_frames_that_were_sent_at_once_are_not_yielded_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_feed, "BEAT_SECONDS", 3600.0)
    sent, yielded = list[bytes](), list[bytes]()

    def send(frames: bytes) -> bool:
        sent.append(frames)
        return True

    async def follow() -> None:
        async with aclosing(feed.follow(EVERYTHING, await feed.start(0), always, send)) as frames:
            async for frame in frames:
                yielded.append(frame)

    async with running(database) as feed:
        hearing = asyncio.create_task(follow())
        await until(lambda: feed._waiting, "the reader to wait")
        for count, there in ((2, 2), (1, 3)):
            await written(database, count)
            await until(lambda there=there: len(numbers(sent)) == there, "the events to be sent")
        reader, slept = feed._waiting[0], feed._waiting[0].woken
        monkeypatch.setattr(live_feed, "BEAT_SECONDS", 0.0)
        await until(lambda: reader.woken > slept, "the reader's task to look for more")
        assert (numbers(sent), numbers(yielded)) == (["1", "2", "3"], [])
        hearing.cancel()
