"""pbxd's streams in a process of their own: `event_server RATE FILE` writes so many events a second; prints its port.

The same parts as in the daemon: each event is a committed row of the feed, one reader hands it to all streams.
"""

from __future__ import annotations

import asyncio
import sys
import time

import uvloop
from aiohttp import web

from pbxd.http.deadlines import DEADLINE, Deadlines
from pbxd.http.event_stream import EventStream, Outlet
from pbxd.http.streams import prepare_streams
from pbxd.services.events.hearing import KINDS, Hearing
from pbxd.services.events.live_feed import LiveFeed
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import News, tell

HEARING = Hearing(frozenset(KINDS))


async def always() -> bool:
    """Let every stream go on."""
    return True


async def write(database: Database, rate: float) -> None:
    """Write events for ever."""
    seq, began = 0, time.monotonic()
    while True:
        await asyncio.sleep(max(0.0, began + seq / rate - time.monotonic()))
        seq += 1
        news = News("contact.added", str(seq), {"visibility": "shared", "owner_id": 0, "version": 1})
        async with database.writing() as connection:
            await tell(connection, [news])


async def serve(rate: float, file: str) -> None:
    """Serve for ever."""
    async with await Database.open(f"sqlite+aiosqlite:///{file}", create=True) as database:
        feed, deadlines = LiveFeed(database), Deadlines()

        async def read(request: web.Request) -> web.StreamResponse:
            with deadlines.start(None) as request[DEADLINE]:
                outlet = Outlet()
                frames = feed.follow(HEARING, await feed.start(None), always, outlet.send)
                return await EventStream(frames, outlet).send(request)

        app = web.Application()
        prepare_streams(app)
        app.router.add_get("/api/v1/events", read)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=2000).start()
        print(runner.addresses[0][1], flush=True)
        async with asyncio.TaskGroup() as group:
            group.create_task(feed.run())
            group.create_task(write(database, rate))


if __name__ == "__main__":
    uvloop.run(serve(float(sys.argv[1]), sys.argv[2]))
