"""Streams: no deadline, an end at a stop, and no trace of a client that has left."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator

import aiohttp
import pytest
import structlog
from aiohttp import web

from pbxd.errors import NotFoundError
from pbxd.http import handling, streams
from pbxd.http.answers import Answer
from pbxd.http.context import Context
from pbxd.http.operations import Resource, serve
from pbxd.http.requests import Query
from pbxd.http.streams import Stream
from tests.http.conftest import House, serving, until

DEADLINE = 0.2


class Tick(Answer):
    count: int


class TickQuery(Query):
    most: int = 1000
    fails: bool = False


class Ticking:
    """A stream of ticks, each let out by the test."""

    def __init__(self) -> None:
        self.go = asyncio.Semaphore(1)
        self.open = 0
        self.allowed = True
        self.resource = Resource("ticks", "Ticks.")
        self.resource.operation("GET", "/ticks", scope="events")(self.follow_ticks)

    async def follow_ticks(self, context: Context, query: TickQuery) -> Stream[Tick]:
        del context
        return Stream(self._ticks(query), self._may_go_on)

    async def _may_go_on(self) -> bool:
        return self.allowed

    async def _ticks(self, query: TickQuery) -> AsyncGenerator[Tick, None]:
        if query.fails:
            raise NotFoundError("no ticks")
        self.open += 1
        try:
            for count in range(query.most):
                await self.go.acquire()
                yield Tick(count=count)
        finally:
            self.open -= 1

    def mount(self, app: web.Application) -> None:
        serve(app, [self.resource])


def client(pbxd: House) -> aiohttp.ClientSession:
    return aiohttp.ClientSession("http://pbxd", connector=aiohttp.UnixConnector(str(pbxd.settings.socket_path)))


async def test_a_stream_outlives_the_deadline(pbxd: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handling, "REQUEST_SECONDS", DEADLINE)
    ticking = Ticking()
    async with serving(pbxd, ticking.mount), client(pbxd) as session, session.get("/ticks?most=2") as answer:
        assert answer.content_type == "application/x-ndjson"
        assert json.loads(await answer.content.readline()) == {"count": 0}
        await asyncio.sleep(DEADLINE * 2)
        ticking.go.release()
        assert json.loads(await answer.content.readline()) == {"count": 1}
        assert await answer.content.read() == b"", "it ended"
    assert ticking.open == 0


async def test_a_stream_whose_items_come_all_the_time_ends_with_its_right(
    pbxd: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "CHECK_SECONDS", 0.05)
    ticking = Ticking()
    ticking.go = asyncio.Semaphore(10**9)
    url = "/ticks?most=1000000000"
    async with serving(pbxd, ticking.mount), client(pbxd) as session, session.get(url) as answer:
        await answer.content.readline()
        ticking.allowed = False
        async with asyncio.timeout(30):
            while await answer.content.readline():
                pass
    assert ticking.open == 0


async def test_an_error_before_the_first_item_is_a_problem(pbxd: House) -> None:
    ticking = Ticking()
    async with serving(pbxd, ticking.mount), client(pbxd) as session, session.get("/ticks?fails=1") as answer:
        assert answer.status == 404
        assert answer.content_type == "application/problem+json"


async def test_nothing_to_tell_is_an_empty_stream(pbxd: House) -> None:
    ticking = Ticking()
    async with serving(pbxd, ticking.mount), client(pbxd) as session:
        async with session.get("/ticks?most=0") as answer:
            assert (answer.status, await answer.read()) == (200, b"")
        async with session.head("/ticks") as answer:
            assert (answer.status, answer.content_type) == (200, "application/x-ndjson")
    assert ticking.open == 0


async def test_an_empty_line_says_that_it_lives(pbxd: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "CHECK_SECONDS", 0.01)
    monkeypatch.setattr(streams, "PING_SECONDS", 0.05)
    ticking = Ticking()
    async with serving(pbxd, ticking.mount), client(pbxd) as session, session.get("/ticks?most=2") as answer:
        assert (answer.headers["X-Accel-Buffering"], answer.headers["Cache-Control"]) == ("no", "no-store")
        assert json.loads(await answer.content.readline()) == {"count": 0}
        assert [await answer.content.readline() for _ in range(2)] == [b"\n", b"\n"]
        ticking.go.release()
        rest = await answer.content.read()
        assert json.loads(rest) == {"count": 1}, "blank for a reader of JSON"
    assert ticking.open == 0


async def test_it_ends_when_it_may_not_go_on(pbxd: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "CHECK_SECONDS", 0.01)
    ticking = Ticking()
    async with serving(pbxd, ticking.mount), client(pbxd) as session, session.get("/ticks") as answer:
        assert json.loads(await answer.content.readline()) == {"count": 0}
        ticking.allowed = False
        assert await answer.content.read() == b""
    await until(lambda: ticking.open == 0)


async def test_a_stop_ends_it(pbxd: House) -> None:
    ticking = Ticking()
    async with client(pbxd) as session:
        async with serving(pbxd, ticking.mount):
            answer = await session.get("/ticks")
            await answer.content.readline()
        assert ticking.open == 0
        answer.close()


async def test_a_client_that_leaves_ends_it(pbxd: House) -> None:
    ticking = Ticking()
    async with serving(pbxd, ticking.mount), client(pbxd) as session:
        answer = await session.get("/ticks")
        await answer.content.readline()
        answer.close()
        await asyncio.sleep(0.05)
        for _tick in range(3):
            ticking.go.release()
        await until(lambda: ticking.open == 0)


async def test_a_client_that_leaves_before_the_head_is_no_error_of_ours(pbxd: House) -> None:
    """A browser that goes on to the next page at once does so."""
    ticking = Ticking()
    ticking.go = asyncio.Semaphore(0)
    with structlog.testing.capture_logs() as logs:
        async with serving(pbxd, ticking.mount):
            _reader, writer = await asyncio.open_unix_connection(str(pbxd.settings.socket_path))
            writer.write(b"GET /ticks HTTP/1.1\r\nHost: x\r\n\r\n")
            await until(lambda: ticking.open == 1)
            writer.close()
            await asyncio.sleep(0.05)
            ticking.go.release()
            await until(lambda: ticking.open == 0)
    assert not [line for line in logs if line["log_level"] in {"error", "critical"}]
