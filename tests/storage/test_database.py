from __future__ import annotations

import asyncio
import random
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.errors import LostError, ReplacedError, UnavailableError
from pbxd.storage.engine import connections, schema
from pbxd.storage.engine import database as database_module
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed, News, tell


async def append(database: Database, subject: str) -> None:
    async with database.writing() as connection:
        await tell(connection, [News("test", subject, {})])


async def subjects(database: Database) -> list[str]:
    return [row.subject for row in await Feed(database).read(0)]


async def one(database: Database, statement: str) -> object:
    async with database.reading() as connection:
        return (await connection.execute(text(statement))).scalar()


async def test_what_is_acknowledged_is_on_the_disk(database: Database) -> None:
    if database.is_sqlite:
        assert await one(database, "PRAGMA journal_mode") == "wal"
        assert await one(database, "PRAGMA synchronous") == 2  # FULL
        assert await one(database, "PRAGMA foreign_keys") == 1
        assert await one(database, "PRAGMA busy_timeout") == 10_000
    else:
        assert await one(database, "SHOW synchronous_commit") == "on"


async def test_what_was_written_is_there_after_a_restart(url: str) -> None:
    async with await Database.open(url, create=False) as first:
        await append(first, "kept")
    async with await Database.open(url, create=True) as second:
        assert await subjects(second) == ["kept"]


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize("after", ["removed", "emptied", "replaced"])
async def test_a_file_that_is_another_one_is_not_used_any_more(database: Database, tmp_path: Path, after: str) -> None:
    await append(database, "kept")
    feed = Feed(database)
    assert await feed.changed()
    file = tmp_path / "pbxd.db"
    file.rename(tmp_path / "gone.db")
    if after == "replaced":
        await schema.upgrade(f"sqlite+aiosqlite:///{file}")
    if after == "emptied":
        file.touch()
    expected = (ReplacedError, r"pbxd\.db was replaced") if after == "replaced" else (LostError, r"pbxd\.db is gone")
    for use in (append(database, "lost"), feed.changed(), feed.last()):
        with pytest.raises(expected[0], match=expected[1]):
            await use
    if after == "removed":
        (tmp_path / "gone.db").rename(file)
        assert await subjects(database) == ["kept"]


@pytest.mark.parametrize("upgrade", [True, False])
async def test_a_database_that_was_there_is_not_begun_afresh_unless_told(tmp_path: Path, upgrade: bool) -> None:
    """C6: at a restart too; what stands there with nothing in it is as good as gone."""
    url, file = f"sqlite+aiosqlite:///{tmp_path}/pbxd.db", tmp_path / "pbxd.db"
    async with await Database.open(url, create=True) as first:
        await append(first, "kept")
    file.rename(tmp_path / "gone.db")
    for emptied in (False, True):
        if emptied:
            sqlite3.connect(file).close()
            file.touch()
        async with Database(url) as database:
            for _count in range(2):
                with pytest.raises(LostError, match=r"was here and is gone.*pbxd db upgrade"):
                    await database.connect(create=upgrade)
                with pytest.raises(LostError):
                    await subjects(database)
            assert file.exists() == emptied
            (tmp_path / "gone.db").replace(file)
            await database.connect(create=upgrade)
            assert await subjects(database) == ["kept"]
        file.rename(tmp_path / "gone.db")
    assert (await schema.upgrade(url)).before is None  # said by somebody
    async with await Database.open(url, create=upgrade) as database:
        assert await subjects(database) == []


async def test_a_reader_sees_one_moment(database: Database) -> None:
    await append(database, "before")
    async with database.reading() as connection:
        count = text("SELECT count(*) FROM feed")
        assert (await connection.execute(count)).scalar() == 1
        await append(database, "meanwhile")  # and the writer doesn't wait for the reader
        assert (await connection.execute(count)).scalar() == 1
    assert await subjects(database) == ["before", "meanwhile"]


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_a_question_nobody_waits_for_is_broken_off(database: Database) -> None:
    endless = text("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n")
    ended = threading.Event()

    def ask(connection: Connection) -> None:
        try:
            connection.execute(endless)
        finally:
            ended.set()

    asked = asyncio.create_task(database.ask(ask))
    await asyncio.sleep(0.3)
    assert not ended.is_set()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert await asyncio.to_thread(ended.wait, 10)
    assert await subjects(database) == []  # others read on


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_a_question_given_up_breaks_off_no_other(database: Database) -> None:
    """The first question ends while it is interrupted; another waits for its connection."""
    began, breaking, taken, broken = [threading.Event() for _n in range(4)]

    class Slow(sqlite3.Connection):
        def interrupt(self) -> None:
            breaking.set()
            taken.wait(0.5)  # for the other question to have the connection, if it can
            super().interrupt()
            broken.set()

    threads = database._thread_readers
    assert threads
    event.listen(threads, "do_connect", lambda _dialect, _record, _args, options: options.update(factory=Slow))

    def first(_connection: Connection) -> None:
        began.set()
        breaking.wait(60)

    def hold() -> int:
        taken.set()
        broken.wait(60)
        return 1

    def second(connection: Connection) -> object:
        driver: Any = connection.connection.driver_connection
        driver.create_function("hold", 0, hold)
        count = (
            "WITH RECURSIVE n(i) AS (SELECT hold() UNION ALL SELECT i + 1 FROM n WHERE i < 9999) SELECT max(i) FROM n"
        )
        return connection.exec_driver_sql(count).scalar_one()

    def ask_with_the_same_connection() -> object:
        while threads.pool.checkedin() == 0:  # type: ignore[attr-defined] # a pool that counts
            time.sleep(0.001)
        return database_module._Question(threads, second, ()).answer()

    asked = asyncio.create_task(database.ask(first))
    await asyncio.to_thread(began.wait)
    other = asyncio.get_running_loop().run_in_executor(None, ask_with_the_same_connection)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert await other == 9999


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_a_question_given_up_before_it_began_is_not_asked(database: Database) -> None:
    threads = database._thread_readers
    assert threads
    question = database_module._Question(threads, lambda _connection: pytest.fail("asked"), ())
    question.interrupt()
    with pytest.raises(CancelledError):
        question.answer()


async def test_many_writers_of_one_process_take_turns(database: Database) -> None:
    async with asyncio.TaskGroup() as group:
        for number in range(40):
            group.create_task(append(database, str(number)))
    assert await subjects(database) == [str(number) for number in range(40)], "first come, first served"


@asynccontextmanager
async def held_by_another(url: str) -> AsyncIterator[None]:
    """Another process's writer that doesn't let go."""
    async with await Database.open(url, create=False) as other, other.writing():
        yield


async def test_a_lock_held_too_long_is_said_to_be_one(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "BUSY_SECONDS", 0.3)
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.3)
    async with await Database.open(url, create=False) as database:
        async with held_by_another(url):
            with pytest.raises(UnavailableError, match="lock"):
                await append(database, "refused")
            assert await subjects(database) == []
        await append(database, "now")
        assert await subjects(database) == ["now"]


async def test_a_turn_that_doesnt_come_is_said_so(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.1)
    async with database.writing():
        with pytest.raises(UnavailableError, match="busy"):
            await append(database, "refused")
    await append(database, "now")
    assert await subjects(database) == ["now"]


async def test_a_writer_waits_for_one_of_another_process(url: str, database: Database) -> None:
    async with held_by_another(url):
        waiting = asyncio.create_task(append(database, "patient"))
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert not done
    await waiting
    assert await subjects(database) == ["patient"]


@pytest.mark.parametrize("moment", ["waiting", "writing"])
async def test_a_cancelled_writer_leaves_nothing_behind(url: str, database: Database, moment: str) -> None:
    inside = asyncio.Event()

    async def write() -> None:
        async with database.writing() as connection:
            await tell(connection, [News("test", "cancelled", {})])
            inside.set()
            await asyncio.Event().wait()

    async def cancel(task: asyncio.Task[None]) -> None:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    if moment == "waiting":
        async with held_by_another(url):
            task = asyncio.create_task(write())
            assert not (await asyncio.wait([task], timeout=0.3))[0]
            await asyncio.wait_for(cancel(task), 8)  # long before the other one's lock is given up
        assert not inside.is_set()
    else:
        task = asyncio.create_task(write())
        await asyncio.wait_for(inside.wait(), 10)
        await cancel(task)
    await append(database, "next")
    assert await subjects(database) == ["next"]


async def test_what_is_written_in_one_thread_is_one_transaction(url: str, database: Database) -> None:
    """As with `writing`: whole or not at all, after the other writers, and told to those who wait for commits."""

    async def two(connection: AsyncConnection) -> int:
        await tell(connection, [News("test", "one", {})])
        await connection.execute(text("SELECT 1"))
        await tell(connection, [News("test", "two", {})])
        return 2

    async def broken(connection: AsyncConnection) -> None:
        await two(connection)
        raise ValueError("broken off")

    committed: list[int] = []
    database.on_commit.append(lambda: committed.append(1))
    async with held_by_another(url):
        waiting = asyncio.create_task(database.write(two))
        assert not (await asyncio.wait([waiting], timeout=0.3))[0]
    assert await waiting == 2
    with pytest.raises(ValueError, match="broken off"):
        await database.write(broken)
    assert (await subjects(database), committed) == (["one", "two"], [1])


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize("moment", ["waiting", "writing"])
async def test_a_cancelled_thread_writes_nothing(url: str, database: Database, moment: str) -> None:
    inside, go_on = threading.Event(), threading.Event()

    async def work(connection: AsyncConnection) -> None:
        await tell(connection, [News("test", "cancelled", {})])
        inside.set()
        go_on.wait(10)

    task: asyncio.Task[None]
    if moment == "waiting":
        async with held_by_another(url):
            task = asyncio.create_task(database.write(work))
            assert not (await asyncio.wait([task], timeout=0.3))[0]
            task.cancel()
            await asyncio.wait([task], timeout=8)
        assert not inside.is_set()
    else:
        task = asyncio.create_task(database.write(work))
        assert await asyncio.to_thread(inside.wait, 10)
        task.cancel()
        await asyncio.sleep(0)
        go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    await append(database, "next")
    assert await subjects(database) == ["next"]


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_a_transaction_in_a_thread_may_not_wait(database: Database) -> None:
    async def work(connection: AsyncConnection) -> None:
        await tell(connection, [News("test", "waits", {})])
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="waited"):
        await database.write(work)
    assert await subjects(database) == []


def cancel_every_seventh(number: int) -> None:
    """Cancel the present task, whose next wait ends it, however fast the machine is."""
    mine = asyncio.current_task()
    if mine and number % 7 == 0:
        mine.cancel()


async def wait_a_little(chance: random.Random, *, in_turns: bool) -> None:
    if in_turns:
        for _turn in range(chance.randrange(60)):
            await asyncio.sleep(0)
    else:
        await asyncio.sleep(chance.random() * 0.006)


async def test_a_writer_cancelled_at_any_point_leaves_no_lock_and_no_half(database: Database) -> None:
    """Whether it is cancelled between two statements or within one, the next writer need not wait for the collector."""
    chance, written, cancelled = random.Random(1), set[str](), 0

    async def write(number: int) -> None:
        async with database.writing() as connection:
            await tell(connection, [News("test", f"{number} first", {})])
            cancel_every_seventh(number)
            await connection.execute(text("SELECT 1"))
            await tell(connection, [News("test", f"{number} second", {})])
        written.add(str(number))

    for number in range(70):
        task = asyncio.create_task(write(number))
        await wait_a_little(chance, in_turns=bool(number % 2))
        task.cancel()
        if number % 5 == 0:  # twice
            await asyncio.sleep(0)
            task.cancel()
        if chance.random() < 0.5:  # else the next writer comes while this one still cleans up
            with suppress(asyncio.CancelledError):
                await task
        async with asyncio.timeout(8):
            await append(database, f"{number} after")
        with suppress(asyncio.CancelledError):
            await task
        cancelled += task.cancelled()
    there = await subjects(database)
    for number in range(70):
        halves = [each for each in there if each.startswith(f"{number} ")]
        assert f"{number} after" in halves
        assert len(halves) in ({3} if str(number) in written else {1, 3}), "all of it or nothing"
    assert cancelled >= 10  # every seventh at least; on a fast machine most others have written before that


async def test_a_writer_cancelled_while_it_commits_has_committed_and_says_so(database: Database) -> None:
    told: list[str] = []
    database.on_commit.append(lambda: told.append("committed"))
    began = asyncio.Event()

    async def write() -> None:
        async with database.writing() as connection:
            await tell(connection, [News("test", "kept", {})])
            began.set()

    task = asyncio.create_task(write())
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await subjects(database) == ["kept"]
    assert told == ["committed"]


async def test_a_sqlite_database_that_went_away(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/pbxd.db"
    async with await Database.open(url, create=True) as database:
        for name in ("pbxd.db", "pbxd.db-wal", "pbxd.db-shm"):
            (tmp_path / name).unlink(missing_ok=True)
        with pytest.raises(UnavailableError):
            await append(database, "lost")
        assert not (tmp_path / "pbxd.db").exists(), "an empty one in its place would look like lost data"


async def test_a_damaged_sqlite_database(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/pbxd.db"
    async with await Database.open(url, create=True):
        pass
    file = tmp_path / "pbxd.db"
    with closing(sqlite3.connect(file)) as raw:
        page = int(raw.execute("SELECT rootpage FROM sqlite_master WHERE name = 'feed'").fetchone()[0])
        size = int(raw.execute("PRAGMA page_size").fetchone()[0])
    with file.open("r+b") as stream:
        stream.seek((page - 1) * size)
        stream.write(b"\xff" * size)
    async with await Database.open(url, create=False) as database:
        with pytest.raises(UnavailableError, match="malformed"):
            await Feed(database).read(0)


async def test_watching_goes_on_after_a_failure(database: Database) -> None:
    feed = Feed(database)
    assert await feed.changed()
    await database._stop_watching()
    await database._engine.dispose()  # no connection is left; the next use opens new ones
    await append(database, "1")
    assert await feed.changed()
    assert [row.subject for row in await feed.read(0)] == ["1"]


@pytest.mark.parametrize("backend", ["postgresql"])
async def test_a_postgresql_server_that_ends_our_connections(url: str, database: Database) -> None:
    end_others = text(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    async def cut() -> None:
        async with await Database.open(url, create=False) as other, other.writing() as connection:
            await connection.execute(end_others)

    async def read_while_it_is_cut() -> None:
        async with database.reading() as connection:
            await cut()
            await connection.execute(text("SELECT 1"))

    await append(database, "before")
    with pytest.raises(UnavailableError):
        await read_while_it_is_cut()
    await append(database, "after")  # on a new connection, without anybody's doing
    assert await subjects(database) == ["before", "after"]
    await cut()
    assert await Feed(database).changed()
