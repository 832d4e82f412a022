"""Thousands of connections that say nothing: the longest idle make room, and others are answered meanwhile."""

from __future__ import annotations

import asyncio
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import aiohttp
import pytest

from pbxd.http.server import HttpServer
from tests.http.conftest import House, serving
from tests.http.test_connection_limits import HONEST_SECONDS, answered

FEW, MOST = 400, 64
IDLE = """
import resource, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
idle = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _count in range(10_000)]
print(len(idle), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def many_files() -> Iterator[None]:
    """Allow as many open files as the machine does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def is_answered_beside(server: HttpServer, count: int, *, half_a_head: bool) -> None:
    loop = asyncio.get_running_loop()
    with ExitStack() as opened:
        times: list[float] = []
        for place in range(count):
            idle = opened.enter_context(socket.socket())
            idle.setblocking(False)
            await loop.sock_connect(idle, ("127.0.0.1", server.port))
            if half_a_head:
                await loop.sock_sendall(idle, b"GET /healthz HTTP/1.1\r\nX-")
            if place % (count // 8) == 0:
                async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as client:
                    times.append(await answered(client))
        assert max(times) < HONEST_SECONDS


@pytest.mark.parametrize("half_a_head", [False, True])
async def test_idle_connections_keep_nobody_out(unlinked: House, *, half_a_head: bool) -> None:
    async with serving(unlinked, max_connections=MOST) as server:
        await is_answered_beside(server, FEW, half_a_head=half_a_head)
        assert len(server._public._limits) <= MOST


@pytest.mark.soak
@pytest.mark.usefixtures("many_files")
@pytest.mark.parametrize("most", [256, 12_000], ids=["as configured", "room for all"])
async def test_ten_thousand_idle_connections(unlinked: House, most: int) -> None:
    async with serving(unlinked, max_connections=most) as server:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", IDLE, str(server.port), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert child.stdout
        async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as client, asyncio.timeout(300):
            times = [await answered(client)]
            opened = asyncio.create_task(child.stdout.readline())
            while not opened.done():
                times.append(await answered(client))
                await asyncio.sleep(0.05)
            assert await opened == b"10000\n"
            times.append(await answered(client))
        assert max(times) < HONEST_SECONDS
        assert len(server._public._limits) <= most
        await child.communicate(b"")  # without input Python 3.11 leaves the pipe open
