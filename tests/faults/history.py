"""What history says, asked as people would, and told apart from what went wrong."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import datetime
from typing import Any

from tests.lab import Lab
from tests.lab.daemon import Daemon
from tests.lab.processes import until

PARTS = ("menu", "wait", "ring", "talk", "hold", "voicemail")
QUICK_LINK = {"ping_interval_seconds": 1.0, "reconnect_first_seconds": 0.1, "reconnect_longest_seconds": 0.5}

Call = dict[str, Any]


async def listed(daemon: Daemon) -> list[Call]:
    return await daemon.calls()


def of(calls: list[Call], number: str) -> Call:
    """Return the one call whose outside party has this number (as the trunk writes it: 8…)."""
    (found,) = [call for call in calls if call["caller"]["number"] == f"+7{number[1:]}"]
    return found


async def until_answered(daemon: Daemon, *numbers: str) -> None:
    """Wait until history has calls from these numbers, answered."""

    async def all_there() -> bool:
        answered = {call["caller"]["number"] for call in await listed(daemon) if call["answered"]}
        return answered >= {f"+7{number[1:]}" for number in numbers}

    await until(all_there, f"answered calls from {numbers} in history", every=0.1)


async def until_ended(daemon: Daemon, count: int, *, since: float = 0.0) -> list[Call]:
    """Wait until exactly `count` of the calls begun from `since` (epoch) on are in history, all ended; return those."""

    async def begun() -> list[Call]:
        return [call for call in await listed(daemon) if epoch(call["started"]) >= since]

    async def all_over() -> bool:
        calls = await begun()
        return len(calls) == count and all(call["ended"] for call in calls)

    await until(all_over, f"{count} calls in history, all ended", every=0.2)
    return await begun()


async def until_over(daemon: Daemon, *numbers: str) -> None:
    """Wait until history has calls from these numbers, ended."""

    async def all_over() -> bool:
        ended = {call["caller"]["number"] for call in await listed(daemon) if call["ended"]}
        return ended >= {f"+7{number[1:]}" for number in numbers}

    await until(all_over, f"ended calls from {numbers} in history", every=0.1)


async def until_logged(daemon: Daemon, event: str, count: int = 1) -> None:
    await until(lambda: logged(daemon, event) >= count, f"{count} times {event} in the log", every=0.05)


def logged(daemon: Daemon, event: str) -> int:
    return len(lines(daemon, event))


def lines(daemon: Daemon, event: str) -> list[dict[str, Any]]:
    """Return the log's entries with this event."""
    found = [json.loads(line) for line in daemon.log_text().splitlines() if line.startswith("{")]
    return [line for line in found if line.get("event") == event]


def epoch(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def spans(call: Call) -> list[tuple[float, float]]:
    """Return the call's gaps in epoch seconds; every one has an end."""
    assert all(gap["to"] for gap in call["gaps"]), call["gaps"]
    return [(epoch(gap["from"]), epoch(gap["to"])) for gap in call["gaps"]]


def sums_up(call: Call) -> bool:
    """Tell whether the parts of an ended call are its whole length."""
    length = epoch(call["ended"]) - epoch(call["started"])
    parts: float = sum(call[f"{part}_seconds"] for part in PARTS)
    return abs(parts - length) < 0.01


def outages(daemon: Daemon) -> list[dict[str, Any]]:
    """Return what the feed tells of times that whole calls may be missing from."""
    with closing(sqlite3.connect(daemon.folder / "pbxd.db")) as database:
        rows = database.execute("SELECT data FROM feed WHERE kind = 'gap' ORDER BY seq").fetchall()
    return [json.loads(data) for (data,) in rows]


def unfilled(daemon: Daemon) -> int:
    """Return how many outages wait to be filled from the PBX's own log."""
    with closing(sqlite3.connect(daemon.folder / "pbxd.db")) as database:
        return int(database.execute("SELECT count(*) FROM outages WHERE filled IS NULL").fetchone()[0])


async def one_more_call(lab: Lab, number: str) -> None:
    """Make an answered call to 103 from this number, and let the client end it."""
    client, agent = await lab.talk("103", number, agent="103")
    client.hangup()
    await agent.until_ended()
