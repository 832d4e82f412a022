"""The watchdog's evidence: only an event loop that answers callers through the FastAGI port is said to live."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Sequence

import pytest
from structlog.testing import capture_logs

from pbxd.asterisk.agi.commands import AgiCommand
from pbxd.asterisk.agi.probe import keep_fed, look_up
from pbxd.asterisk.agi.protocol import AgiRequest
from pbxd.asterisk.agi.server import FastAgiServer
from pbxd.errors import UnavailableError
from pbxd.settings import AgiSettings
from tests.asterisk.agi_peers import HOST, header_lines
from tests.asterisk.agi_server import plain_answer
from tests.lab.processes import until

SECONDS = 2.0


@contextlib.asynccontextmanager
async def running(server: FastAgiServer) -> AsyncIterator[None]:
    task = asyncio.create_task(server.serve())
    await asyncio.wait_for(server.ready.wait(), 60)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def server(listen: str = f"{HOST}:0", limit: int = 512) -> FastAgiServer:
    return FastAgiServer(AgiSettings(listen=listen, max_connections=limit, reply_timeout_seconds=60), plain_answer)


@pytest.mark.parametrize("listen", [f"{HOST}:0", "0.0.0.0:0", "[::1]:0", "[::]:0", "127.0.0.7:0"])
async def test_the_own_look_up_is_a_look_up_like_any_other(listen: str) -> None:
    asked = server(listen)
    async with running(asked):
        await look_up(asked)
        assert (asked.counters.accepted, asked.counters.answered) == (1, 1)
        assert not asked.own


async def test_a_full_house_does_not_keep_the_own_look_up_out() -> None:
    asked = server(limit=1)
    async with running(asked):
        _reader, writer = await asyncio.open_connection(HOST, asked.port)
        writer.write(b"".join(header_lines()))  # and never acknowledges the command: his place is taken
        await until(lambda: asked.connections.talking, "the guest to be answered")
        await look_up(asked)
        assert (asked.counters.refused, asked.counters.evicted, asked.counters.answered) == (0, 0, 1)
        stranger, his = await asyncio.open_connection(HOST, asked.port)
        his.write(b"agi_network: yes\n")
        assert await asyncio.wait_for(stranger.read(), 60) == b""
        assert asked.counters.refused == 1
        his.close()
        writer.close()


async def test_a_port_that_says_nothing_is_no_answer() -> None:
    def silent(_request: AgiRequest) -> Sequence[AgiCommand]:
        return []

    asked = FastAgiServer(AgiSettings(listen=f"{HOST}:0"), silent)
    async with running(asked):
        with pytest.raises(UnavailableError, match="without an answer"):
            await look_up(asked)


async def test_a_server_that_is_gone_is_no_answer() -> None:
    asked = server()
    async with running(asked):
        pass
    with pytest.raises(UnavailableError, match="doesn't answer"):
        await look_up(asked)


async def test_the_watchdog_is_fed_while_callers_are_answered_and_only_then() -> None:
    asked = server()
    fed: list[float] = []
    loop = asyncio.get_running_loop()
    with capture_logs() as lines:
        async with running(asked):
            started = time.monotonic()
            task = asyncio.create_task(keep_fed(asked, SECONDS, lambda: fed.append(time.monotonic())))
            await until(lambda: len(fed) >= 5, "the first meals")
            assert all(later - earlier < SECONDS for earlier, later in itertools.pairwise(fed))
            assert fed[4] - started > SECONDS * 0.9  # four pauses, not a busy loop
            loop.remove_reader(asked._listening)  # the kernel still accepts, nobody answers: a hang
            seen = len(fed)
            await until(lambda: len(lines) >= 2, "the complaint")
            assert len(fed) <= seen + 1
            starving = len(fed)
            began = time.monotonic()
            await until(lambda: time.monotonic() - began > SECONDS, "the time after which systemd kills")
            assert len(fed) == starving
            loop.add_reader(asked._listening, asked._accept)
            await until(lambda: len(fed) > starving, "the next meal")
            await until(lambda: lines[-1]["event"] == "watchdog_lookup_resumed", "the all-clear")
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
    assert [line["event"] for line in lines if line["log_level"] == "warning"] == ["watchdog_lookup_failed"]
