"""A start without the database: it is tried again, and the work that needs it waits."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import structlog

from pbxd.history.opening import Opening
from pbxd.lookup.index import Directory
from pbxd.numbers import rules_from
from pbxd.settings import Settings
from pbxd.storage.engine.database import Database
from tests.asterisk.beside import running
from tests.history.packets import PacketFollowing
from tests.lab.processes import until


async def test_a_database_that_is_away_at_the_start_is_opened_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pbxd.history.opening._RETRY_SECONDS", 0.01)
    settings, done = Settings(), asyncio.Event()
    file, elsewhere = tmp_path / "pbxd.db", tmp_path / "moved.db"
    reached: list[str] = []
    async with await Database.open(f"sqlite+aiosqlite:///{file}", create=True) as earlier:
        earlier.remember()
    file.rename(elsewhere)

    async def work() -> None:
        done.set()

    async with Database(f"sqlite+aiosqlite:///{file}") as database:
        directory, following = Directory(database, rules_from(settings)), PacketFollowing(settings)
        opening = Opening(settings, database, directory, following)
        following.hold_events()
        with structlog.testing.capture_logs() as logs:
            assert not await opening.open()
            async with running(opening.retry(lambda: reached.append("reached")), opening.then(work)):
                assert not done.is_set()
                elsewhere.rename(file)
                await until(lambda: reached == ["reached"] and done.is_set(), "the database")
        assert directory.age_seconds < 60
    events = [line["event"] for line in logs]
    assert events.count("database_lost") == 1  # said once while it stays so
    assert events[-2:] == ["directory_loaded", "database_reached"]


async def test_a_database_that_is_there_needs_no_second_try(tmp_path: Path) -> None:
    settings = Settings()
    async with Database(f"sqlite+aiosqlite:///{tmp_path}/pbxd.db") as database:
        opening = Opening(settings, database, Directory(database, rules_from(settings)), PacketFollowing(settings))
        assert await opening.open()
        await opening.retry(lambda: pytest.fail("nothing to catch up with"))
