"""A receiver of webhooks: a real server whose answers a test chooses."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Decide = Callable[["Received"], Awaitable[web.StreamResponse] | web.StreamResponse]


@dataclass
class Received:
    request: web.Request
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def id(self) -> str:
        return self.request.headers["webhook-id"]


def accept(_received: Received) -> web.StreamResponse:
    return web.Response(status=204)


@dataclass
class Receiver:
    decide: Decide = accept
    received: list[Received] = field(default_factory=list)
    accepted: list[Received] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def seqs(self) -> list[int]:
        return [each.event["seq"] for each in self.accepted]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        one = Received(request, await request.read())
        self.received.append(one)
        answer = self.decide(one)
        answer = await answer if isinstance(answer, Awaitable) else answer
        if answer.status < 300:
            self.accepted.append(one)
        return answer

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Receiver]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port)
        await site.start()
        self.port = runner.addresses[0][1]
        try:
            yield self
        finally:
            await runner.cleanup()

    async def until(self, count: int) -> None:
        async def enough() -> bool:
            return len(self.accepted) >= count

        await eventually(enough)


async def eventually(true: Callable[[], Awaitable[bool]]) -> None:
    limit = time.monotonic() + 30
    while not await true():
        assert time.monotonic() < limit, "not in time"
        await asyncio.sleep(0.02)
