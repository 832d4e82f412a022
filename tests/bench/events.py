"""Live events and webhooks: how soon, to how many, how many a minute; each beside bare aiohttp or a bare AMI client."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from statistics import quantiles
from typing import Any, cast

import aiohttp
from aiohttp import web

from pbxd.settings import load
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import News, tell
from tests.bench.figures import Figure, figure
from tests.bench.options import Options
from tests.bench.pbx import bench_lab
from tests.bench.processes import memory
from tests.lab.asterisk import CHECKOUT
from tests.lab.daemon import Daemon
from tests.lab.lab import Lab
from tests.lab.processes import LabError, until

READERS = 1000
RATE = 50.0  # events a second
_NOTED = 20  # of so many readers one notes times: this process must not be the slow part
_SECONDS = 10.0
_POSTS = 3000
_CALLS = 10
_KIB = 1000.0
_MILLISECONDS = 1e3


async def measure(options: Options) -> AsyncIterator[Figure]:
    """Measure on one lab."""
    async with bench_lab() as lab:
        daemon = await lab.pbxd({"webhooks": {"allowed_networks": ["127.0.0.0/8"]}})
        await lab.ami_action("Events", EventMask="on")
        waits = [await _ring(lab, daemon) for _call in range(options.rounds * _CALLS)]
        await lab.ami_action("Events", EventMask="user")
        reference = "a bare AMI client saw the phone ring"
        yield figure("call.ringing on the wire, after AMI", waits, "ms", goal=15, reference=reference)
        ours: list[float] = []
        bare: list[float] = []
        size: list[float] = []
        for number in range(options.rounds):
            async with _served("bare_events", "broadcast", str(RATE)) as (port, _pid):
                bare.append(await _crowd(port))
            async with _served("event_server", str(RATE), str(daemon.folder / f"{number}.db")) as (port, pid):
                before = memory(pid)[0]
                ours.append(await _crowd(port, partial(_note_memory, pid, size)))
            size[-1] -= before
        ratio = [one / other for one, other in zip(ours, bare, strict=True)]
        yield figure(f"{READERS} readers, {RATE:.0f} events/s: p99", ours, "ms")
        yield figure("the same by a bare aiohttp broadcast", bare, "ms")
        yield figure("p99 beside the bare broadcast", ratio, "times", goal=2)
        yield figure("memory of a reader", [each * _KIB / READERS for each in size], "KB", goal=60)
        async for each in _webhooks(daemon, options.rounds):
            yield each


def _note_memory(pid: int, sizes: list[float]) -> None:
    sizes.append(memory(pid)[0])


async def _ring(lab: Lab, daemon: Daemon) -> float:
    """Call 101; return ms from the AMI event to the event on the wire."""
    heard: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    ready = asyncio.Event()

    async def listen() -> None:
        async with _session(daemon) as session, session.get("/api/v1/events?kinds=call.ringing") as answer:
            ready.set()
            async for line in answer.content:
                if line == b"event: call.ringing\n":
                    heard.set_result(time.monotonic())
                    return

    def rings(packet: dict[str, str]) -> bool:
        there = packet.get("Event"), packet.get("ChannelStateDesc"), packet.get("Channel", "")[:9]
        return there == ("Newstate", "Ringing", "PJSIP/101")

    listening = asyncio.create_task(listen())
    await ready.wait()
    since = len(lab.admin.packets)
    call = lab.call_in("101", "89161234567")
    await lab.admin.expect(rings, "101 to ring", since=since)
    seen = time.monotonic()
    arrived = await heard
    await listening
    call.hangup()
    await (await lab.phone("101").incoming()).until_ended()
    return (arrived - seen) * _MILLISECONDS


@asynccontextmanager
async def _session(daemon: Daemon) -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.UnixConnector(str(daemon.folder / "api.sock"))
    async with aiohttp.ClientSession("http://pbxd", connector=connector) as session:
        yield session


@asynccontextmanager
async def _served(program: str, *arguments: str) -> AsyncIterator[tuple[int, int]]:
    """Run a server of ours; yield its port and its process id."""
    command = (sys.executable, "-m", f"tests.bench.{program}", *arguments)
    process = await asyncio.create_subprocess_exec(*command, cwd=CHECKOUT, stdout=asyncio.subprocess.PIPE)
    try:
        yield int(await cast("asyncio.StreamReader", process.stdout).readline()), process.pid
    finally:
        process.kill()
        await process.wait()


class _Reader(asyncio.Protocol):
    """A client that reads a stream and notes how old each event is, unless `waits` is None."""

    def __init__(self, request: bytes, waits: list[float] | None) -> None:
        self._request = request
        self._waits = waits

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        if self._waits is None:
            return
        now = time.time()
        for part in data.split(b'"at":')[1:]:
            text = part.split(b'"', 2)[1].decode()
            if text and b"contact.added" in data:
                self._waits.append(now - datetime.fromisoformat(text).timestamp())


async def _crowd(port: int, at_the_end: Callable[[], None] = lambda: None) -> float:
    """Connect READERS; return the p99 of the events' ages in ms."""
    request = b"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    waits: list[float] = []
    loop = asyncio.get_running_loop()
    transports: list[asyncio.BaseTransport] = []
    for place in range(READERS):
        noted = waits if place % _NOTED == 0 else None
        made, _protocol = await loop.create_connection(partial(_Reader, request, noted), "127.0.0.1", port)
        transports.append(made)
    await asyncio.sleep(2.0)
    waits.clear()
    await asyncio.sleep(_SECONDS)
    at_the_end()
    heard = list(waits)
    for transport in transports:
        transport.close()
    if len(heard) < READERS / _NOTED * RATE * _SECONDS / 10:
        raise LabError(f"{len(heard)} events arrived at {READERS // _NOTED} of {READERS} readers")
    return quantiles(heard, n=100)[-1] * _MILLISECONDS


async def _webhooks(daemon: Daemon, rounds: int) -> AsyncIterator[Figure]:
    """Send events to a receiver, and the same by bare POSTs."""
    arrivals: list[float] = []

    async def receive(request: web.Request) -> web.Response:
        await request.read()
        arrivals.append(time.monotonic())
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/hook", receive)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    status, made = await daemon.api("/api/v1/webhooks", method="POST", body={"url": url, "events": ["company.changed"]})
    if status != web.HTTPCreated.status_code:
        raise LabError(f"no webhook: {status} {made}")
    ours: list[float] = []
    bare: list[float] = []
    for _round in range(rounds):
        arrivals.clear()
        await _tell(daemon)
        await until(lambda: len(arrivals) >= _POSTS, "the webhooks", timeout=300)
        ours.append(_POSTS / (arrivals[-1] - arrivals[0]) * 60)
        bare.append(_POSTS / await _bare_posts(url) * 60)
    await runner.cleanup()
    yield figure("webhooks", ours, "a minute", goal=10_000, better="higher")
    yield figure("bare aiohttp POSTs to the same receiver", bare, "a minute", better="higher")
    ratio = [one / other for one, other in zip(ours, bare, strict=True)]
    yield figure("webhooks beside bare POSTs", ratio, "times", goal=0.5, better="higher")


async def _tell(daemon: Daemon) -> None:
    news = [News("company.changed", str(number), {}) for number in range(1, _POSTS + 1)]
    database = await Database.open(load(str(daemon.file)).database_url, create=False)
    async with database, database.writing() as connection:
        await tell(connection, news)


async def _bare_posts(url: str) -> float:
    command: tuple[Any, ...] = (sys.executable, "-m", "tests.bench.bare_events", "posts", url, str(_POSTS))
    process = await asyncio.create_subprocess_exec(*command, cwd=CHECKOUT, stdout=asyncio.subprocess.PIPE)
    out, _err = await process.communicate()
    return float(json.loads(out))
