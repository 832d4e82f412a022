"""Histories of any length, made once and kept in .bench: rows by bulk INSERT in order of time, as `row_of` has them."""

from __future__ import annotations

import hashlib
import json
import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy.schema import CreateIndex, CreateTable

from pbxd.calls.identity import sortable_id
from pbxd.calls.record import Agent, CallRecord, Direction, Outcome, Party, Step
from pbxd.storage import tables
from pbxd.storage.calls import call_rows
from pbxd.storage.engine import schema
from tests.bench import book
from tests.bench.figures import FOLDER

CLIENTS = 100_000  # contacts, the first of whom call most
AGENTS = [str(extension) for extension in range(101, 161)]
QUEUES = [f"queue{number}" for number in range(12)]
SECONDS_BETWEEN = 60  # two years for a million calls
_LAST = datetime(2026, 11, 20, 18, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_PATTERNS = 4000
_NUMBER, _NAME = "+70000000000", "@name@"  # in a pattern, for what differs from call to call
_CHUNK = 50_000
_COLUMNS = (
    *("seq", "id", "pbx", "linkedid", "direction", "outcome", "started", "answered", "ended"),
    *("caller_number", "callee_number", "queue", "talk_seconds", "merged_into", "record"),
)
_AGENT_COLUMNS = ("extension", "started", "call_seq", "direction", "outcome", "queue", "talk_seconds")


def simple(chance: random.Random, started: datetime, number: str = _NUMBER, name: str = _NAME) -> CallRecord:
    """Return a call as they usually are; a client speaks to at most one employee."""
    direction: Direction = chance.choices(("incoming", "outgoing", "internal"), (60, 32, 8))[0]
    outcome = _outcome(chance, direction)
    agent, other = chance.choices(AGENTS, range(1, len(AGENTS) + 1))[0], chance.choice(AGENTS)
    rang = started + timedelta(seconds=chance.uniform(1, 40))
    talk = round(chance.expovariate(1 / 150), 6) if outcome == "answered" else 0.0
    ended = rang + timedelta(seconds=talk)
    client, ours = Party(number, name, "ООО «Ромашка»", 12345), Party(agent, "Анна Каренина", extension=agent)
    queue = chance.choices(QUEUES, range(1, len(QUEUES) + 1))[0] if direction == "incoming" else None
    parties = {
        "incoming": (client, ours),
        "outgoing": (ours, client),
        "internal": (ours, Party(other, extension=other)),
    }
    caller, callee = parties[direction]
    answered = rang if outcome == "answered" else None
    story = [Step(started, "called", caller.number, callee.number), Step(started, "dialled", agent)]
    story += [Step(rang, "answered", agent)] if answered else []
    story.append(Step(ended, "ended", number))
    waited = (rang - started).total_seconds()
    agents = [Agent(agent, waited if direction != "outgoing" else 0.0, talk)]
    record = CallRecord("", "pbx", "", started, direction, "dialled", caller, callee, queue, [queue] if queue else [])
    seconds = record.seconds | {"ring": waited, "talk": talk}
    by = [agent] if answered else []
    record = replace(record, answered=answered, answered_by=by, agents=agents, seconds=seconds, story=story)
    return replace(record, ended=ended, outcome=outcome, cause=16)


def _outcome(chance: random.Random, direction: Direction) -> Outcome:
    if chance.random() < 0.7:
        return "answered"
    if direction == "incoming":
        return chance.choices(("abandoned", "missed", "voicemail"), (60, 35, 5))[0]
    return chance.choices(("no-answer", "busy", "cancelled", "failed", "rejected"), (40, 30, 20, 9, 1))[0]


async def kept_history(calls: int) -> Path:
    """Return a database with so many calls, a book of CLIENTS contacts beside them; it is only to be read."""
    FOLDER.mkdir(exist_ok=True)
    kept = FOLDER / f"history-{calls}-{_fingerprint()}.db"
    if not kept.exists():
        for old in FOLDER.glob(f"history-{calls}-*.db*"):
            old.unlink()
        part = kept.with_suffix(".part.db")
        part.unlink(missing_ok=True)
        await book.place_book(CLIENTS, part)
        with closing(sqlite3.connect(part)) as database:
            fill(database, calls)
        part.rename(kept)
    return kept


def _fingerprint() -> str:
    made = [str(CreateTable(table)) for table in tables.metadata.sorted_tables]
    made += [str(CreateIndex(index)) for index in sorted(tables.calls.indexes, key=lambda index: str(index.name))]
    made.append(json.dumps(call_rows.row_of(simple(random.Random(1), _LAST)), default=str))
    sources = [Path(__file__).read_bytes(), Path(book.__file__).read_bytes()]
    return hashlib.sha256("".join([schema.HEAD, *made]).encode() + b"".join(sources)).hexdigest()[:12]


def fill(database: sqlite3.Connection, calls: int, number: Callable[[int], str] = book.number) -> None:
    """Write so many calls; `number` says which one a client has, by its place from 0 to 2 * CLIENTS."""
    database.execute("PRAGMA journal_mode=OFF")
    database.execute("PRAGMA synchronous=OFF")
    database.execute("PRAGMA cache_size=-400000")
    found = database.execute("SELECT name, sql FROM sqlite_master WHERE name GLOB 'ix_call*' AND type = 'index'")
    indexes = found.fetchall()  # made at the end, each in one pass: half the time of keeping them up row by row
    for name, _sql in indexes:
        database.execute(f"DROP INDEX {name}")
    chance = random.Random(calls)
    patterns = [_pattern(chance) for _ in range(_PATTERNS)]
    first = _LAST - calls * timedelta(seconds=SECONDS_BETWEEN)
    for start in range(0, calls, _CHUNK):
        rows = list(_rows(chance, patterns, range(start, min(start + _CHUNK, calls)), first, number))
        for table, columns, made in (
            ("calls", _COLUMNS, [row for row, _agents in rows]),
            ("call_agents", _AGENT_COLUMNS, [agent for _row, agents in rows for agent in agents]),
        ):
            signs = ", ".join("?" * len(columns))
            database.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({signs})", made)  # noqa: S608
        database.commit()
    for _name, sql in indexes:
        database.execute(sql)
    database.execute("PRAGMA journal_mode=WAL")


_Pattern = tuple[dict[str, Any], str, list[str]]  # a row, its record as text, its agents


def _pattern(chance: random.Random) -> _Pattern:
    record = simple(chance, _LAST)
    row = call_rows.row_of(record)
    return (
        row,
        json.dumps(row["record"], ensure_ascii=False, separators=(",", ":")),
        sorted(call_rows.agents_of(record)),
    )


def _rows(
    chance: random.Random,
    patterns: list[_Pattern],
    places: range,
    first: datetime,
    number_of: Callable[[int], str],
) -> Iterator[tuple[tuple[Any, ...], list[tuple[Any, ...]]]]:
    zero = (first - _EPOCH) // _MICROSECOND
    for place in places:
        row, text, agents = chance.choice(patterns)
        # Most calls come from a tenth of the clients, a fifth from strangers.
        client = int(chance.random() ** 4 * CLIENTS) if chance.random() < 0.8 else CLIENTS + chance.randrange(CLIENTS)
        number = number_of(client)
        started = zero + place * SECONDS_BETWEEN * 1_000_000 + chance.randrange(1_000_000)
        shift = started - (row["started"] - _EPOCH) // _MICROSECOND
        numbers = [number if each == _NUMBER else each for each in (row["caller_number"], row["callee_number"])]
        times = [each and (each - _EPOCH) // _MICROSECOND + shift for each in (row["answered"], row["ended"])]
        key = sortable_id(started / 1e6, chance.getrandbits(80))
        facets = (row["direction"], row["outcome"], row["queue"], row["talk_seconds"])
        said = text.replace(_NUMBER, number).replace(_NAME, f"Клиент {client}")
        call = (place + 1, key, "pbx", f"{started // 1_000_000}.{place}", *facets[:2], started, *times, *numbers)
        yield (*call, *facets[2:], None, said), [(agent, started, place + 1, *facets) for agent in agents]
