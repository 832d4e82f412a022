"""What `make bench ARGS=http` measures: look-ups and searches over HTTP, and what the dialplan feels of them."""

from __future__ import annotations

import asyncio
import itertools
import random
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple
from urllib.parse import quote

from pbxd.numbers import rules_from
from pbxd.services.contacts import FindContacts, external_of, find
from pbxd.services.workspace import Workspace
from pbxd.settings import Settings
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.engine.database import Database
from tests.actors import ADMINISTRATOR, agent
from tests.bench.book import FIRST, SPREAD, place_book
from tests.bench.dialplan import asking, p99
from tests.bench.figures import Figure, figure
from tests.bench.http.asking import closed_loop, connections, open_loop
from tests.bench.options import Options
from tests.bench.people import people
from tests.bench.processes import cpu_seconds
from tests.lab.asterisk import CHECKOUT
from tests.lab.daemon import Daemon
from tests.lab.ports import HOST, free_ports
from tests.lab.processes import Child, until

BOOK = 100_000
_CONNECTIONS = 16  # of the closed loop
_POOL = 200  # of the open loop: more than are ever under way at once
_TURN_SECONDS = 1.5
_RATE = 1_000.0  # of the open loop, requests a second
_OPEN_SECONDS = 5.0
_SEARCHES = 60  # a round
_START_SECONDS = 120
_MILLISECONDS, _MICROSECONDS = 1e3, 1e6


async def measure(options: Options) -> AsyncIterator[Figure]:
    """Measure each in turn with what it is compared with."""
    with tempfile.TemporaryDirectory(prefix="pbxd-bench-") as named:
        folder = Path(named)
        async with _daemon(folder / "lookups", lambda file: place_book(BOOK, file)) as daemon:
            token = (await daemon.cli("tokens", "create", "bench", "--scope", "lookup"))["token"]
            async for each in _lookups(daemon, folder, token, options):
                yield each
        async with _daemon(folder / "searches", _place_people) as daemon:
            token = (await daemon.cli("tokens", "create", "bench", "--scope", "contacts:read"))["token"]
            yield await _searches(daemon, token, options)


@asynccontextmanager
async def _daemon(folder: Path, place: Callable[[Path], Coroutine[None, None, None]]) -> AsyncIterator[Daemon]:
    """Start a daemon without a PBX: following one is measured elsewhere."""
    agi, http, nobody = free_ports(3)
    daemon = Daemon(
        folder,
        {
            "asterisk": {"port": nobody, "username": "pbxd", "secret": "x"},
            "agi": {"listen": f"{HOST}:{agi}"},
            "http": {"listen": f"{HOST}:{http}"},
            "database": {"url": "sqlite+aiosqlite:///pbxd.db"},
            "service": {"runtime_folder": "."},
        },
    )
    await place(folder / "pbxd.db")
    await daemon.start(timeout=_START_SECONDS)
    try:
        yield daemon
    finally:
        await daemon.stop()


async def _place_people(file: Path) -> None:
    shutil.copyfile(await people(BOOK), file)


async def _lookups(daemon: Daemon, folder: Path, token: str, options: Options) -> AsyncIterator[Figure]:
    port, questions = _port(daemon, "http"), _look_ups(token)
    assert daemon.child
    async with connections(port, 1) as (one,):
        answer = await one.ask(next(questions))
    async with _bare(folder, answer) as bare:
        for each in await _as_fast_as_possible(Served(*bare), Served(port, daemon.child.pid), questions, options):
            yield each
        for each in await _at_a_rate(bare[0], port, _port(daemon, "agi"), questions, options):
            yield each


class Served(NamedTuple):
    """A server that is asked."""

    port: int
    pid: int


async def _as_fast_as_possible(
    bare: Served, pbxd: Served, questions: Iterator[bytes], options: Options
) -> list[Figure]:
    """Ask both in turn, each connection as soon as it has its answer."""
    rates: dict[Served, list[float]] = {bare: [], pbxd: []}
    used: dict[Served, list[float]] = {bare: [], pbxd: []}
    for _turn in range(options.rounds * 2):
        for served in (bare, pbxd):
            before = cpu_seconds(served.pid)
            rate = await closed_loop(served.port, questions, count=_CONNECTIONS, seconds=_TURN_SECONDS)
            rates[served].append(rate)
            used[served].append((cpu_seconds(served.pid) - before) / (rate * _TURN_SECONDS) * _MICROSECONDS)
    ratios = [ours / theirs for ours, theirs in zip(rates[pbxd], rates[bare], strict=True)]
    both = f"{median(rates[pbxd]):,.0f} and {median(rates[bare]):,.0f}/s on {_CONNECTIONS} connections"
    times = f"{median(used[pbxd]):.0f} and {median(used[bare]):.0f} µs"
    return [
        figure(
            "look-ups a second over HTTP / a bare aiohttp handler with the same answer", ratios, "times",
            goal=0.5, better="higher", reference=both,
        ),
        figure("look-ups a second over HTTP", rates[pbxd], "/s", goal=3_000, better="higher"),
        figure(
            "processor time of a look-up over HTTP / of the bare handler",
            [median(used[pbxd]) / median(used[bare])], "times", reference=times,
        ),
    ]  # fmt: skip


async def _at_a_rate(bare: int, port: int, agi: int, questions: Iterator[bytes], options: Options) -> list[Figure]:
    """Ask 1,000 times a second, and the dialplan's way meanwhile."""
    theirs, ours, alone, beside = list[float](), list[float](), list[float](), list[float]()
    for _round in range(options.rounds):
        async with asking(agi) as idle:
            await asyncio.sleep(_OPEN_SECONDS)
        theirs.append(p99(await open_loop(bare, questions, rate=_RATE, seconds=_OPEN_SECONDS, count=_POOL)))
        ours.append(p99(await open_loop(port, questions, rate=_RATE, seconds=_OPEN_SECONDS, count=_POOL)))
        async with asking(agi) as busy:
            await open_loop(port, questions, rate=_RATE, seconds=_OPEN_SECONDS, count=_POOL)
        alone.append(p99(idle))
        beside.append(p99(busy))
    async with asking(agi) as crowded:
        await closed_loop(port, questions, count=_CONNECTIONS, seconds=_OPEN_SECONDS)
    return [
        figure(
            "look-up over HTTP, p99 at 1,000 a second", [each * _MILLISECONDS for each in ours], "ms", goal=10,
            reference=f"the bare handler {median(theirs) * _MILLISECONDS:.1f} ms",
        ),
        figure(
            "dialplan look-up p99 while HTTP has 1,000 look-ups a second / idle",
            [busy / idle for busy, idle in zip(beside, alone, strict=True)], "times", goal=2,
            reference=f"{median(beside) * _MILLISECONDS:.1f} ms, {median(alone) * _MILLISECONDS:.1f} ms idle",
        ),
        figure("the same while HTTP has as many as it can answer", [p99(crowded) / median(alone)], "times"),
    ]  # fmt: skip


def _look_ups(token: str) -> Iterator[bytes]:
    """Ask for one client after another, without end."""
    head = f" HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n"
    for place in itertools.count():
        yield f"GET /api/v1/lookup?number=%2B{FIRST + place * SPREAD % BOOK}{head}".encode()


@asynccontextmanager
async def _bare(folder: Path, answer: bytes) -> AsyncIterator[tuple[int, int]]:
    """Serve the same answer by an aiohttp handler that does nothing else."""
    (port,) = free_ports(1)
    file = folder / "answer.json"
    file.write_bytes(answer)
    command = [sys.executable, "-m", "tests.bench.servers", "json", str(port), str(file)]
    child = await Child.start(command, log=folder / "bare.log", cwd=CHECKOUT)
    try:
        await until(lambda: _listens(port), "the bare server", timeout=_START_SECONDS)
        yield port, child.pid
    finally:
        await child.stop()


async def _listens(port: int) -> bool:
    try:
        async with connections(port, 1):
            return True
    except OSError:
        return False


async def _searches(daemon: Daemon, token: str, options: Options) -> Figure:
    """Ask the daemon over HTTP and the same service here, on the same file."""
    settings = Settings.model_validate({})
    chance = random.Random(3)
    ours, theirs = list[float](), list[float]()
    head = f" HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n"
    url = f"sqlite+aiosqlite:///{daemon.folder / 'pbxd.db'}"
    async with await Database.open(url, create=False) as database, connections(_port(daemon, "http"), 1) as (http,):
        workspace = Workspace(database, rules_from(settings))
        for _round in range(options.rounds):
            for text in [await _words(database, chance) for _count in range(_SEARCHES)]:
                began = time.perf_counter()
                page = await find(workspace, agent("101"), FindContacts(search=text, limit=50))
                await external_of(workspace, page.items)
                between = time.perf_counter()
                await http.ask(f"GET /api/v1/contacts?search={quote(text)}{head}".encode())
                ours.append(time.perf_counter() - between)
                theirs.append(between - began)
    return figure(
        "search of contacts over HTTP / the same question in-process", [median(ours) / median(theirs)], "times",
        goal=1.5,
        reference=f"{median(ours) * _MILLISECONDS:.1f} ms, {median(theirs) * _MILLISECONDS:.1f} ms",
    )  # fmt: skip


async def _words(database: Database, chance: random.Random) -> str:
    card = await Contacts(database).get(chance.randrange(1, BOOK), actor=ADMINISTRATOR)
    surname, name, _father = card.name.split()
    return chance.choice((surname, f"{surname[:4]} {name}", surname[:3], card.numbers[0].number[-4:]))


def _port(daemon: Daemon, section: str) -> int:
    return int(str(daemon.config[section]["listen"]).rpartition(":")[2])
