"""What `make bench ARGS=pages` measures."""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import NamedTuple

from tests.bench.figures import Figure, figure
from tests.bench.http.asking import Connection, connections
from tests.bench.options import Options
from tests.bench.pages.bare import pieces_of
from tests.bench.pages.browsing import browsing
from tests.bench.pages.crowd import crowd
from tests.bench.pages.house import House, house
from tests.bench.pages.places import Place, ask, places
from tests.bench.processes import run_seconds
from tests.lab.asterisk import CHECKOUT
from tests.lab.ports import HOST, free_ports
from tests.lab.processes import Child, LabError, until

_TURNS = 20  # a round: of each page, the bare one and its questions
_ALIKE = 0.02  # by how much the bare page's size may differ
_START_SECONDS = 60
_MILLISECONDS = 1e3


async def measure(options: Options) -> AsyncIterator[Figure]:
    """Measure everything at one company."""
    async with house() as served:
        for part in (_pages, browsing, crowd):
            for each in await part(served, options):
                yield each


@dataclass
class Took:
    """What one page took, seconds, turn by turn."""

    page: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    questions: list[float] = field(default_factory=list)
    processor: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))  # of each, what it used

    @property
    def ratio(self) -> float:
        """How many times the bare page and the questions together, in processor time: the machine has other work."""
        page, bare, questions = (median(self.processor[part]) for part in ("page", "bare", "questions"))
        return page / (bare + questions)


async def _pages(served: House, options: Options) -> list[Figure]:
    """Ask for every page in turn with the bare one of its size and with its questions."""
    wanted = await places(served)
    requests = [[_request(path, served, fragment=each.fragment) for path, _asked in each.asked] for each in wanted]
    async with connections(served.port, 1) as (ours,):
        texts = [[(await ours.ask(each)).decode() for each in some] for some in requests]
        found: defaultdict[str, list[Took]] = defaultdict(list)
        async with _bare(served, texts) as (theirs, pid, addresses):
            for _round in range(options.rounds):
                for place, some, bare in zip(wanted, requests, addresses, strict=True):
                    asked = (Asked(ours, served.pid, some), Asked(theirs, pid, bare))
                    found[place.name].append(await _turns(served, place, *asked))
    sizes = {place.name: len(some[0].encode()) for place, some in zip(wanted, texts, strict=True)}
    return [each for name, took in found.items() for each in _figures(name, took, sizes[name])]


class Asked(NamedTuple):
    """A server, and what it is asked turn by turn."""

    connection: Connection
    pid: int
    requests: Sequence[bytes]


async def _turns(served: House, place: Place, ours: Asked, theirs: Asked) -> Took:
    took = Took()
    for turn in range(_TURNS):
        for name, (connection, pid, requests) in (("page", ours), ("bare", theirs)):
            used, began = run_seconds(pid), time.perf_counter()
            await connection.ask(requests[turn % len(requests)])
            getattr(took, name).append(time.perf_counter() - began)
            took.processor[name].append(run_seconds(pid) - used)
        used, began = time.process_time(), time.perf_counter()
        await ask(served, place, turn)
        took.questions.append(time.perf_counter() - began)
        took.processor["questions"].append(time.process_time() - used)
    return took


def _figures(name: str, rounds: Sequence[Took], size: int) -> list[Figure]:
    page, bare, questions = (
        median(each for took in rounds for each in took.processor[part]) * _MILLISECONDS
        for part in ("page", "bare", "questions")
    )
    clock = median(each for took in rounds for each in took.page) * _MILLISECONDS
    reference = f"processor: {page:.1f} ms; bare {bare:.1f}, {size / 1e3:.0f} KB; its questions {questions:.1f}"
    p95 = [_p95(each.page) * _MILLISECONDS for each in rounds]
    return [
        figure(f"{name} / bare", [each.ratio for each in rounds], "times", goal=3, reference=reference),
        figure(f"{name}, p95", p95, "ms", goal=60, reference=f"median {clock:.1f}"),
    ]


def _p95(values: Sequence[float]) -> float:
    return quantiles(values, n=20)[-1]


def _request(path: str, served: House, *, fragment: bool) -> bytes:
    more = "X-Fragment: 1\r\n" if fragment else ""
    head = f"Host: {HOST}:{served.port}\r\nCookie: {served.administrator.cookie}\r\nAccept-Language: ru\r\n{more}"
    return f"GET {path} HTTP/1.1\r\n{head}\r\n".encode()


@asynccontextmanager
async def _bare(
    served: House, texts: Sequence[Sequence[str]]
) -> AsyncIterator[tuple[Connection, int, list[list[bytes]]]]:
    """Serve pages of the same sizes; yield a connection, the process, and the request for each of them."""
    (port,) = free_ports(1)
    file = served.daemon.folder / "pages.json"
    everything = [text for some in texts for text in some]
    file.write_text(json.dumps([pieces_of(text) for text in everything]), encoding="utf-8")
    command = [sys.executable, "-m", "tests.bench.pages.bare", str(port), str(file)]
    child = await Child.start(command, log=served.daemon.folder / "bare.log", cwd=CHECKOUT)
    try:
        await until(lambda: _listens(port), "the bare server", timeout=_START_SECONDS)
        places = iter(range(len(everything)))
        head = f" HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
        requests = [[f"GET /{next(places)}{head}".encode() for _text in some] for some in texts]
        async with connections(port, 1) as (connection,):
            for text, asked in zip(everything, (each for some in requests for each in some), strict=True):
                _check_alike(text, (await connection.ask(asked)).decode())
            yield connection, child.pid, requests
    finally:
        await child.stop()


def _check_alike(page: str, bare: str) -> None:
    if abs(len(page) - len(bare)) > _ALIKE * len(page):
        raise LabError(f"a page of {len(page)} characters is compared with one of {len(bare)}")


async def _listens(port: int) -> bool:
    try:
        async with connections(port, 1):
            return True
    except OSError:
        return False
