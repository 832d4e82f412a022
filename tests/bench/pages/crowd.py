"""Two hundred people who are signed in: what they cost in memory, and what the dialplan feels of them."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from statistics import median
from urllib.parse import quote

from pbxd.services import contacts as book
from tests.bench.dialplan import asking, p99
from tests.bench.figures import Figure, figure
from tests.bench.http.asking import connections
from tests.bench.options import Options
from tests.bench.pages.filled import CONTACTS
from tests.bench.pages.house import House, SignedIn
from tests.bench.processes import cpu_seconds, memory
from tests.lab.ports import HOST
from tests.lab.processes import LabError

PEOPLE = 200
_EVERY_SECONDS = 10.0  # that somebody who works asks for a page or a part of one
_SECONDS = 20.0  # of each turn
_KINDS = "call.*,contact.*,company.*,employee.*,import.*,gap,gap.*,queue.*,vip.*,extension.*,live.call"
_MILLISECONDS = 1e3


async def crowd(house: House, options: Options) -> list[Figure]:
    """Compare the daemon without and with them; it has served pages before, so that templates are not counted."""
    people = house.agents[:PEOPLE]
    numbers = [await _number(house, place) for place in range(1, PEOPLE)]
    alone, beside, sizes, took, used = list[float](), list[float](), list[float](), list[float](), list[float]()
    for _round in range(min(options.rounds, 3)):
        async with asking(house.agi) as idle:
            await asyncio.sleep(_SECONDS)
        before, began = memory(house.pid)[0], cpu_seconds(house.pid)
        async with _streams(house, people):
            async with asking(house.agi) as busy:
                took += await _work(house, people, numbers)
            sizes.append(memory(house.pid)[0] - before)
        used.append((cpu_seconds(house.pid) - began) / _SECONDS * 100)
        alone.append(p99(idle) * _MILLISECONDS)
        beside.append(p99(busy) * _MILLISECONDS)
    pages = f"{len(took)} pages, one every {_EVERY_SECONDS:.0f} s each, median {median(took) * _MILLISECONDS:.0f} ms"
    times = f"{median(beside):.1f} ms, {median(alone):.1f} ms idle; {median(used):.0f} % of a core"
    ratios = [busy / idle for busy, idle in zip(beside, alone, strict=True)]
    return [
        figure(f"memory for {PEOPLE} who are signed in", sizes, "MB", goal=150, reference=pages),
        figure(f"dialplan look-up p99 beside {PEOPLE} people / idle", ratios, "times", goal=2, reference=times),
    ]


async def _number(house: House, contact_id: int) -> str:
    card = await book.get(house.workspace, house.administrator.actor, contact_id)
    return next(each.number for each in card.numbers if each.main)


@asynccontextmanager
async def _streams(house: House, people: Sequence[SignedIn]) -> AsyncIterator[None]:
    """Hold a stream of events for each of them."""
    opened: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    reading: list[asyncio.Task[None]] = []
    try:
        for who in people:
            reader, writer = await asyncio.open_connection(HOST, house.port)
            opened.append((reader, writer))
            writer.write(_request(f"/api/v1/events?kinds={quote(_KINDS)}", who, accept="text/event-stream"))
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200 "):
                raise LabError(f"no stream: {head!r}")
            reading.append(asyncio.create_task(_drain(reader)))
        yield
    finally:
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
        for _reader, writer in opened:
            writer.close()


async def _drain(reader: asyncio.StreamReader) -> None:
    while await reader.read(65536):
        pass


async def _work(house: House, people: Sequence[SignedIn], numbers: Sequence[str]) -> list[float]:
    """Let everybody ask for pages; return how long each took, seconds."""
    took: list[float] = []
    end = time.perf_counter() + _SECONDS

    async def day(place: int, who: SignedIn) -> None:
        chance = random.Random(place)
        await asyncio.sleep(chance.random() * _EVERY_SECONDS)
        while time.perf_counter() < end:
            path, fragment = _wanted(chance, numbers)
            began = time.perf_counter()
            async with connections(house.port, 1) as (connection,):
                await connection.ask(_request(path, who, fragment=fragment))
            took.append(time.perf_counter() - began)
            await asyncio.sleep(_EVERY_SECONDS * chance.uniform(0.5, 1.5))

    async with asyncio.TaskGroup() as group:
        for place, who in enumerate(people):
            group.create_task(day(place, who))
    return took


def _wanted(chance: random.Random, numbers: Sequence[str]) -> tuple[str, bool]:
    """Return what somebody looks at next, and whether a script of the page asks for it."""
    client = f"/clients/{chance.randrange(1, CONTACTS)}"
    number = chance.choice(numbers)
    return chance.choice(
        (
            ("/clients", False), (f"/clients?search={quote(number[-7:])}", True),
            (f"/clients?search={quote(chance.choice(('ива', 'петр', 'кузн', 'ромаш')))}", True),
            (client, False), (client, False), (f"{client}?tab=calls", True), ("/history", False),
            (f"/history?client={quote(number)}", True), ("/staff?search=1", True),
        )
    )  # fmt: skip


def _request(path: str, who: SignedIn, *, fragment: bool = False, accept: str = "text/html") -> bytes:
    more = "X-Fragment: 1\r\n" if fragment else ""
    head = f"Host: {HOST}\r\nCookie: {who.cookie}\r\nAccept: {accept}\r\nAccept-Language: ru\r\n{more}"
    return f"GET {path} HTTP/1.1\r\n{head}\r\n".encode()
