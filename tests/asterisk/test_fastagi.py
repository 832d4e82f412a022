"""The FastAGI server on real sockets: one command at a time, limits, time-outs, peers that leave at any moment."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from dataclasses import dataclass

import pytest
from structlog.testing import capture_logs

from pbxd.asterisk.agi.commands import AgiCommand, get_variable, set_variables
from pbxd.asterisk.agi.connections import Conversation
from pbxd.asterisk.agi.protocol import AgiReply, AgiRequest
from pbxd.asterisk.agi.server import FastAgiServer
from pbxd.errors import UnavailableError
from pbxd.settings import AgiSettings
from tests.asterisk.agi_peers import HOST, header_lines
from tests.asterisk.agi_server import plain_answer

HEADERS = b"".join(header_lines())
Answer = Callable[[AgiRequest], Conversation | Sequence[AgiCommand]]


@contextlib.asynccontextmanager
async def serving(answer: Answer = plain_answer, **settings: float) -> AsyncIterator[FastAgiServer]:
    server = FastAgiServer(AgiSettings.model_validate({"listen": f"{HOST}:0", **settings}), answer)
    task = asyncio.create_task(server.serve())
    await asyncio.wait_for(server.ready.wait(), 60)
    try:
        yield server
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@dataclass
class Peer:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def line(self) -> bytes:
        return await asyncio.wait_for(self.reader.readline(), 60)

    async def rest(self) -> bytes:
        """Return what comes until the server closes."""
        try:
            return await asyncio.wait_for(self.reader.read(), 60)
        except ConnectionResetError:
            return b""


@contextlib.asynccontextmanager
async def connected(server: FastAgiServer, data: bytes = b"", *, source: str = HOST) -> AsyncIterator[Peer]:
    reader, writer = await asyncio.open_connection(HOST, server.port, local_addr=(source, 0))
    writer.write(data)
    try:
        yield Peer(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - it looks at plain counters
            await asyncio.sleep(0.005)


async def asks(server: FastAgiServer, *, source: str = HOST) -> bytes:
    """Make one honest look-up and return the command."""
    async with connected(server, HEADERS, source=source) as peer:
        command = await peer.line()
        peer.writer.write(b"200 result=1\n")
        assert await peer.rest() == b""
    return command


async def test_a_look_up_is_answered_and_the_connection_ends() -> None:
    async with serving() as server:
        assert await asks(server) == b'SET VARIABLE ARRAY(PBXD_STATUS,PBXD_CONTACT) "unknown,89161234567"\n'
        assert server.counters.answered == 1
        assert 0 < server.counters.latency_max_seconds < 5
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection(HOST, server.port)


async def test_headers_in_single_bytes_are_answered() -> None:
    async with serving() as server, connected(server) as peer:
        for byte in HEADERS:
            peer.writer.write(bytes([byte]))
            await peer.writer.drain()
            await asyncio.sleep(0)
        assert (await peer.line()).startswith(b"SET VARIABLE")


async def test_a_command_waits_for_the_reply_to_the_one_before() -> None:
    commands = [set_variables({"A": str(n)}) for n in range(3)]
    async with serving(lambda _request: commands) as server, connected(server, HEADERS) as peer:
        for n in range(3):
            assert await peer.line() == b'SET VARIABLE ARRAY(A) "%d"\n' % n
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(peer.reader.read(1), 0.02)
            peer.writer.write((b"200 result=1\n", b"510 Invalid\n", b"520-x\nusage\n520 End\n")[n])
        assert await peer.rest() == b""
        assert server.counters.answered == 1


@pytest.mark.parametrize("last", [b"HANGUP\n", b"200 result=1\nHANGUP\n", b"200 result=1\r\nHANGUP\r\n"])
async def test_a_hang_up_ends_it(last: bytes) -> None:
    commands = [set_variables({"A": str(n)}) for n in range(3)]
    async with serving(lambda _request: commands) as server, connected(server, HEADERS) as peer:
        await peer.line()
        peer.writer.write(last)
        assert b'"2"' not in await peer.rest()
        assert server.counters.abandoned == 1


@pytest.mark.parametrize("size", [0, 1, 200, len(HEADERS) - 1])
async def test_a_peer_may_leave_before_its_headers_end(size: int) -> None:
    async with serving() as server:
        async with connected(server, HEADERS[:size]):
            await until(lambda: server.counters.accepted == 1)
        await until(lambda: server.counters.empty == 1)
        assert await asks(server)


async def test_a_peer_may_leave_instead_of_replying() -> None:
    async with serving() as server:
        async with connected(server, HEADERS) as peer:
            await peer.line()
        await until(lambda: server.counters.abandoned == 1)
        assert await asks(server)


@pytest.mark.parametrize(
    "data",
    [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01", b"\n", b"agi_x: ".ljust(3000, b"x"), b"agi_a: 1\n" * 101, b"agi_x\n"],
)
async def test_no_agi_is_cut_off_at_once(data: bytes) -> None:
    async with serving() as server, connected(server, data) as peer:
        assert await peer.rest() == b""
        assert server.counters.malformed == 1
        assert await asks(server)


async def test_an_answer_that_raises_says_error_and_serves_on() -> None:
    calls = 0

    def answer(request: AgiRequest) -> Sequence[AgiCommand]:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise ZeroDivisionError
        return plain_answer(request)

    with capture_logs() as logged:
        async with serving(answer) as server:
            assert b'"error,,"' in await asks(server)
            assert b'"error,,"' in await asks(server)
            assert b'"unknown,89161234567"' in await asks(server)
            assert server.counters.failed == 2
            assert server.counters.answered == 3
    assert [line["event"] for line in logged if line["log_level"] == "error"] == ["lookup_failed"]


async def test_an_attack_does_not_fill_the_log() -> None:
    with capture_logs() as logged:
        async with serving() as server:
            for _time in range(20):
                async with connected(server, b"nonsense") as peer:
                    assert await peer.rest() == b""
            assert server.counters.malformed == 20
    assert [line["event"] for line in logged] == ["fastagi_listening", "fastagi_malformed"]


async def test_an_answer_too_late_is_given_and_counted() -> None:
    def answer(request: AgiRequest) -> Sequence[AgiCommand]:
        deadline = time.monotonic() + 0.012
        while time.monotonic() < deadline:
            pass
        return plain_answer(request)

    async with serving(answer, deadline_seconds=0.01) as server:
        assert b"unknown" in await asks(server)
        assert server.counters.late == 1
        assert server.counters.latency_max_seconds > 0.012


async def test_an_answer_without_commands_ends_cleanly() -> None:
    async with serving(lambda _request: []) as server, connected(server, HEADERS) as peer:
        assert await peer.rest() == b""
        assert server.counters.answered == 1


@pytest.mark.parametrize("script", ["", "nothing", "lookups?x=y", "../lookup"])
async def test_an_unknown_script_ends_cleanly(script: str) -> None:
    async with serving() as server, connected(server, b"".join(header_lines(script=script))) as peer:
        assert await peer.rest() == b""
        assert server.counters.unknown == 1


@pytest.mark.parametrize("script", ["lookup?for=101", "lookup/"])
async def test_a_query_belongs_to_the_script(script: str) -> None:
    async with serving() as server, connected(server, b"".join(header_lines(script=script))) as peer:
        assert await peer.line()


async def test_an_answer_that_asks_is_told_what_the_channel_replies() -> None:
    def answer(request: AgiRequest) -> Generator[AgiCommand, AgiReply | None, None]:
        reply = yield get_variable("PBXD_KEY")
        yield set_variables({"PBXD_STATUS": reply.text if reply else ""})
        if request.query:
            raise ValueError

    for script in ("lookup", "lookup?for=101"):
        async with serving(answer) as server, connected(server, b"".join(header_lines(script=script))) as peer:
            assert await peer.line() == b"GET VARIABLE PBXD_KEY\n"
            peer.writer.write(b"200 result=1 (a (b) c)\n")
            assert await peer.line() == b'SET VARIABLE ARRAY(PBXD_STATUS) "a \\\\(b\\\\) c"\n'
            peer.writer.write(b"200 result=1\n")
            if script != "lookup":  # it failed in the midst: that is told, and the call goes on
                assert b"error" in await peer.line()
                peer.writer.write(b"200 result=1\n")
            assert await peer.rest() == b""
            assert (server.counters.answered, server.counters.failed) == (1, int(script != "lookup"))


async def test_headers_that_do_not_come_time_out() -> None:
    async with serving(header_timeout_seconds=0.05) as server, connected(server, HEADERS[:-1]) as peer:
        assert await peer.rest() == b""
        assert server.counters.timed_out == 1


async def test_a_reply_that_does_not_come_times_out() -> None:
    async with (
        serving(header_timeout_seconds=0.05, reply_timeout_seconds=0.1) as server,
        connected(server, HEADERS) as peer,
    ):
        await peer.line()
        assert await peer.rest() == b""
        assert server.counters.timed_out == 1


async def test_at_the_limit_the_longest_without_headers_makes_room() -> None:
    async with serving(max_connections=2) as server, contextlib.AsyncExitStack() as stack:
        first, second = [await stack.enter_async_context(connected(server, b"agi_")) for _n in range(2)]
        await until(lambda: len(server.connections.waiting) == 2)
        assert await asks(server)
        assert await first.rest() == b""
        assert server.counters.evicted == 1
        assert len(server.connections.waiting) == 1
        second.writer.write(HEADERS[4:])
        assert await second.line()


async def test_at_the_limit_nobody_being_answered_makes_room() -> None:
    async with serving(max_connections=2, reply_timeout_seconds=6000) as server, contextlib.AsyncExitStack() as stack:
        talking = [await stack.enter_async_context(connected(server, HEADERS)) for _n in range(2)]
        for peer in talking:
            assert await peer.line()
        async with connected(server, HEADERS) as late:
            assert await late.rest() == b""
        assert server.counters.refused == 1
        for peer in talking:
            peer.writer.write(b"200 result=1\n")
            assert await peer.rest() == b""
        assert server.counters.answered == 2


async def owing(server: FastAgiServer, stack: contextlib.AsyncExitStack, source: str = HOST) -> Peer:
    """Ask, and leave the answer without acknowledgement longer than Asterisk would."""
    peer = await stack.enter_async_context(connected(server, HEADERS, source=source))
    assert await peer.line()
    owed_since = time.monotonic()
    await until(lambda: time.monotonic() > owed_since + 0.06)
    return peer


async def test_at_the_limit_who_owes_a_reply_longest_makes_room() -> None:
    async with serving(max_connections=2) as server, contextlib.AsyncExitStack() as stack:
        first, second = [await owing(server, stack) for _n in range(2)]
        assert await asks(server)
        assert await first.rest() == b""
        assert server.counters.evicted == 1
        second.writer.write(b"200 result=1\n")  # not cut off
        assert await second.rest() == b""
        assert server.counters.answered == 2


async def test_at_the_limit_the_address_with_most_connections_makes_room() -> None:
    """Someone slow is not cut off for a crowd that comes from elsewhere."""
    async with serving(max_connections=3) as server, contextlib.AsyncExitStack() as stack:
        slow = await owing(server, stack, "127.0.0.2")
        crowd = [await owing(server, stack) for _n in range(2)]
        assert await asks(server)
        assert await asks(server, source="127.0.0.2")
        assert await crowd[0].rest() == b""
        assert server.counters.evicted == 1
        slow.writer.write(b"200 result=1\n")
        assert await slow.rest() == b""
        assert server.counters.answered == 3


async def test_at_the_limit_idle_connections_of_many_addresses_make_room() -> None:
    """Asterisk, with two calls at once the address with most connections, is not shut out by them."""
    async with serving(max_connections=4, reply_timeout_seconds=6000) as server, contextlib.AsyncExitStack() as stack:
        for source in ("127.0.0.2", "127.0.0.3"):
            await stack.enter_async_context(connected(server, b"agi_", source=source))
        await until(lambda: len(server.connections.waiting) == 2)
        talking = [await stack.enter_async_context(connected(server, HEADERS)) for _n in range(2)]
        for peer in talking:
            assert await peer.line()
        assert await asks(server)
        assert (server.counters.evicted, server.counters.refused) == (1, 0)
        for peer in talking:
            peer.writer.write(b"200 result=1\n")
            assert await peer.rest() == b""
        assert server.counters.answered == 3


async def test_at_the_limit_who_sends_headers_is_not_cut_off_for_who_owes_a_reply() -> None:
    async with serving(max_connections=2) as server, contextlib.AsyncExitStack() as stack:
        stalled = await owing(server, stack)
        honest = await stack.enter_async_context(connected(server, HEADERS[:4]))
        await until(lambda: len(server.connections.waiting) == 1)
        assert await asks(server)
        assert await stalled.rest() == b""
        honest.writer.write(HEADERS[4:])
        assert await honest.line()


async def test_every_connection_is_counted_once() -> None:
    async with serving(max_connections=5) as server:
        for data in (b"", b"agi_", HEADERS, b"nonsense", b"".join(header_lines(script="x")), HEADERS + b"HANGUP\n"):
            async with connected(server, data) as peer:
                if data == HEADERS:
                    await peer.line()
        await until(
            lambda: not server.connections.waiting and not server.connections.talking and server.counters.accepted == 6
        )
        c = server.counters
        assert c.answered + c.empty + c.abandoned + c.refused + c.evicted + c.timed_out + c.malformed + c.unknown == 6


async def test_an_address_in_use_is_a_clear_error() -> None:
    async with serving() as server:
        second = FastAgiServer(AgiSettings(listen=f"{HOST}:{server.port}"), plain_answer)
        with pytest.raises(UnavailableError, match=r"agi\.listen: can't listen on 127\.0\.0\.1:\d+"):
            await second.serve()


async def test_ipv6_is_listened_on() -> None:
    server = FastAgiServer(AgiSettings(listen="[::1]:0"), plain_answer)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(server.serve())
        await asyncio.wait_for(server.ready.wait(), 60)
        _reader, writer = await asyncio.open_connection("::1", server.port)
        writer.close()
        await writer.wait_closed()
        task.cancel()
