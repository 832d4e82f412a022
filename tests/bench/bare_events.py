"""What live events and webhooks are compared with: bare aiohttp, in a process of its own.

`broadcast RATE`: sends frames to everybody connected, RATE a second; prints its port.
`posts URL COUNT SENDING`: POSTs so many bodies, so many at the same time; prints the seconds that took.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import UTC, datetime

import aiohttp
import uvloop
from aiohttp import web

BODY = {
    "seq": 1, "at": "", "kind": "contact.added", "subject": "1", "data": {"visibility": "shared", "version": 1},
}  # fmt: skip
SENDING = 16


def frame(seq: int) -> bytes:
    """Return a frame like those of pbxd."""
    said = {**BODY, "seq": seq, "at": datetime.now(UTC).isoformat().replace("+00:00", "Z")}
    return b"id: %d\nevent: contact.added\ndata: %b\n\n" % (seq, json.dumps(said).encode())


async def broadcast(rate: float) -> None:
    """Serve for ever."""
    readers: set[web.StreamResponse] = set()

    async def read(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        readers.add(response)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            readers.discard(response)
        return response

    app = web.Application()
    app.router.add_get("/api/v1/events", read)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=2000).start()
    print(runner.addresses[0][1], flush=True)
    seq, began = 0, time.monotonic()
    while True:
        await asyncio.sleep(max(0.0, began + seq / rate - time.monotonic()))
        seq += 1
        text = frame(seq)
        for reader in list(readers):
            await reader.write(text)


async def posts(url: str, count: int) -> None:
    """POST as many at the same time as pbxd does."""
    body, left = json.dumps(BODY).encode(), iter(range(count))
    async with aiohttp.ClientSession() as session:
        began = time.monotonic()

        async def one_after_another() -> None:
            for _number in left:
                async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
                    await answer.read()

        await asyncio.gather(*(one_after_another() for _sender in range(SENDING)))
        print(time.monotonic() - began, flush=True)


if __name__ == "__main__":
    uvloop.run(broadcast(float(sys.argv[2])) if sys.argv[1] == "broadcast" else posts(sys.argv[2], int(sys.argv[3])))
