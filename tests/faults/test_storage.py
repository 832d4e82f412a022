"""The database full, locked, restarted or not there at all, under a daemon that serves a real Asterisk."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.databases import START_SECONDS, Cluster, cluster
from tests.faults.history import (
    Call,
    listed,
    logged,
    of,
    one_more_call,
    outages,
    sums_up,
    until_ended,
    until_logged,
    until_over,
)
from tests.lab import Lab
from tests.lab.daemon import Daemon
from tests.lab.processes import until

pytestmark = pytest.mark.lab

KNOWN, NEW = "89161240001", "89161240002"
NAME = "Фронкин Игорь"


async def shown(lab: Lab, number: str) -> str:
    """Call 101 from this number, answer, hang up; return the name its phone showed."""
    client = lab.call_in("101", number, name="from trunk")
    offered = await lab.phone("101").incoming()
    offered.answer()
    await client.until_talking()
    client.hangup()
    await offered.until_ended()
    return offered.name


async def add_known(lab: Lab) -> None:
    await lab.know(NAME, KNOWN)


async def until_found(daemon: Daemon, number: str) -> None:
    async def found() -> bool:
        return (await looked_up(daemon, number)) == "found"

    await until(found, f"{number} in the index", every=0.1)


async def looked_up(daemon: Daemon, number: str) -> str:
    status, answer = await daemon.api(f"/api/v1/lookup?number={number}")
    assert status == 200
    return str(answer["status"])


def one_line(text: str) -> bool:
    return text.startswith("pbxd: ") and len(text.strip().splitlines()) == 1 and "Traceback" not in text


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 8 MB of its own (the write-ahead log alone takes 4). Only root may mount one."""
    if os.geteuid() != 0:
        pytest.skip("a small tmpfs can be mounted by root only")
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "pbxd-test", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Leave not a byte free; remove the file to make room again."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as stream:
        for size in (65536, 4096, 512, 1):
            try:
                while stream.write(b"x" * size):
                    pass
            except OSError:
                continue
    return filler


@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.soak)])
async def test_a_full_disk_costs_no_call_and_no_answer(lab: Lab, tmp_path: Path, rounds: int) -> None:
    with small_disk(tmp_path / "disk") as disk:
        url = f"sqlite+aiosqlite:///{disk / 'pbxd.db'}"
        daemon = await lab.pbxd({"database": {"url": url}})
        try:
            await add_known(lab)
            for number in range(1, rounds + 1):
                await fill_and_free(lab, daemon, disk, number)
            with closing(sqlite3.connect(disk / "pbxd.db")) as database:
                assert database.execute("SELECT count(*) FROM contacts").fetchone() == (1 + rounds,)
                assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        finally:
            await daemon.stop()


async def fill_and_free(lab: Lab, daemon: Daemon, disk: Path, number: int) -> None:
    """Have a call and an edit while there is no room, the `number`th time, and see that both are mended by room."""
    add = ("contacts", "add", "--name", "Новый", "--number", f"+7926{number:07}")
    filler = fill(disk)
    assert NAME in await shown(lab, KNOWN)  # look-ups go on
    await until_logged(daemon, "calls_write_failed", number)
    refused = await daemon.run(*add)
    assert refused.status == 1
    assert one_line(refused.err), refused.err
    assert len(await listed(daemon)) == number - 1  # the control: nothing could be written
    filler.unlink()
    await until_logged(daemon, "calls_write_resumed", number)
    call, *_earlier = await until_ended(daemon, number)
    assert (call["caller"]["name"], call["outcome"], call["gaps"]) == (NAME, "answered", [])
    assert sums_up(call)
    await lab.cli(*add)


@contextmanager
def locked(daemon: Daemon) -> Iterator[None]:
    """Be another process that writes for a long time."""
    with closing(sqlite3.connect(daemon.folder / "pbxd.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


async def test_edits_and_calls_wait_for_another_writer(lab: Lab) -> None:
    daemon = await lab.pbxd()
    await add_known(lab)
    with locked(daemon):
        began = time.monotonic()
        edit = asyncio.create_task(daemon.run("contacts", "add", "--name", "Новый", "--number", f"+7{NEW[1:]}"))
        assert NAME in await shown(lab, KNOWN)
        await until(lambda: time.monotonic() - began > 3, "three seconds")
        assert not edit.done()
        assert await listed(daemon) == []
    assert (await edit).status == 0
    (call,) = await until_ended(daemon, 1)
    assert (call["outcome"], call["gaps"]) == ("answered", [])
    assert logged(daemon, "calls_write_failed") == 0


@pytest.mark.soak
async def test_a_lock_longer_than_patience_is_said_in_a_line_and_costs_nothing(lab: Lab) -> None:
    daemon = await lab.pbxd()
    await add_known(lab)
    with locked(daemon):
        began = time.monotonic()
        edit = asyncio.create_task(daemon.run("contacts", "add", "--name", "Новый", "--number", f"+7{NEW[1:]}"))
        assert NAME in await shown(lab, KNOWN)
        refused = await edit
        assert 9 < time.monotonic() - began < 30  # ten of patience, and a command's start and end
        assert refused.status == 1
        assert one_line(refused.err), refused.err
        await until_logged(daemon, "calls_write_failed")
    (call,) = await until_ended(daemon, 1)
    assert (call["outcome"], call["gaps"]) == ("answered", [])
    assert (await lab.cli("contacts", "list"))["total"] == 1


# ---- PostgreSQL


@pytest.fixture(scope="module")
def postgresql() -> Iterator[Cluster]:
    with cluster() as running:
        yield running


async def control(running: Cluster, what: str, *more: str) -> None:
    """Start or stop the server; `-m immediate` is what a crash does."""
    folder = running.folder
    where = ("-D", str(folder / "data"), "-l", str(folder / "log"), "-o", running.options)
    await asyncio.to_thread(running.run, "pg_ctl", what, "-w", "-t", START_SECONDS, "-s", *where, *more)


@pytest.fixture
async def fresh(postgresql: Cluster) -> tuple[Cluster, str]:
    name = f"faults{time.monotonic_ns()}"
    await asyncio.to_thread(postgresql.run, "createdb", name)
    return postgresql, postgresql.url(name)


@pytest.mark.parametrize("how", [pytest.param("fast", marks=pytest.mark.soak), "immediate"])
async def test_a_restarted_postgresql_is_found_again(lab: Lab, fresh: tuple[Cluster, str], how: str) -> None:
    server, url = fresh
    daemon = await lab.pbxd({"database": {"url": url}})
    await add_known(lab)
    client, agent = await lab.talk("102", NEW, agent="102")
    await control(server, "stop", "-m", how)
    assert NAME in await shown(lab, KNOWN)
    await until_logged(daemon, "calls_write_failed")
    refused = await daemon.run("contacts", "add", "--name", "Новый", "--number", f"+7{NEW[1:]}")
    assert refused.status == 1
    assert one_line(refused.err), refused.err
    client.hangup()
    await agent.until_ended()
    await control(server, "start")
    calls = await until_ended(daemon, 2)
    assert all(call["outcome"] == "answered" and call["gaps"] == [] and sums_up(call) for call in calls)
    await lab.cli("contacts", "add", "--name", "Новый", "--number", f"+7{NEW[1:]}")
    await until_found(daemon, NEW)
    assert daemon.child is not None
    assert daemon.child.returncode is None


# ---- not there when pbxd starts


async def call_with_a_dead_database(lab: Lab, daemon: Daemon) -> None:
    """See that the daemon is up, says nothing wrong and lets calls through."""
    assert daemon.manager is not None
    manager = daemon.manager
    await until(lambda: "READY=1" in manager.heard, "READY=1")
    assert await daemon.get_status("/healthz") == 200
    assert await daemon.get_status("/readyz") == 503
    assert await looked_up(daemon, KNOWN) == "error"
    assert (await daemon.api("/api/v1/calls"))[0] == 503
    assert await shown(lab, KNOWN) == "from trunk"


async def recovered(lab: Lab, daemon: Daemon) -> Call:
    """Return the call made while the database was dead, once the daemon has come up by itself."""
    await daemon.until_ready()
    await until_over(daemon, KNOWN)
    await add_known(lab)
    assert NAME in await shown(lab, KNOWN)
    calls = await until_ended(daemon, 2)
    return calls[-1]


async def test_a_dead_postgresql_at_the_start_is_waited_for(lab: Lab, fresh: tuple[Cluster, str]) -> None:
    server, url = fresh
    await control(server, "stop", "-m", "fast")
    daemon = await lab.pbxd({"database": {"url": url}}, ready=False)
    await call_with_a_dead_database(lab, daemon)
    await control(server, "start")
    call = await recovered(lab, daemon)
    assert (call["outcome"], call["gaps"]) == ("answered", [])
    assert sums_up(call)


async def test_open_calls_are_known_again_though_the_database_came_late(lab: Lab, tmp_path: Path) -> None:
    """pbxd is killed in mid-call, its database is no database at the next start, and is put back afterwards."""
    daemon = await lab.pbxd()
    client, agent = await lab.talk("102", NEW, agent="102")
    await until_answered_by(daemon, "102")
    (before,) = await listed(daemon)
    await daemon.kill()
    for file in daemon.folder.glob("pbxd.db*"):
        shutil.move(file, tmp_path)
    (daemon.folder / "pbxd.db").write_bytes(b"this is no database " * 500)
    await daemon.start(ready=False)
    await call_with_a_dead_database(lab, daemon)
    client.hangup()
    await agent.until_ended()
    put_back(tmp_path, daemon.folder)
    await daemon.until_ready()
    await until_over(daemon, NEW, KNOWN)
    after = of(await listed(daemon), NEW)
    assert (after["id"], after["answered"], after["outcome"]) == (before["id"], before["answered"], "answered")
    assert len(after["gaps"]) == 1
    assert of(await listed(daemon), KNOWN)["gaps"] == []


def put_back(saved: Path, folder: Path) -> None:
    """Restore a database; the log beside it first, lest it is opened without what stands in there."""
    for file in sorted(saved.glob("pbxd.db*"), reverse=True):
        shutil.move(file, folder / file.name)


async def until_answered_by(daemon: Daemon, extension: str) -> None:
    async def answered() -> bool:
        return [call["answered_by"] for call in await listed(daemon)] == [[extension]]

    await until(answered, "the answer in history", every=0.1)


async def test_a_wrong_schema_ends_the_start_with_the_command_that_helps(lab: Lab) -> None:
    """The control of waiting: what will not mend itself is said at once."""
    daemon = lab.prepare({"database": {"upgrade": "refuse"}})
    result = await daemon.run("run")
    assert result.status == 1
    assert "pbxd db upgrade" in result.err
    assert one_line(result.err.splitlines()[-1])


# ---- a dead Asterisk


async def test_a_dead_asterisk_at_the_start_is_waited_for(lab: Lab) -> None:
    assert lab.asterisk.child is not None
    await lab.asterisk.child.kill()
    try:
        daemon = await lab.pbxd({"asterisk": {"reconnect_longest_seconds": 0.5}})
        await until_logged(daemon, "ami_unreachable")
        assert await looked_up(daemon, KNOWN) == "unknown"
        assert logged(daemon, "resync_done") == 0
    finally:
        await lab.restart_asterisk()
    await until_logged(daemon, "resync_done")
    await one_more_call(lab, KNOWN)
    (call,) = await until_ended(daemon, 1)
    assert (call["outcome"], call["gaps"]) == ("answered", [])


async def test_an_asterisk_that_dies_in_mid_call_takes_its_calls_along(lab: Lab) -> None:
    daemon = await lab.pbxd({"asterisk": {"reconnect_longest_seconds": 0.5}})
    await until_logged(daemon, "resync_done")
    await lab.talk("102", NEW, agent="102")
    await until_answered_by(daemon, "102")
    died = time.time()
    await lab.restart_asterisk()
    await until_logged(daemon, "resync_done", 2)
    await until_over(daemon, NEW)
    await one_more_call(lab, KNOWN)
    calls = await until_ended(daemon, 2)
    (gap,) = of(calls, NEW)["gaps"]
    assert gap["to"] == of(calls, NEW)["ended"]
    assert of(calls, NEW)["outcome"] == "answered"
    assert sums_up(of(calls, NEW))
    assert of(calls, KNOWN)["gaps"] == []
    assert [outage["why"] for outage in outages(daemon)] == ["restart"]
    assert time.time() - died < 60
