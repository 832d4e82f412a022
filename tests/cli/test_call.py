"""`pbxd call` and `pbxd queues`, as separate processes, against the daemon's API and a scripted PBX."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pbxd.asterisk.ami.packets import Packet
from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.calls.events import ChannelCreated, ChannelEnded, ChannelUp, DialBegan, DialEnded, Endpoint, Event
from tests.actors import ADMINISTRATOR
from tests.api.examples import IGOR, conversation
from tests.asterisk.amiserver import Session
from tests.http.conftest import House, house
from tests.services.scripted_queue import Pbx as Queue

PROGRAM = str(Path(sys.executable).parent / "pbxd")
PHONE = Endpoint("extension", "101")


@pytest.fixture
async def daemon(tmp_path: Path, empty_book: Path) -> AsyncIterator[House]:
    (tmp_path / "pbxd.toml").write_text('[service]\nlanguage = "ru"\n')
    async with house(tmp_path, empty_book) as built:
        yield built


async def started(daemon: House, *arguments: str) -> Process:
    config = str(daemon.settings.folder / "pbxd.toml")
    return await asyncio.create_subprocess_exec(
        PROGRAM, "--config", config, *arguments, stdout=PIPE, stderr=PIPE, env={"PATH": "/usr/bin", "LANG": "C.UTF-8"}
    )


async def finished(process: Process) -> tuple[int | None, str, str]:
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


def script(daemon: House, *, on_originate: bool = True) -> None:
    """Let the PBX play a whole conversation as soon as it is asked to."""

    def originate(session: Session, action: Packet) -> None:
        session.respond(action, "Message: Originate successfully queued")
        if on_originate:
            asyncio.get_running_loop().call_later(0.1, play, daemon, conversation(action["ChannelId"]))

    daemon.pbx.on["Originate"] = originate


def play(daemon: House, events: list[Event]) -> None:
    for event in events:
        daemon.click_to_call.feed(event)


async def test_a_conversation_prints_its_states_and_ends_with_success(daemon: House) -> None:
    script(daemon)
    await daemon.contacts.add(IGOR, actor=ADMINISTRATOR)
    status, out, err = await finished(await started(daemon, "call", "101", "Фронкин Игорь"))
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "звонит телефон сотрудника",
        "сотрудник ответил",
        "звонит телефон клиента",
        "идёт разговор",
        "конец: разговор окончен",
    ]


async def test_json_is_one_state_a_line(daemon: House) -> None:
    script(daemon)
    status, out, _err = await finished(await started(daemon, "call", "101", "89160000001", "--json"))
    assert status == 0
    states = [json.loads(line) for line in out.splitlines()]
    assert [each["state"] for each in states][-1] == "ended"
    assert states[-1]["reason"] == "completed"


async def test_a_client_who_is_busy_is_a_failure_with_its_reason(daemon: House) -> None:
    def originate(session: Session, action: Packet) -> None:
        session.respond(action, "Message: Originate successfully queued")
        leg = action["ChannelId"]
        events: list[Event] = [
            ChannelCreated(1, leg, leg, PHONE, "", ""),
            ChannelUp(2, leg, leg),
            DialBegan(3, leg, "client", leg, "x"),
            DialEnded(4, leg, "client", leg, "busy"),
            ChannelEnded(5, leg, leg, 17),
        ]
        asyncio.get_running_loop().call_later(0.1, play, daemon, events)

    daemon.pbx.on["Originate"] = originate
    status, out, err = await finished(await started(daemon, "call", "101", "89160000001"))
    assert status == 1
    assert out.splitlines()[-1] == "конец: клиент занят"
    assert err == "pbxd: клиент занят\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_ctrl_c_and_a_kill_hang_up(daemon: House, number: signal.Signals) -> None:
    script(daemon, on_originate=False)

    def hang_up(session: Session, action: Packet) -> None:
        session.respond(action, "Message: Channel Hungup")
        leg = action["Channel"]
        play(daemon, [ChannelCreated(1, leg, leg, PHONE, "", ""), ChannelEnded(5, leg, leg, 127)])

    daemon.pbx.on["Hangup"] = hang_up
    process = await started(daemon, "call", "101", "89160000001")
    assert process.stdout
    assert await process.stdout.readline() == "звонит телефон сотрудника\n".encode()
    process.send_signal(number)
    status, out, err = await finished(process)
    assert (status, out, err) == (1, "конец: отменён\n", "pbxd: отменён\n")


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("+14155550100", "зарубежный номер"),
        ("Никто Такой", "нет контакта с именем Никто Такой"),
        ("contact:77", "нет контакта 77"),
        ("#", "по номеру “#” позвонить нельзя"),
        ("x\x1b[2J\r\ny", "\\x1b[2J\\r\\ny"),
    ],
)
async def test_a_refusal_is_one_line_and_nobody_is_rung(daemon: House, target: str, why: str) -> None:
    status, out, err = await finished(await started(daemon, "call", "101", target))
    assert (status, out) == (1, "")
    assert why in err
    assert err.count("\n") == 1
    assert "Originate" not in daemon.pbx.asked


async def test_explain_rings_nobody(daemon: House) -> None:
    """S2.6, S2.12: by the contact's id as a list shows it; any of its numbers, the main one unless another is named."""
    contact = await daemon.contacts.add(
        ContactDraft("Белова", numbers=(ContactNumber("+74951234567", extension="12"), ContactNumber("+79160000001"))),
        actor=ADMINISTRATOR,
    )
    arguments = ("call", "101", f"contact:{contact.id}", "--number", "89160000001", "--explain", "--json")
    status, out, _err = await finished(await started(daemon, *arguments))
    plan = json.loads(out)
    assert status == 0
    assert (plan["dialled"], plan["digits"], plan["shown_name"]) == ("89160000001", "", "Белова")
    assert daemon.pbx.asked == []
    status, out, _err = await finished(await started(daemon, "call", "101", str(contact.id), "--explain"))
    assert "PJSIP/84951234567@trunk" in out
    assert "ww12" in out


async def test_a_daemon_that_dies_during_the_call_is_told(daemon: House) -> None:
    script(daemon, on_originate=False)
    process = await started(daemon, "call", "101", "89160000001")
    assert process.stdout
    await process.stdout.readline()
    await daemon.server.stop()
    status, _out, err = await finished(process)
    assert status == 1
    assert err == "pbxd: связь с pbxd прервалась; разговор может продолжаться\n"


async def test_queues_show_who_waits(daemon: House) -> None:
    await daemon.contacts.add(IGOR, actor=ADMINISTRATOR)
    await daemon.directory._refresh()
    status, out, _err = await finished(await started(daemon, "queues"))
    assert status == 0
    assert "Фронкин Игорь" in out
    assert "★" in out
    assert "1:01" in out
    status, out, _err = await finished(await started(daemon, "queues", "--json"))
    assert json.loads(out)["items"][0]["queue"] == "sales"


async def test_a_caller_is_put_first(daemon: House) -> None:
    queue = Queue(daemon.pbx, "22.1.0", immediate=True)
    daemon.services.queues.call_of = {"A": "call-of-a", "B": "call-of-b"}.get
    status, out, err = await finished(await started(daemon, "queues", "--first", "sales", "call-of-b"))
    assert (status, err) == (0, "")
    assert [line.split()[-1] for line in out.splitlines() if "call-of" in line] == ["call-of-b", "call-of-a"]
    status, _out, err = await finished(await started(daemon, "queues", "--first", "sa/les", "call-of-b"))
    assert (status, err) == (1, "pbxd: нет очереди sa/les\n")
    assert queue.moves == 1


async def test_the_same_key_calls_once(daemon: House) -> None:
    script(daemon)
    command = ("call", "101", "89161234567", "--key", "k1", "--json")
    for _ in range(2):  # the second one is told of the first one's call
        status, out, err = await finished(await started(daemon, *command))
        assert (status, err) == (0, "")
        assert json.loads(out.splitlines()[-1])["reason"] == "completed"
    assert daemon.pbx.asked.count("Originate") == 1
    status, _out, err = await finished(await started(daemon, "call", "102", "89161234567", "--key", "k1"))
    assert (status, "ключ" in err) == (1, True)
    assert daemon.pbx.asked.count("Originate") == 1


async def test_a_key_of_a_call_that_the_daemon_remembers_no_more(daemon: House) -> None:
    script(daemon)
    await finished(await started(daemon, "call", "101", "89161234567", "--key", "k1"))
    daemon.click_to_call.attempts._calls.clear()  # as a restart does
    status, out, _err = await finished(await started(daemon, "call", "101", "89161234567", "--key", "k1"))
    assert (status, "pbxd calls show" in out) == (0, True)
    assert daemon.pbx.asked.count("Originate") == 1
