"""What stands beside a SQLite database before its upgrade: one backup of each state, no torn one, and room for all."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sqlite3
import stat
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from pbxd.errors import UnavailableError
from pbxd.storage.engine import backups, schema
from pbxd.storage.engine.backups import Progress, Work
from tests.storage.big_book import SCHEMA, fill
from tests.storage.test_schema import migrate


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
async def older(tmp_path: Path) -> Path:
    """A small book of an earlier schema."""
    file = tmp_path / "pbxd.db"
    await migrate(address(file), SCHEMA)
    fill(file, 300)
    return file


def address(file: Path) -> str:
    return f"sqlite+aiosqlite:///{file}"


def names(file: Path, ending: str) -> list[str]:
    return sorted(each.name for each in file.parent.iterdir() if each.name.endswith(ending))


def execute(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(statement)


async def failing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Upgrade, and have it fail in the end."""

    async def fail(*_arguments: object) -> None:
        raise UnavailableError("broken off")

    with monkeypatch.context() as patched:
        patched.setattr(schema, "_migrate", fail)
        with pytest.raises(UnavailableError, match="broken off"):
            await schema.upgrade(address(file))


async def test_a_backup_of_the_same_state_serves_again(older: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for _again in range(3):
        await failing(older, monkeypatch)
        assert len(names(older, ".bak")) == 1
    execute(older, "UPDATE contacts SET comment = 'x' WHERE id = 7")
    await failing(older, monkeypatch)
    assert len(names(older, ".bak")) == 2, "that is another state"
    told: list[Progress] = []
    done = await schema.upgrade(address(older), told.append)
    assert (len(names(older, ".bak")), done.backup) == (2, older.parent / names(older, ".bak")[1])
    assert told[0] == Progress("backup-kept", 1, str(done.backup))
    assert [each.what for each in told[1:]] == [*schema.REVISIONS[schema.REVISIONS.index(SCHEMA) + 1 :], "search"]
    assert [each.done for each in told[1:]] == sorted(each.done for each in told[1:])
    assert done.backup
    assert stat.S_IMODE(done.backup.stat().st_mode) == 0o600
    with closing(sqlite3.connect(done.backup)) as copied:
        assert copied.execute("SELECT comment FROM contacts WHERE id = 7").fetchone() == ("x",)
    assert (await schema.check(address(done.backup))).revision == SCHEMA


async def test_a_damaged_backup_does_not_serve(older: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await failing(older, monkeypatch)
    (name,) = names(older, ".bak")
    with (older.parent / name).open("r+b") as stream:
        stream.seek(-100, os.SEEK_END)
        stream.write(b"\xff" * 100)
    await failing(older, monkeypatch)
    assert len(names(older, ".bak")) == 2


KILLED = """
import asyncio, os, signal, sys
from pbxd.storage.engine import backups
from pbxd.storage.engine import schema

url, stage, done = sys.argv[1:]

def die(progress):
    if progress.stage == stage and progress.done >= float(done):
        os.kill(os.getpid(), signal.SIGKILL)

backups._PAGES, backups._REPORT_SECONDS = 5, 0.0
asyncio.run(schema.upgrade(url, die))
"""


async def test_killed_again_and_again_leaves_one_backup_and_no_part(older: Path) -> None:
    tries = (("backup", 0.1, 0, 1), ("backup", 0.1, 0, 1), ("revision", 0, 1, 0), ("revision", 0.8, 1, 0))
    for stage, done, baks, parts in tries:
        killed = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, address(older), stage, str(done))
        assert await killed.wait() == -9
        assert (len(names(older, ".bak")), len(names(older, ".part"))) == (baks, parts), stage
    upgraded = await schema.upgrade(address(older))
    assert [str(upgraded.backup)] == [str(older.parent / name) for name in names(older, ".bak")]
    assert names(older, ".part") == []


async def test_too_little_room_is_told_before_anything_is_done(older: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = _size(older)
    free = 0

    def usage(_folder: object) -> Usage:
        return Usage(0, 0, free)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    free = 4 * size - 1
    with pytest.raises(UnavailableError) as caught:
        await schema.upgrade(address(older))
    needed, there = map(int, re.findall(r"(\d+) MB", str(caught.value)))
    assert (needed, there) == (-(-4 * size // 2**20), free // 2**20)
    assert (names(older, ".bak"), names(older, ".part")) == ([], [])
    assert (await schema.check(address(older))).revision == SCHEMA
    free = 4 * size
    await failing(older, monkeypatch)
    free = 3 * size  # the backup is there
    assert (await schema.upgrade(address(older))).after == schema.HEAD


async def test_a_copy_is_of_one_moment_while_others_write_and_ends_when_nobody_waits(
    older: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backups, "_PAGES", 2)
    monkeypatch.setattr(backups, "_REPORT_SECONDS", 0.0)
    execute(older, "PRAGMA journal_mode=WAL")
    target = older.parent / "copy.db"

    def write(_progress: Progress) -> None:
        execute(
            older, "INSERT INTO feed (at, kind, subject, data) VALUES ('2026-01-01 00:00:00.000000', 'x', 'x', '{}')"
        )

    await Work(write).run(lambda work: backups.copy(older, target, work))
    with closing(sqlite3.connect(target)) as copied:
        assert copied.execute("SELECT count(*) FROM feed").fetchone() == (0,)
    with closing(sqlite3.connect(older)) as source:
        assert source.execute("SELECT count(*) FROM feed").fetchone()[0] > 10
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wait(_progress: Progress) -> None:
        loop.call_soon_threadsafe(begun.set)
        time.sleep(0.01)

    copying = asyncio.create_task(Work(wait).run(lambda work: backups.copy(older, older.parent / "b.db", work)))
    await begun.wait()
    copying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await copying
    end = time.monotonic() + 60
    while names(older, ".part"):
        assert time.monotonic() < end
        await asyncio.sleep(0.01)
    assert not (older.parent / "b.db").exists()


@pytest.mark.soak
async def test_a_big_upgrade_has_the_room_it_asks_for(tmp_path: Path) -> None:
    """Contacts and calls, 100,000 of each: what is said to be needed is needed, and is enough."""
    file = tmp_path / "pbxd.db"
    await migrate(address(file), SCHEMA)
    fill(file, 100_000)
    size, most, lag = _size(file), 0, 0.0

    async def watch() -> None:
        nonlocal most, lag
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.05)
            lag = max(lag, time.monotonic() - began - 0.05)
            most = max(most, _room(tmp_path))

    watching = asyncio.create_task(watch())
    told: list[tuple[float, Progress]] = []
    began = time.monotonic()
    await schema.upgrade(address(file), lambda progress: told.append((time.monotonic() - began, progress)))
    took = time.monotonic() - began
    watching.cancel()
    print(f"{size / 1e6:.0f} MB in {took:.0f} s, {(most - size) / size:.2f} times its size beside it, lag {lag:.2f} s")
    assert most - size < 4 * size
    pauses = [later[0] - earlier[0] for earlier, later in zip(told, [*told[1:], (took, told[-1][1])], strict=True)]
    assert max(pauses) < 30, "somebody who looks at the log sees that it lives"
    assert lag < 10, "systemd is asked for more time every ten seconds, for sixty"


def _room(folder: Path) -> int:
    return sum(map(_size, folder.iterdir()))


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
