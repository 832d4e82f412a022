"""What pbxd is compared with, each in a process of its own: `… tests.bench.servers echo|uvloop|streams|http PORT`,
`… json PORT FILE` with the answer in a file."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import uvloop
from aiohttp import web

from tests.lab.ports import HOST

# What pbxd says of a caller it knows: the same variables, in one command.
COMMAND = (
    'SET VARIABLE ARRAY(PBXD_STATUS,PBXD_CONTACT,PBXD_MANAGER,CALLERID(name)) "found,123456,101,Фронкин Игорь 123456"\n'
).encode()
TEXT = "found,123456,101,Фронкин Игорь 123456"


class Echo(asyncio.Protocol):
    """The least a FastAGI server can do: read the headers, say one command, read its reply, close."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by inheritance
        self._received = b""
        self._asked = False

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._asked:
            if self._received.endswith(b"\n"):
                self._transport.close()
        elif self._received.endswith(b"\n\n"):
            self._received = b""
            self._asked = True
            self._transport.write(COMMAND)


async def _converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The same as most people would write it."""
    await reader.readuntil(b"\n\n")
    writer.write(COMMAND)
    await reader.readline()
    writer.close()


async def _answer(_request: web.Request) -> web.Response:
    return web.Response(text=TEXT)


def _answering(file: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    text = Path(file).read_bytes()

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=text, content_type="application/json")

    return answer


async def serve(what: str, port: int, *file: str) -> None:
    """Serve until killed."""
    if what == "streams":
        await (await asyncio.start_server(_converse, HOST, port)).serve_forever()
    if what in {"echo", "uvloop"}:
        server = await asyncio.get_running_loop().create_server(Echo, HOST, port)
        await server.serve_forever()
    application = web.Application()
    if what == "json":
        application.router.add_get("/api/v1/lookup", _answering(*file))
    application.router.add_get("/{number}", _answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    run = asyncio.run if sys.argv[1] in {"echo", "streams"} else uvloop.run
    run(serve(sys.argv[1], int(sys.argv[2]), *sys.argv[3:]))
