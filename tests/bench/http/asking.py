"""The least an HTTP client can be, so that the server is measured and not its client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import cast

from tests.lab.ports import HOST
from tests.lab.processes import LabError

_LENGTH = b"Content-Length: "
_PATIENCE_SECONDS = 60.0


class Connection(asyncio.Protocol):
    """One connection that is kept alive, with one request under way at most."""

    def __init__(self) -> None:
        self._received = b""
        self._answer: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Complete the answer once its body is there."""
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        if not blank or self._answer is None:
            return
        length = int(head.partition(_LENGTH)[2].partition(b"\r\n")[0])
        if len(body) == length:
            self._received = b""
            answer, self._answer = self._answer, None
            if head.startswith(b"HTTP/1.1 200 "):
                answer.set_result(body)
            else:
                answer.set_exception(LabError(f"refused: {head!r} {body!r}"))

    def connection_lost(self, error: Exception | None) -> None:
        """Fail the request under way."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or LabError("the server has closed the connection"))

    async def ask(self, request: bytes) -> bytes:
        """Send a request; return the body of the answer. Raises LabError unless it is a 200."""
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return await self._answer


@asynccontextmanager
async def connections(port: int, count: int) -> AsyncIterator[list[Connection]]:
    """Open connections."""
    loop = asyncio.get_running_loop()
    opened = [(await loop.create_connection(Connection, HOST, port))[1] for _count in range(count)]
    try:
        yield opened
    finally:
        for each in opened:
            each.transport.close()


async def closed_loop(port: int, requests: Iterator[bytes], *, count: int, seconds: float) -> float:
    """Ask on so many connections, on each as soon as it has its answer; return requests a second."""
    done = 0

    async def repeat(connection: Connection, end: float) -> None:
        nonlocal done
        while time.perf_counter() < end:
            await connection.ask(next(requests))
            done += 1

    async with connections(port, count) as opened, asyncio.timeout(seconds + _PATIENCE_SECONDS):
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for each in opened:
                group.create_task(repeat(each, began + seconds))
        return done / (time.perf_counter() - began)


async def open_loop(port: int, requests: Iterator[bytes], *, rate: float, seconds: float, count: int) -> list[float]:
    """Ask at this rate whether or not the server keeps up; return how long each took, seconds from when it was due."""
    took: list[float] = []
    free: asyncio.Queue[Connection] = asyncio.Queue()

    async def one(due: float) -> None:
        connection = await free.get()
        await connection.ask(next(requests))
        took.append(time.perf_counter() - due)
        free.put_nowait(connection)

    async with connections(port, count) as opened, asyncio.timeout(seconds + _PATIENCE_SECONDS):
        for each in opened:
            free.put_nowait(each)
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for place in range(int(rate * seconds)):
                due = began + place / rate
                if (wait := due - time.perf_counter()) > 0:
                    await asyncio.sleep(wait)
                group.create_task(one(due))
    return took
