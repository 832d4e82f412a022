"""The history: first pages under any filter, a client's last calls, what the end of a call costs, and bytes a call."""

from __future__ import annotations

import itertools
import json
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from pbxd.calls.record import CallRecord
from pbxd.numbers import rules_from
from pbxd.services.call_filters import FindCalls
from pbxd.services.call_history import find, last_calls
from pbxd.services.workspace import Workspace
from pbxd.settings import Settings
from pbxd.storage.calls import call_rows
from pbxd.storage.calls.calls import Calls
from pbxd.storage.engine.database import Database
from tests.actors import ADMINISTRATOR
from tests.bench import book, past
from tests.bench.figures import Figure, figure
from tests.bench.options import Options

CALLS = 1_000_000
_PAGE = 50
_RULES = rules_from(Settings())
_SIMPLE = 5_000
_FACETS = ("direction", "outcome", "agent", "queue", "min_talk", "since")
_TABLES = ("calls", "uq_calls_id", "sqlite_autoindex_calls", "ix_calls", "call_agents", "ix_call_agents")


async def measure(options: Options) -> AsyncIterator[Figure]:
    """Measure on a million calls."""
    async for each in of(CALLS, 20, options):
        yield each
    async for each in _ends(options):
        yield each
    yield await _bytes()


async def of(calls: int, goal_ms: float, options: Options) -> AsyncIterator[Figure]:
    """Measure lists of a history of so many calls."""
    kept = await past.kept_history(calls)
    chance = random.Random(7)
    async with await Database.open(f"sqlite+aiosqlite:///{kept}", create=False) as database:
        pages: list[float] = []
        slow: list[tuple[float, str]] = []
        for _round in range(options.rounds):
            asked = list(_filters(chance))
            took = [await _timed(lambda each=each: _first_page(database, each)) for each in asked]  # type: ignore[misc]  # mypy and default arguments
            slow += [(ms, _told(each)) for ms, each in zip(took, asked, strict=True)]
            pages.append(statistics.quantiles(took, n=20)[-1])
        worst = max(slow)
        name = f"history of {calls:,} calls"
        reference = f"median {statistics.median(ms for ms, _ in slow):.1f}, worst {worst[0]:.0f}: {worst[1]}"
        yield figure(f"{name}: first page under any filter, p95", pages, "ms", goal=goal_ms, reference=reference)
        last = [
            statistics.quantiles([await _timed(lambda: _last_five(database, chance)) for _ in range(40)], n=20)[-1]
            for _round in range(options.rounds)
        ]
        yield figure(f"{name}: last five calls of a client, p95", last, "ms", goal=5)


def _filters(chance: random.Random) -> list[FindCalls]:
    """Return no filter, each alone, every two, and some threes of them, with values of any frequency."""
    values: dict[str, Callable[[], object]] = {
        "direction": lambda: chance.choice(["incoming", "outgoing", "internal"]),
        "outcome": lambda: chance.choice(["answered", "missed", "abandoned", "busy", "rejected", "voicemail"]),
        "agent": lambda: chance.choice([past.AGENTS[0], past.AGENTS[30], past.AGENTS[-1], "999"]),
        "queue": lambda: chance.choice([past.QUEUES[0], past.QUEUES[-1]]),
        "min_talk": lambda: chance.choice([1, 60, 600, 1800, 7200]),
        "since": lambda: chance.choice(["01.06.2026", "19.11.2026", "01.01.2026"]),
        "client": lambda: chance.choice([book.number(0), book.number(chance.randrange(past.CLIENTS)), "+79990000000"]),
        "company": lambda: book.company(chance.choice([0, chance.randrange(past.CLIENTS)])),
    }
    names = [*itertools.chain(*(itertools.combinations(values, count) for count in (0, 1, 2)))]
    names += chance.sample(list(itertools.combinations(values, 3)), 10)
    return [FindCalls(limit=_PAGE, **{name: values[name]() for name in some}) for some in names]  # type: ignore[arg-type]  # as named


def _told(asked: FindCalls) -> str:
    plain = FindCalls(limit=_PAGE)
    fields = FindCalls.__dataclass_fields__
    given = {name: getattr(asked, name) for name in fields if getattr(asked, name) != getattr(plain, name)}
    return ", ".join(f"{name}={value}" for name, value in given.items()) or "none"


async def _first_page(database: Database, asked: FindCalls) -> None:
    await find(Workspace(database, _RULES), ADMINISTRATOR, asked)


async def _last_five(database: Database, chance: random.Random) -> None:
    await last_calls(Workspace(database, _RULES), ADMINISTRATOR, int(chance.random() ** 4 * past.CLIENTS) + 1)


async def _timed(work: Callable[[], Awaitable[None]]) -> float:
    began = time.perf_counter()
    await work()
    return (time.perf_counter() - began) * 1000


async def _ends(options: Options) -> AsyncIterator[Figure]:
    """Compare writing the end of calls with one bare INSERT and commit of the same records."""
    for size in (1, 10, 100):
        ratios: list[float] = []
        bare_ms: list[float] = []
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "pbxd.db"
            async with await Database.open(f"sqlite+aiosqlite:///{file}", create=True) as database:
                with closing(_bare(file.with_name("bare.db"))) as bare:
                    for number in range(10 * options.rounds):
                        ended = _calls(number, size)
                        await Calls(database).upsert([replace(each, ended=None, outcome=None) for each in ended])
                        ours = await _timed(lambda ended=ended: Calls(database).upsert(ended))  # type: ignore[misc]  # likewise
                        beside = _insert(bare, ended)
                        bare_ms.append(beside)
                        ratios.append(ours / beside)
        halves = [statistics.median(ratios[start::5]) for start in range(5)]
        reference = f"bare {statistics.median(bare_ms):.2f} ms"
        yield figure(f"end of {size} calls at once, to a bare INSERT", halves, "times", goal=10, reference=reference)


def _calls(number: int, size: int) -> list[CallRecord]:
    chance = random.Random(number)
    found = []
    for place in range(size):
        started = past._LAST + timedelta(seconds=number * 100 + place)
        record = past.simple(chance, started, book.number(place), "Фронкин Игорь")
        key = f"{number:010}{place:016}"
        found.append(replace(record, id=key, linkedid=f"{int(started.timestamp())}.{place}"))
    return found


def _bare(file: Path) -> sqlite3.Connection:
    bare = sqlite3.connect(file, isolation_level=None)
    bare.execute("PRAGMA journal_mode=WAL")
    bare.execute("PRAGMA synchronous=FULL")
    bare.execute("CREATE TABLE calls (id TEXT PRIMARY KEY, record TEXT)")
    return bare


def _insert(bare: sqlite3.Connection, records: list[CallRecord]) -> float:
    kept = ((each.id, call_rows.row_of(each)["record"]) for each in records)
    rows = [(key, json.dumps(record, ensure_ascii=False, separators=(",", ":"))) for key, record in kept]
    began = time.perf_counter()
    bare.execute("BEGIN IMMEDIATE")
    bare.executemany("INSERT INTO calls VALUES (?, ?)", rows)
    bare.execute("COMMIT")
    return (time.perf_counter() - began) * 1000


async def _bytes() -> Figure:
    """Write simple calls as they are in life, three times each, and weigh all that is kept of them."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pbxd.db"
        async with await Database.open(f"sqlite+aiosqlite:///{file}", create=True) as database:
            for number in range(_SIMPLE // 50):
                ended = _calls(number, 50)
                ringing = [replace(each, ended=None, outcome=None, answered=None) for each in ended]
                for state in (ringing, [replace(each, ended=None, outcome=None) for each in ended], ended):
                    await Calls(database).upsert(state)
        with closing(sqlite3.connect(file)) as raw:
            weighed = raw.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name").fetchall()
    ours = sum(size for name, size in weighed if name.startswith(_TABLES))
    feed = sum(size for name, size in weighed if name == "feed")
    reference = f"{feed / _SIMPLE:,.0f} of it in the feed, for retention.feed_days"
    return figure("a simple call on disk", [(ours + feed) / _SIMPLE], "bytes", goal=1536, reference=reference)
