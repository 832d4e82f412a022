from __future__ import annotations

import asyncio
import gc
from itertools import pairwise
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pbxd.asterisk.ami.client import AmiClient, Packet
from pbxd.errors import InvalidInputError, UnavailableError
from pbxd.settings import AsteriskSettings
from tests.asterisk.amilistener import Listener, captured_times, connected, running, until
from tests.asterisk.amiserver import SECRET, AmiServer, Session, pack


async def test_logs_in_and_tells_it_after_fully_booted() -> None:
    server, listener = AmiServer(), Listener()
    with capture_logs() as logs:
        async with connected(server, listener) as client:
            assert client.connected
    assert server.sessions[0].actions[0] | {"ActionID": ""} == {
        "Action": "Login",
        "ActionID": "",
        "Username": "pbxd",
        "Secret": SECRET,
        "Events": "on",
    }
    names = [one if isinstance(one, bool) else one.get("Event", "Response") for one in listener.told]
    assert names[:3] == ["Response", "FullyBooted", True]
    assert names[-1] is False
    assert logs[0] == {
        "event": "ami_connected",
        "log_level": "info",
        "address": f"127.0.0.1:{server.port}",
        "version": "11.0.0",
    }


async def test_without_fully_booted_the_link_is_used_after_a_while() -> None:
    server = AmiServer()
    server.booted = False
    with capture_logs() as logs:
        async with connected(server, connect_timeout_seconds=1.0):
            pass
    assert [entry["event"] for entry in logs] == ["ami_not_fully_booted", "ami_connected"]


async def test_a_wrong_secret_is_told_once_and_tried_no_faster_than_every_second() -> None:
    server, listener = AmiServer(), Listener()
    times: list[float] = []

    def refuse(session: Session, action: Packet) -> None:
        times.append(asyncio.get_running_loop().time())
        server.login(session, action)

    server.on["Login"] = refuse
    with capture_logs() as logs:
        async with server.listening(), running(server.port, listener, secret="wrong") as client:
            await until(lambda: len(times) >= 3)
            assert not client.connected
            with pytest.raises(UnavailableError):
                await client.action("Ping")
    assert listener.links == []
    assert min(after - before for before, after in pairwise(times)) >= 1.0
    assert [entry["event"] for entry in logs] == ["ami_login_refused"]
    assert "Authentication failed" in logs[0]["why"]
    assert "wrong" not in str(logs)


async def test_a_refused_port_is_told_once_and_tried_until_it_opens() -> None:
    server, listener = AmiServer(), Listener()
    async with server.listening():
        port = server.port
    with capture_logs() as logs:
        async with running(port, listener) as client:
            await until(lambda: logs)
            async with server.listening(port):
                await until(lambda: client.connected)
    assert [entry["event"] for entry in logs][:2] == ["ami_unreachable", "ami_connected"]
    assert listener.links[0] is True


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\nEvent: x\r\n\r\n", b"SSH-2.0-x\r\n", b""])
async def test_another_kind_of_server_is_no_pbx(greeting: bytes) -> None:
    server = AmiServer()
    server.banner = greeting
    del server.on["Login"]
    server.on["Login"] = lambda session, _action: session.writer.close()
    listener = Listener()
    with capture_logs() as logs:
        async with server.listening(), running(server.port, listener):
            await until(lambda: len(server.sessions) >= 2)
    assert [entry["event"] for entry in logs] == ["ami_unreachable"]
    assert listener.told == []


@pytest.mark.parametrize("size", [1, 2, 3, 5])
async def test_letters_survive_any_chunking_on_the_wire(size: int, tmp_path: Path) -> None:
    server, listener = AmiServer(), Listener()
    name = "Фронкин «Игорь» 🙂"
    data = pack("Event: Named", f"CallerIDName: {name}") * 3
    del server.on["Ping"]  # a pong in the middle of these pieces would be the test's own fault

    async with connected(server, listener, capture_folder=str(tmp_path)):
        writer = server.sessions[0].writer
        for begin in range(0, len(data), size):
            writer.write(data[begin : begin + size])
            await writer.drain()
            await asyncio.sleep(0)  # lets the client read this piece by itself
        await until(lambda: len(listener.events("Named")) == 3)
    assert {packet["CallerIDName"] for packet in listener.events("Named")} == {name}
    assert len(captured_times(tmp_path)) > len(data) / size / 2, "the pieces were read together"


async def test_ten_thousand_events_come_in_order() -> None:
    server, listener = AmiServer(), Listener()
    async with connected(server, listener):
        for number in range(10_000):
            server.sessions[0].send(pack("Event: N", f"Number: {number}"))
        await until(lambda: len(listener.events("N")) == 10_000)
    assert [int(packet["Number"]) for packet in listener.events("N")] == list(range(10_000))


async def test_an_oversize_packet_costs_the_link_and_nothing_else() -> None:
    server, listener = AmiServer(), Listener()
    with capture_logs() as logs:
        async with connected(server, listener) as client:
            server.sessions[0].send(pack("Event: Before") + b"Event: " + b"x" * 1_100_000)
            await until(lambda: len(server.sessions) == 2 and client.connected)
            assert listener.links == [True, False, True]
    assert len(listener.events("Before")) == 1
    assert "1048576" in next(entry["why"] for entry in logs if entry["event"] == "ami_link_lost")


def test_a_secret_that_cannot_be_written_is_refused_at_once() -> None:
    with pytest.raises(InvalidInputError) as caught:
        AmiClient(AsteriskSettings(), "a\r\nb", lambda _packet: None, on_link=lambda _up: None)
    assert caught.value.field == "Secret"


async def test_a_server_that_falls_silent_is_left_after_two_pings() -> None:
    server, listener = AmiServer(), Listener()
    silent: list[float] = []

    def fall_silent(_session: Session, _action: Packet) -> None:
        silent.append(asyncio.get_running_loop().time())

    server.on["Ping"] = fall_silent
    complaints: list[dict[str, object]] = []
    gc.collect()  # what earlier tests left may complain before
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: complaints.append(context))
    with capture_logs() as logs:
        async with connected(server, listener, ping_interval_seconds=0.2):
            await until(lambda: False in listener.links)
            lasted = asyncio.get_running_loop().time() - silent[0]
            server.on["Ping"] = server.ping
            await until(lambda: listener.links == [True, False, True])
    gc.collect()
    asyncio.get_running_loop().set_exception_handler(None)
    assert complaints == [], "nobody waits for a ping, so nobody may be told that it failed"
    assert 0.35 <= lasted <= 15.0
    assert "ping" in next(entry["why"] for entry in logs if entry["event"] == "ami_link_lost")


async def test_events_without_pongs_keep_a_link() -> None:
    server, listener = AmiServer(), Listener()
    server.on["Ping"] = lambda session, _action: session.send(pack("Event: Busy"))
    async with connected(server, listener, ping_interval_seconds=0.05):
        await until(lambda: len(listener.events("Busy")) >= 5)
        assert listener.links == [True]


async def test_pongs_leave_nothing_behind() -> None:
    server = AmiServer()
    async with connected(server, ping_interval_seconds=0.02) as client:
        await until(lambda: sum(action["Action"] == "Ping" for action in server.sessions[0].actions) >= 10)
        assert client._link is not None
        assert len(client._link.responses) <= 1


async def test_the_shutdown_of_asterisk_is_named_as_the_reason() -> None:
    server, listener = AmiServer(), Listener()
    with capture_logs() as logs:
        async with connected(server, listener) as client:
            server.sessions[0].send(pack("Event: Shutdown", "Shutdown: Cleanly", "Restart: True"))
            server.sessions[0].send(pack("Event: Last"))
            server.sessions[0].writer.close()
            await until(lambda: len(server.sessions) == 2 and client.connected)
    assert len(listener.events("Last")) == 1
    assert "shuts down" in next(entry["why"] for entry in logs if entry["event"] == "ami_link_lost")
