"""Clients that are slow on purpose, on real sockets: they are cut, and others are answered meanwhile."""

from __future__ import annotations

import asyncio
import socket
import time

import aiohttp
import pytest

from pbxd.http import connection_limits, handling
from pbxd.http.server import HttpServer
from tests.http.conftest import House, serving, until

SLOW = 500
HONEST_SECONDS = 5.0  # half of what a slow head may take; on a busy machine
REQUEST = b"GET /healthz HTTP/1.1\r\nHost: pbxd\r\n"


async def connect(server: HttpServer, sent: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(sent)
    return reader, writer


async def is_cut(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True


async def answered(client: aiohttp.ClientSession) -> float:
    """Ask on a new connection; return how long the answer took, in seconds."""
    began = time.monotonic()
    async with client.get("/healthz", headers={"Connection": "close"}) as answer:
        assert answer.status == 200
    return time.monotonic() - began


async def test_five_hundred_slow_clients_keep_nobody_waiting(pbxd: House) -> None:
    async with serving(pbxd) as server, aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as client:
        writers: list[asyncio.StreamWriter] = []
        times: list[float] = []
        for count in range(SLOW):
            _reader, writer = await connect(server, REQUEST)  # and never the empty line
            writers.append(writer)
            if count % 50 == 49:
                for slow in writers:
                    slow.write(b"X-Slow: 1\r\n")
                times.append(await answered(client))
        assert max(times) < HONEST_SECONDS
        for writer in writers:
            writer.close()


async def test_a_head_that_takes_too_long_is_cut_however_it_trickles(pbxd: House) -> None:
    async with serving(pbxd, header_timeout_seconds=0.3) as server:
        began = time.monotonic()
        silent, silent_writer = await connect(server)
        reader, writer = await connect(server, REQUEST)

        async def trickle() -> None:
            while not writer.is_closing():
                writer.write(b"X-Slow: 1\r\n")
                await asyncio.sleep(0.02)

        trickling = asyncio.create_task(trickle())
        async with asyncio.timeout(60):
            assert await is_cut(reader)
            assert await is_cut(silent)
        assert time.monotonic() - began > 0.25
        trickling.cancel()
        for each in (writer, silent_writer):
            each.close()


async def test_a_second_head_on_the_same_connection_has_the_same_time(pbxd: House) -> None:
    async with serving(pbxd, header_timeout_seconds=0.3) as server:
        reader, writer = await connect(server, REQUEST + b"\r\n")
        assert (await reader.readuntil(b"\r\n")).endswith(b"200 OK\r\n")
        await reader.readuntil(b"}")
        writer.write(REQUEST)
        async with asyncio.timeout(60):
            assert await is_cut(reader)
        writer.close()


async def test_an_idle_connection_outlives_the_time_for_a_head(pbxd: House) -> None:
    async with serving(pbxd, header_timeout_seconds=0.2) as server:
        reader, writer = await connect(server, REQUEST + b"\r\n")
        await reader.readuntil(b"}")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.6):
                await reader.read(1)
        writer.write(REQUEST + b"\r\n")
        assert (await reader.readuntil(b"\r\n")).endswith(b"200 OK\r\n")
        writer.close()


async def test_the_longest_without_a_request_makes_room_and_a_request_under_way_does_not(pbxd: House) -> None:
    async with (
        serving(pbxd, max_connections=8),
        aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(pbxd.settings.socket_path))) as local,
    ):
        async with local.post("http://pbxd/api/v1/calls", json={"agent": "101", "target": "89160000001"}) as made:
            call_id = (await made.json())["id"]
        async with local.get(f"http://pbxd/api/v1/calls/{call_id}/states") as stream:
            await stream.content.readline()  # a request under way, and the oldest
            waiting = [await asyncio.open_unix_connection(str(pbxd.settings.socket_path)) for _count in range(12)]
            async with asyncio.timeout(60):
                for reader, _writer in waiting[:5]:
                    assert await is_cut(reader)
            _reader, last = waiting[-1]
            last.write(REQUEST + b"\r\n")
            assert (await waiting[-1][0].readuntil(b"\r\n")).endswith(b"200 OK\r\n")
            with pytest.raises(TimeoutError):  # it still lives
                async with asyncio.timeout(0.3):
                    await stream.content.readline()
            for _reader, writer in waiting:
                writer.close()


async def test_who_does_not_read_is_cut(pbxd: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_limits, "UNREAD_SECONDS", 0.3)
    with socket.socket(socket.AF_UNIX) as deaf:  # its buffers are small
        deaf.setblocking(False)
        await asyncio.get_running_loop().sock_connect(deaf, str(pbxd.settings.socket_path))

        def cut() -> bool:
            try:
                deaf.send((REQUEST + b"\r\n") * 100)
            except BlockingIOError:
                return False
            except OSError:  # reset, or a broken pipe
                return True
            return False

        await until(cut, seconds=20)


@pytest.mark.parametrize("sent", [b"", b"{"])
async def test_a_body_that_never_comes_is_given_up(pbxd: House, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    """C12: the client's fault, so 408 and not 503, and the connection ends."""
    monkeypatch.setattr(handling, "REQUEST_SECONDS", 0.3)
    reader, writer = await asyncio.open_unix_connection(str(pbxd.settings.socket_path))
    head = b"POST /api/v1/calls HTTP/1.1\r\nHost: pbxd\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
    writer.write(head + sent)
    async with asyncio.timeout(20):  # unpatched it would be thirty
        told = await reader.readuntil(b"\r\n\r\n")
    assert b" 408 " in told.splitlines()[0]
    assert b"application/problem+json" in told
    assert b"Connection: close" in told
    writer.close()
