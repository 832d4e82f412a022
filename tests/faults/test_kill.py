"""What was acknowledged is never lost: kill -9 of whoever writes, at random moments."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from pbxd.storage.engine import schema
from tests.faults.history import (
    epoch,
    listed,
    one_more_call,
    outages,
    sums_up,
    until_answered,
    until_ended,
    until_logged,
    until_over,
)
from tests.lab import Lab
from tests.lab.daemon import Daemon
from tests.lab.processes import Child, until

CHECKOUT = Path(__file__).resolve().parents[2]


class Book:
    """The database's own words on its contacts."""

    def __init__(self, file: Path) -> None:
        with closing(sqlite3.connect(file)) as database:
            self.versions: Mapping[int, int] = dict(database.execute("SELECT id, version FROM contacts"))
            self.numbers = dict(database.execute("SELECT contact_id, count(*) FROM contact_numbers GROUP BY 1"))
            self.tags = dict(database.execute("SELECT contact_id, count(*) FROM contact_tags GROUP BY 1"))
            told = "SELECT CAST(subject AS INTEGER), count(*) FROM feed WHERE kind LIKE 'contact.%' GROUP BY 1"
            self.told = dict(database.execute(told))
            self.integrity = database.execute("PRAGMA integrity_check").fetchone()[0]

    def half_done(self) -> list[int]:
        """Return contacts that lack a part, or whose feed rows don't match their versions, and feed rows of none."""
        whole = {key: (2, version, version) for key, version in self.versions.items()}
        seen = {key: (self.numbers.get(key, 0), self.tags.get(key, 0), self.told.get(key, 0)) for key in self.versions}
        odd = [key for key in whole if seen[key] != whole[key]]
        return odd + [key for key in self.told if key not in self.versions]


def acknowledged(log: Path) -> dict[int, int]:
    """Return what the editor printed in whole lines: id and the version that was promised."""
    promised: dict[int, int] = {}
    for line in log.read_text().splitlines(keepends=True):
        if line.endswith("\n"):
            what, key, *version = line.split()
            promised[int(key)] = 1 if what == "added" else int(version[0])
    return promised


async def kill_editors(folder: Path, rounds: int) -> int:
    """Start an editor and kill it, again and again; return how many edits were acknowledged in all."""
    url = f"sqlite+aiosqlite:///{folder / 'book.db'}"
    await schema.upgrade(url)
    total = 0
    for number in range(rounds):
        log = folder / f"{number}.log"
        editor = await Child.start([sys.executable, "-m", "tests.faults.editor", url], log=log, cwd=CHECKOUT)
        await until(lambda log=log: log.stat().st_size > 100, "the first edits")
        await asyncio.sleep(random.uniform(0, 0.3))
        await editor.kill()
        book = Book(folder / "book.db")
        promised = acknowledged(log)
        lost = {key: version for key, version in promised.items() if book.versions.get(key, 0) < version}
        assert lost == {}
        assert book.half_done() == []
        assert book.integrity == "ok"
        total += len(promised)
    return total


async def test_an_acknowledged_edit_outlives_the_editors_kill(tmp_path: Path) -> None:
    assert await kill_editors(tmp_path, 3) > 3
    # The control: what is lost, or half done, would be seen.
    with closing(sqlite3.connect(tmp_path / "book.db")) as database, database:
        database.execute("DELETE FROM feed WHERE seq = (SELECT max(seq) FROM feed)")
    assert len(Book(tmp_path / "book.db").half_done()) == 1


@pytest.mark.soak
async def test_acknowledged_edits_outlive_many_kills(tmp_path: Path) -> None:
    assert await kill_editors(tmp_path, 100) > 200  # edits, as many as the machine made of them


async def kill_commands(daemon: Daemon, rounds: int, seconds: float) -> tuple[set[str], set[str]]:
    """Run `contacts add` again and again, some of them killed; return the names promised, and those in the book."""
    promised = set()
    for number in range(rounds):
        name = f"Клиент {number}"
        command = await daemon.spawn(
            "contacts", "add", "--name", name, "--number", f"+7916{number:07}", "--number", f"+7926{number:07}",
            "--tag", "новый",
        )  # fmt: skip
        try:
            status = await command.wait(random.uniform(0.1, seconds) if number % 3 else 30)
        except TimeoutError:
            await command.kill()
            continue
        assert status == 0
        promised.add(name)
    with closing(sqlite3.connect(daemon.folder / "pbxd.db")) as database:
        kept = {name for (name,) in database.execute("SELECT name FROM contacts")}
    return promised, kept


@pytest.mark.lab
async def test_an_acknowledged_command_outlives_kills_of_commands_and_of_the_daemon(lab: Lab) -> None:
    daemon = await lab.pbxd()
    promised, kept = await kill_commands(daemon, 4, 1.0)
    await daemon.kill()
    assert promised
    assert promised <= kept
    assert Book(daemon.folder / "pbxd.db").half_done() == []


@pytest.mark.lab
@pytest.mark.soak
async def test_acknowledged_commands_outlive_many_kills(lab: Lab) -> None:
    daemon = await lab.pbxd()
    promised, kept = await kill_commands(daemon, 60, 2.0)
    assert len(promised) >= 20
    assert promised <= kept
    assert Book(daemon.folder / "pbxd.db").half_done() == []


async def kill_the_daemon(lab: Lab, rounds: int) -> None:
    """Kill pbxd at random moments of calls; what history has said stays said, and every call is told in the feed."""
    daemon = await lab.pbxd()
    for number in range(rounds):
        await until_logged(daemon, "resync_done", number + 1)
        lasting, agent = await lab.talk("102", f"8916000{number:04}", agent="102")
        client = lab.call_in("101", f"8926000{number:04}")
        other = await lab.phone("101").answered()
        await asyncio.sleep(random.uniform(0, 0.4))
        said = {call["id"]: call for call in await listed(daemon)}
        await daemon.kill()
        client.hangup()
        await other.until_ended()
        await daemon.start()
        now = {call["id"]: call for call in await listed(daemon)}
        assert said.keys() <= now.keys()
        for key, call in said.items():
            assert now[key]["ended"] == call["ended"] or call["ended"] is None
            assert now[key]["answered"] == call["answered"] or call["answered"] is None
        lasting.hangup()
        await agent.until_ended()
        await until_over(daemon, f"8916000{number:04}")

    async def all_over() -> bool:
        return all(call["ended"] for call in await listed(daemon))

    await until(all_over, "the end of every call in history")
    untold, unknown = told_by_the_feed(daemon)
    assert untold == set()
    assert unknown == set()
    assert all(sums_up(call) for call in await listed(daemon))


def told_by_the_feed(daemon: Daemon) -> tuple[set[str], set[str]]:
    """Return the calls whose end isn't told exactly once, and those that are told of and don't exist."""
    with closing(sqlite3.connect(daemon.folder / "pbxd.db")) as database:
        ended = {
            key for (key,) in database.execute("SELECT id FROM calls WHERE ended IS NOT NULL AND merged_into IS NULL")
        }
        known = {key for (key,) in database.execute("SELECT id FROM calls")}
        told = [key for (key,) in database.execute("SELECT subject FROM feed WHERE kind = 'call.ended'")]
        any_told = {key for (key,) in database.execute("SELECT subject FROM feed WHERE kind LIKE 'call.%'")}
    return {key for key in ended if told.count(key) != 1}, any_told - known


@pytest.mark.lab
async def test_a_committed_call_outlives_kills_of_pbxd(lab: Lab) -> None:
    await kill_the_daemon(lab, 2)


@pytest.mark.lab
@pytest.mark.soak
async def test_committed_calls_outlive_many_kills_of_pbxd(lab: Lab) -> None:
    await kill_the_daemon(lab, 30)


@pytest.mark.lab
async def test_a_pbxd_killed_in_mid_call_goes_on_with_it(lab: Lab) -> None:
    daemon = await lab.pbxd()
    lasting, agent = await lab.talk("101", "89161250001", agent="101")
    brief, other = await lab.talk("102", "89161250002", agent="102")
    await until_answered(daemon, "89161250001", "89161250002")
    ids = {call["id"] for call in await listed(daemon)}
    await daemon.kill()
    killed = time.time()
    brief.hangup()
    await other.until_ended()
    await daemon.start()
    await until_logged(daemon, "resync_done", 2)
    back = time.time()
    await one_more_call(lab, "89161250003")
    lasting.hangup()
    await agent.until_ended()
    calls = await until_ended(daemon, 3)
    assert {call["id"] for call in calls} > ids
    assert all(call["outcome"] == "answered" and sums_up(call) for call in calls)
    assert sorted(len(call["gaps"]) for call in calls) == [0, 1, 1]
    (outage,) = outages(daemon)
    assert outage["why"] == "pbxd"
    assert epoch(outage["from"]) <= killed + 0.1
    assert killed < epoch(outage["to"]) <= back + 0.1
    listed_gaps = await lab.cli("calls", "gaps")
    assert [gap["from"] for gap in listed_gaps["items"]] == [outage["from"]]
    assert (await lab.cli("calls", "list"))["gaps"] == listed_gaps["items"]
