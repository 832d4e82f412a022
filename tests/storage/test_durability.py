"""What is acknowledged is on the disk: the settings that promise it (docs/storage.md)."""

from __future__ import annotations

from sqlalchemy import text

from pbxd.storage.engine.database import Database

FULL = 2  # SQLite's number for it


async def test_a_commit_waits_for_the_disk(database: Database) -> None:
    for opened in (database.writing(), database.reading()):
        async with opened as connection:
            if database.is_sqlite:
                assert (await connection.exec_driver_sql("PRAGMA synchronous")).scalar_one() == FULL
                assert (await connection.exec_driver_sql("PRAGMA journal_mode")).scalar_one() == "wal"
            else:
                assert (await connection.execute(text("SHOW synchronous_commit"))).scalar_one() == "on"
