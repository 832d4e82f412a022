from __future__ import annotations

import asyncio
import gc
import resource
import stat
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pbxd.asterisk.ami import AmiClient, Packet, parse_capture
from pbxd.asterisk.packets import parse_timed_capture, read_times
from pbxd.errors import InvalidInputError, ProtocolError, RefusedError, UnavailableError
from pbxd.settings import AsteriskSettings
from tests.asterisk.amiserver import BANNER, SECRET, AmiServer, Session, pack

PATIENCE = 10.0


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - conditions are states of servers, clients and logs without an Event
            await asyncio.sleep(0.005)


class Listener:
    """The service's side: keeps all it is told, in order."""

    def __init__(self) -> None:
        self.told: list[Packet | bool] = []
        self.arrivals: list[float] = []

    @property
    def packets(self) -> list[Packet]:
        return [one for one in self.told if not isinstance(one, bool)]

    @property
    def links(self) -> list[bool]:
        return [one for one in self.told if isinstance(one, bool)]

    def events(self, name: str) -> list[Packet]:
        return [packet for packet in self.packets if packet.get("Event") == name]


@asynccontextmanager
async def running(port: int, listener: Listener, **keys: object) -> AsyncIterator[AmiClient]:
    secret = str(keys.pop("secret", SECRET))
    # No wait for FullyBooted may be part of what a test sees: longer than the tests' patience.
    quick = {"reconnect_first_seconds": 0.02, "reconnect_longest_seconds": 0.1, "connect_timeout_seconds": 60.0}
    settings = AsteriskSettings.model_validate({"port": port, **quick, **keys})

    def sink(packet: Packet) -> None:
        listener.told.append(packet)
        listener.arrivals.append(client.arrived)

    client = AmiClient(settings, secret, sink, on_link=listener.told.append)
    task = asyncio.create_task(client.run())
    try:
        yield client
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert task.cancelled()
    assert not client.connected


@asynccontextmanager
async def connected(server: AmiServer, listener: Listener | None = None, **keys: object) -> AsyncIterator[AmiClient]:
    listener = listener or Listener()
    async with server.listening(), running(server.port, listener, **keys) as client:
        await until(lambda: client.connected)
        yield client


def pending(client: AmiClient) -> int:
    """Actions other than pings that the link still expects an answer to."""
    assert client._link is not None
    return sum(question["Action"] != "Ping" for question in client._link.responses.values())


def heard(listener: Listener, event: str, count: int) -> bool:
    return len(listener.events(event)) == count


def captured_times(folder: Path) -> list[tuple[int, float]]:
    (times,) = folder.glob("*.times")
    with times.open() as lines:
        return read_times(lines)


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
        async with connected(server, connect_timeout_seconds=0.1):
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
    data = pack("Event: Newchannel", f"CallerIDName: {name}") * 3
    del server.on["Ping"]  # a pong in the middle of these pieces would be the test's own fault

    async with connected(server, listener, capture_folder=str(tmp_path)):
        writer = server.sessions[0].writer
        for begin in range(0, len(data), size):
            writer.write(data[begin : begin + size])
            await writer.drain()
            await asyncio.sleep(0)  # lets the client read this piece by itself
        await until(lambda: len(listener.events("Newchannel")) == 3)
    assert {packet["CallerIDName"] for packet in listener.events("Newchannel")} == {name}
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


async def test_an_action_is_written_as_exact_utf8() -> None:
    server = AmiServer()
    server.on["Setvar"] = lambda session, action: session.respond(action, "Message: Variable Set")
    async with connected(server) as client:
        answer = await client.action("Setvar", {"Variable": ["a=«Ёж» 🙂", "b=ÿ"], "Account": "", "zzz": "1"})
    assert answer["Message"] == "Variable Set"
    lines = [line for line in server.sessions[0].lines if not line.startswith(b"ActionID")]
    written = lines[lines.index(b"Action: Setvar") - 1 :][:5]
    assert sorted(written) == sorted(
        [b"Account: ", b"Action: Setvar", "Variable: a=«Ёж» 🙂".encode(), "Variable: b=ÿ".encode(), b"zzz: 1"]
    )


async def test_bad_input_writes_nothing() -> None:
    server = AmiServer()
    async with connected(server) as client:
        for headers in ({"Channel": "x\r\nAction: Originate"}, {"Variable": ["a=1", "b\n"]}, {"Bad Name": "x"}):
            with pytest.raises(InvalidInputError):
                await client.action("Setvar", headers)
            with pytest.raises(InvalidInputError):
                await client.listing("Status", headers)
        assert pending(client) == 0
        await client.action("Ping")
    assert server.asked == []


def test_a_secret_that_cannot_be_written_is_refused_at_once() -> None:
    with pytest.raises(InvalidInputError) as caught:
        AmiClient(AsteriskSettings(), "a\r\nb", lambda _packet: None, on_link=lambda _up: None)
    assert caught.value.field == "Secret"


async def test_an_error_is_a_refusal() -> None:
    server = AmiServer()
    server.on["Command"] = lambda session, action: session.respond(action, "Message: Permission denied", status="Error")
    async with connected(server) as client:
        for ask in (client.action, client.listing):
            with pytest.raises(RefusedError, match="Permission denied") as caught:
                await ask("Command", {"Command": "core show version"})
            assert caught.value.reason == "pbx"
        assert pending(client) == 0


async def test_originate_is_done_with_its_response_and_its_event_goes_to_the_sink() -> None:
    def originate(session: Session, action: Packet) -> None:
        event = pack("Event: OriginateResponse", f"ActionID: {action['ActionID']}", "Response: Failure", "Reason: 5")
        session.send(event)  # the event may even come before the response
        session.respond(action, "Message: Originate successfully queued")
        session.send(event)

    server, listener = AmiServer(), Listener()
    server.on["Originate"] = originate
    async with connected(server, listener) as client:
        answer = await client.action("Originate", {"Channel": "PJSIP/101", "Async": "true", "ActionID": "ours-1"})
        assert answer == {
            "Response": "Success",
            "ActionID": "ours-1",
            "Message": "Originate successfully queued",
        }
        await until(lambda: len(listener.events("OriginateResponse")) == 2)
        assert pending(client) == 0


def send_list(session: Session, action: Packet) -> None:
    number = f"ActionID: {action['ActionID']}"
    session.send(pack("Event: QueueEntry", "ActionID: another", "Position: 9"))
    session.respond(action, "EventList: start", "Message: Queue status will follow")
    session.send(pack("Event: Hangup", "Uniqueid: 1"))
    session.send(pack("Event: QueueParams", number, "Queue: q"))
    session.send(pack("Event: AgentComplete", "Queue: q"))
    session.send(pack("Event: QueueEntry", number, "Position: 1"))
    session.send(pack("Event: QueueStatusComplete", number, "EventList: Complete", "ListItems: 2"))


async def test_a_listing_is_its_events_alone() -> None:
    server, listener = AmiServer(), Listener()
    server.on["QueueStatus"] = send_list
    async with connected(server, listener) as client:
        items = await client.listing("QueueStatus", {"Queue": "q"})
        assert pending(client) == 0
    assert [item["Event"] for item in items] == ["QueueParams", "QueueEntry"]
    seen = [packet["Event"] for packet in listener.packets if "Event" in packet]
    assert seen[1:] == [
        "QueueEntry",
        "Hangup",
        "QueueParams",
        "AgentComplete",
        "QueueEntry",
        "QueueStatusComplete",
    ]


async def test_many_actions_at_once_get_their_own_answers() -> None:
    held: list[tuple[Session, Packet]] = []

    def getvar(session: Session, action: Packet) -> None:
        held.append((session, action))
        if len(held) == 200:
            for one, asked in reversed(held):
                one.respond(asked, f"Value: {asked['Variable']}")

    server = AmiServer()
    server.on["Getvar"] = getvar
    async with connected(server) as client:
        answers = await asyncio.gather(*(client.action("Getvar", {"Variable": str(n)}) for n in range(200)))
    assert [answer["Value"] for answer in answers] == [str(n) for n in range(200)]


async def test_an_action_without_a_list_is_no_listing() -> None:
    async with connected(AmiServer()) as client:
        with pytest.raises(ProtocolError):
            await client.listing("Ping")


async def test_an_action_id_is_not_used_twice_at_a_time() -> None:
    server = AmiServer()
    async with connected(server) as client:
        first = asyncio.create_task(client.action("Originate", {"ActionID": "one"}, timeout=PATIENCE))
        await until(lambda: server.asked)
        with pytest.raises(InvalidInputError) as caught:
            await client.action("Originate", {"ActionID": "one"})
        assert caught.value.field == "ActionID"
        server.sessions[0].respond({"ActionID": "one"})
        assert (await first)["Response"] == "Success"
    assert server.asked == ["Originate"]


async def test_a_late_answer_confuses_nothing_and_leaves_nothing() -> None:
    server, listener = AmiServer(), Listener()
    server.on["Getvar"] = lambda session, action: session.respond(action, "Value: second")
    async with connected(server, listener) as client:
        for ask in (client.action, client.listing):
            with pytest.raises(UnavailableError, match="QueueStatus"):
                await ask("QueueStatus", timeout=0.05)
        assert pending(client) == 0
        for action in server.sessions[0].actions:
            if action["Action"] == "QueueStatus":
                send_list(server.sessions[0], action)
        assert (await client.action("Getvar"))["Value"] == "second"
        assert pending(client) == 0
        assert len(listener.events("QueueStatusComplete")) == 2


async def test_an_asker_who_leaves_leaves_nothing() -> None:
    server = AmiServer()
    async with connected(server) as client:
        task = asyncio.create_task(client.action("Getvar"))
        await until(lambda: server.asked)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert pending(client) == 0


@pytest.mark.parametrize("how", ["fin", "rst"])
async def test_a_lost_link_fails_its_actions_and_never_sends_them_again(how: str) -> None:
    def lose(session: Session, _action: Packet) -> None:
        if how == "rst":
            session.reset()
        else:
            session.writer.close()

    server, listener = AmiServer(), Listener()
    server.on["Originate"] = lose
    async with connected(server, listener) as client:
        asked = [("Originate", {"Channel": "PJSIP/1"}), ("Originate", {"Channel": "PJSIP/2"}), ("Hangup", {})]
        waiting = [asyncio.create_task(client.action(*one, timeout=60)) for one in asked]
        done, _ = await asyncio.wait(waiting, timeout=PATIENCE)
        assert [type(task.exception()) for task in done] == [UnavailableError] * 3
        assert all("lost" in str(task.exception()) for task in done)
        await until(lambda: client.connected and len(server.sessions) == 2)
        # A round trip on the new link: whatever were sent by itself would have come before it.
        await client.action("Ping")
        assert [action["Action"] for action in server.sessions[1].actions if action["Action"] != "Ping"] == ["Login"]
        assert listener.links == [True, False, True]


async def test_a_server_that_falls_silent_is_left_after_two_pings() -> None:
    server, listener = AmiServer(), Listener()
    silent: list[float] = []

    def fall_silent(_session: Session, _action: Packet) -> None:
        silent.append(asyncio.get_running_loop().time())

    server.on["Ping"] = fall_silent
    complaints: list[dict[str, object]] = []
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
    assert 0.35 <= lasted <= 2.0
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


async def test_a_capture_replays_to_what_was_heard(tmp_path: Path) -> None:
    server, listener = AmiServer(), Listener()
    folder = tmp_path / "captures"
    async with connected(server, listener, capture_folder=str(folder)):
        for number in range(50):
            server.sessions[0].send(pack("Event: N", f"Name: Фронкин {number}"))
            await until(partial(heard, listener, "N", number + 1))
    (stream,) = folder.glob("*.ami")
    times = stream.with_suffix(".times")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, stream, times)] == [0o700, 0o600, 0o600]
    raw = stream.read_bytes()
    assert raw.startswith(BANNER)
    assert list(parse_capture([raw])) == listener.packets
    replayed = list(parse_timed_capture([raw], captured_times(folder)))
    assert replayed == list(zip(listener.arrivals, listener.packets, strict=True))


async def test_sessions_in_one_second_get_files_of_their_own_and_refused_ones_none(tmp_path: Path) -> None:
    server = AmiServer()

    def files(ending: str) -> int:
        return len(list(tmp_path.glob(f"*.{ending}")))

    def back(number: int) -> bool:
        return len(server.sessions) == number and client.connected

    async with connected(server, capture_folder=str(tmp_path)) as client:
        for number in (2, 3):
            server.sessions[-1].reset()
            await until(partial(back, number))
    assert files("ami") == files("times") == 3
    listener = Listener()
    async with server.listening(), running(server.port, listener, secret="wrong", capture_folder=str(tmp_path)):
        await until(lambda: listener.packets)
    assert files("ami") == files("times") == 3


@contextmanager
def small_files() -> Iterator[None]:
    """Let files of this process not grow beyond a few bytes: a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_full_disk_ends_the_capture_and_not_the_link(tmp_path: Path) -> None:
    server, listener = AmiServer(), Listener()
    with capture_logs() as logs:
        async with connected(server, listener, capture_folder=str(tmp_path), ping_interval_seconds=0.02):
            with small_files():
                server.sessions[0].send(pack("Event: N", f"Name: {'x' * 200_000}"))
                await until(lambda: any(entry["event"] == "ami_capture_stopped" for entry in logs))
            server.sessions[0].send(pack("Event: N"))
            await until(lambda: len(listener.events("N")) == 2)
            assert listener.links == [True]
    assert sum(entry["event"] == "ami_capture_stopped" for entry in logs) == 1


async def test_a_folder_that_cannot_be_made_is_told_and_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    listener = Listener()
    with capture_logs() as logs:
        async with connected(AmiServer(), listener, capture_folder=str(tmp_path / "file" / "folder")):
            pass
    assert [entry["event"] for entry in logs].count("ami_capture_stopped") == 1
    assert listener.links == [True, False]
