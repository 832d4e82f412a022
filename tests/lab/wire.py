"""A TCP wire between two programs that can be cut, gone silent or slow: what networks do to the link to the PBX."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.lab import ports

_CHUNK_BYTES = 65536
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with no time: close sends RST


class Wire:
    """Passes connections to `port` on; `async with wire_to(port) as wire:` and connect to `wire.port`."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.connections = 0  # accepted so far
        self.delay = 0.0  # seconds each chunk is late, both ways
        self.refusing = False  # new connections are reset at once
        self.garbling: dict[bytes, bytes] = {}  # what of the near end's words is replaced by what
        self._flows: set[_Flow] = set()

    @property
    def open(self) -> int:
        """How many connections there are."""
        return len(self._flows)

    async def serve(self, near: asyncio.StreamReader, near_writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.refusing:
            _reset(near_writer)
            return
        try:
            far, far_writer = await asyncio.open_connection(ports.HOST, self.target)
        except OSError:
            _reset(near_writer)
            return
        flow = _Flow(self, near_writer, far_writer)
        self._flows.add(flow)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(flow.pump(near, far_writer))
                group.create_task(flow.pump(far, near_writer, answers=True))
        finally:
            self._flows.discard(flow)
            flow.close()

    def reset(self) -> None:
        """Cut every connection by RST at both ends."""
        for flow in list(self._flows):
            flow.reset()

    def go_silent(self) -> None:
        """From now on nothing comes through the present connections, and nobody is told; new ones work."""
        for flow in self._flows:
            flow.silent = True

    def lose_answers(self, question: bytes) -> None:
        """Once the target is asked this, all it says gets lost, and what it is told arrives; new connections work."""
        for flow in self._flows:
            flow.last_question = question


class _Flow:
    def __init__(self, wire: Wire, *writers: asyncio.StreamWriter) -> None:
        self.silent = False
        self.last_question = b""  # once this has passed, no answer comes back
        self._answerless = False
        self._wire = wire
        self._writers = writers

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool = False) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(_CHUNK_BYTES):
                for said, heard in self._wire.garbling.items():
                    chunk = chunk if answers else chunk.replace(said, heard)
                if self._wire.delay:
                    await asyncio.sleep(self._wire.delay)
                if self.last_question and self.last_question in chunk:
                    self._answerless = True
                if not (self.silent or (answers and self._answerless)):
                    writer.write(chunk)
                    await writer.drain()
        self.close()

    def reset(self) -> None:
        for writer in self._writers:
            _reset(writer)

    def close(self) -> None:
        for writer in self._writers:
            writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket = writer.get_extra_info("socket")
    if connection.fileno() >= 0:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    writer.transport.abort()


@asynccontextmanager
async def wire_to(port: int) -> AsyncIterator[Wire]:
    """Listen on a free port and pass everything on to `port`; all connections are cut at the end."""
    wire = Wire(port)
    server = await asyncio.start_server(wire.serve, ports.HOST, 0)
    wire.port = server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        server.close()
        wire.reset()
        await server.wait_closed()
