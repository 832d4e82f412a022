from __future__ import annotations

import asyncio

import pytest

from pbxd.asterisk.ami.client import Packet
from pbxd.errors import InvalidInputError, ProtocolError, RefusedError, UnavailableError
from tests.asterisk.amilistener import PATIENCE, Listener, connected, pending, until
from tests.asterisk.amiserver import AmiServer, Session, pack


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
        where = ("Channel: PJSIP/101", "Context: ", "Exten: ", "Reason: 5", "Uniqueid: 1.2")
        event = pack("Event: OriginateResponse", f"ActionID: {action['ActionID']}", "Response: Failure", *where)
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
    session.send(pack("Event: DeviceStateChange", "Device: 1"))
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
        "DeviceStateChange",
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
