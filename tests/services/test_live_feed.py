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
    text = ""
    async with aclosing(feed.follow(EVERYTHING, await feed.start(0), always, send)) as frames:
        async for frame in frames:
            text += frame.decode()
            if until in text:
                break
    return re.findall(r"^id: (\d+)\nevent", text, re.MULTILINE)


async def written(database: Database, count: int) -> None:
    async with database.writing() as connection:
        facts = {"visibility": "shared", "owner_id": 0, "version": 1}
        await tell(connection, [News("contact.added", str(number), facts) for number in range(1, count + 1)])


async def test_phones_are_told_while_the_database_does_not_answer(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_feed: Feed) -> bool:
        await asyncio.Event().wait()
        return False

    phones: dict[str, str] = {}
    async with running(database, lambda: phones) as feed:
        hearing = asyncio.create_task(heard(feed, '"state":"ringing"'))
        monkeypatch.setattr(Feed, "changed", hang)
        feed.wake()
        await asyncio.sleep(0.5)  # the reader of the feed hangs
        phones["101"] = "ringing"
        feed.touch()
        async with asyncio.timeout(live_feed.BEAT_SECONDS * 5):
            await hearing


async def test_who_comes_between_the_pages_of_a_long_read_misses_nothing(
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
            await asyncio.sleep(0.1)
        for _page in range(20):
            pages.release()
        for each in found:
            assert await each == ["1", "2", "3", "4", "5"]


async def test_frames_that_were_sent_at_once_are_not_yielded_again(database: Database) -> None:
    sent: list[bytes] = []

    def send(frames: bytes) -> bool:
        sent.append(frames)
        return True

    async with running(database) as feed:
        hearing = asyncio.create_task(heard(feed, "never", send))
        await asyncio.sleep(0.1)
        await written(database, 2)
        await until(lambda: b"".join(sent).count(b"event: ") == 2, "the events to be sent")
        await written(database, 1)
        await asyncio.sleep(live_feed.BEAT_SECONDS * 1.5)
        assert re.findall(rb"^id: (\d+)\nevent", b"".join(sent), re.MULTILINE) == [b"1", b"2", b"3"]
        hearing.cancel()
