"""The AMI client on the real Asterisk, with the rights and filters of the shipped manager.conf."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pbxd.asterisk.ami.actions import MAX_LINE_BYTES
from pbxd.asterisk.ami.client import AmiClient, Packet
from pbxd.asterisk.ami.link import Question
from pbxd.errors import RefusedError, UnavailableError
from pbxd.settings import AsteriskSettings
from tests.lab import Lab
from tests.lab.processes import Child, stopped, until
from tests.packets import parse_capture

pytestmark = pytest.mark.lab

NASTY = 'Фронкин «Игорь» 🙂 "q" \\ ; , = | <x> ${EVAL(1)} $[1+1] \u202eltr\u202c é ÿ'

LOCAL = "Local/0999@lab-did/n"  # answers and plays a tone


class Heard:
    """What the client was told: packets and link states in one order."""

    def __init__(self) -> None:
        self.told: list[Packet | bool] = []

    @property
    def packets(self) -> list[Packet]:
        return [one for one in self.told if not isinstance(one, bool)]

    @property
    def links(self) -> list[bool]:
        return [one for one in self.told if isinstance(one, bool)]

    def events(self, name: str, **wanted: str) -> list[Packet]:
        wanted = {"Event": name, **wanted}
        return [packet for packet in self.packets if wanted.items() <= packet.items()]


@asynccontextmanager
async def client_of(lab: Lab, heard: Heard | None = None, **keys: object) -> AsyncIterator[AmiClient]:
    heard = heard or Heard()
    user = lab.asterisk.user
    secret = str(keys.pop("secret", user.secret))
    settings = AsteriskSettings.model_validate({"port": lab.asterisk.ami_port, "username": user.name, **keys})
    client = AmiClient(settings, secret, heard.told.append, on_link=heard.told.append)
    task = asyncio.create_task(client.run())
    try:
        yield client
    finally:
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def connected(lab: Lab, heard: Heard | None = None, **keys: object) -> AsyncIterator[AmiClient]:
    async with client_of(lab, heard, **keys) as client:
        await until(lambda: client.connected, "login")
        yield client


async def originate(client: AmiClient, heard: Heard, **headers: str | list[str]) -> str:
    """Start a call between Asterisk's own channels; return the channel's name."""
    before = len(heard.events("Newchannel"))
    await client.action(
        "Originate",
        {"Channel": LOCAL, "Application": "Dial", "Data": LOCAL, "Async": "true", **headers},
    )
    await until(lambda: len(heard.events("Newchannel")) > before, "the originated channel")
    return heard.events("Newchannel")[before]["Channel"]


async def test_fully_booted_comes_before_the_link_is_told(lab: Lab) -> None:
    heard = Heard()
    with capture_logs() as logs:
        async with connected(lab, heard):
            pass
    assert [type(one) for one in heard.told[:3]] == [dict, dict, bool]
    assert heard.packets[1]["Event"] == "FullyBooted"
    assert [entry["event"] for entry in logs] == ["ami_connected"]


@pytest.mark.parametrize(
    ("name", "items"),
    [
        ("CoreShowChannels", {"CoreShowChannel"}),
        ("Status", {"Status"}),
        ("QueueStatus", {"QueueParams", "QueueMember"}),
        ("BridgeList", {"BridgeListItem"}),
        ("DeviceStateList", {"DeviceStateChange"}),
        ("ExtensionStateList", set()),
    ],
)
async def test_every_listing_we_need_answers(lab: Lab, name: str, items: set[str]) -> None:
    heard = Heard()
    async with connected(lab, heard) as client:
        channel = await originate(client, heard)
        await until(lambda: len(heard.events("BridgeEnter")) >= 2, "a bridge")
        answer = await client.listing(name)
        await client.action("Hangup", {"Channel": channel})
    assert {item["Event"] for item in answer} >= items
    assert not any("EventList" in item for item in answer)


async def test_every_action_we_need_answers(lab: Lab) -> None:
    heard = Heard()
    async with connected(lab, heard) as client:
        assert (await client.action("Ping"))["Ping"] == "Pong"
        assert "CoreStartupDate" in await client.action("CoreStatus")
        assert "22." in (await client.action("CoreSettings"))["AsteriskVersion"]
        state = await client.action("Getvar", {"Variable": "DEVICE_STATE(PJSIP/101)"})
        assert state["Value"] == "NOT_INUSE"
        endpoint = await client.action("Getvar", {"Variable": "PJSIP_ENDPOINT(101,callerid)"})
        assert endpoint["Value"] == '"Agent 101" <101>'
        channel = await originate(client, heard)
        await client.action("Setvar", {"Channel": channel, "Variable": "QUEUE_PRIO", "Value": "10"})
        prio = await client.action("Getvar", {"Channel": channel, "Variable": "QUEUE_PRIO"})
        assert prio["Value"] == "10"
        await client.action("Hangup", {"Channel": channel})
        await until(lambda: heard.events("Hangup", Channel=channel), "the hang-up")


async def test_a_waiting_caller_is_moved(lab: Lab) -> None:
    heard = Heard()
    async with connected(lab, heard) as client:
        calls = [lab.call_in("support", "89161110001")]
        await lab.until_waiting("support", 1)
        calls.append(lab.call_in("support", "89161110002"))
        assert await lab.until_waiting("support", 2) == ["89161110001", "89161110002"]
        entries = await client.listing("QueueStatus", {"Queue": "support"})
        second = next(entry for entry in entries if entry.get("Position") == "2" and entry["Event"] == "QueueEntry")
        await client.action(
            "QueueChangePriorityCaller",
            {"Queue": "support", "Caller": second["Channel"], "Priority": "10", "Immediate": "yes"},
        )
        assert await lab.queue_order("support") == ["89161110002", "89161110001"]
        for call in calls:
            call.hangup()
            await call.until_ended()


@pytest.mark.parametrize(
    ("name", "headers"),
    [
        ("Command", {"Command": "core show version"}),
        ("DBPut", {"Family": "a", "Key": "b", "Val": "c"}),
        ("Setvar", {"Variable": "DB(a/b)", "Value": "c"}),
        ("Getvar", {"Variable": "SHELL(id)"}),
        ("PJSIPShowEndpoints", {}),
        ("Originate", {"Channel": "Local/0999@lab-did", "Application": "System", "Data": "id", "Async": "true"}),
        ("Filter", {"Operation": "Add", "Filter": "x"}),
        ("Reload", {}),
    ],
)
async def test_what_we_must_not_do_is_refused(lab: Lab, name: str, headers: dict[str, str]) -> None:
    async with connected(lab) as client:
        with pytest.raises(RefusedError) as caught:
            await client.action(name, headers)
        assert caught.value.reason == "pbx"
        assert client.connected


async def test_a_wrong_secret_is_refused_in_words(lab: Lab) -> None:
    heard = Heard()
    with capture_logs() as logs:
        async with client_of(lab, heard, secret="wrong"):
            await until(lambda: logs, "the refusal")
    assert logs[0]["event"] == "ami_login_refused"
    assert "Authentication failed" in logs[0]["why"]
    assert heard.links == []


async def test_a_value_goes_there_and_back_exactly(lab: Lab) -> None:
    async with connected(lab) as client:
        for value in (NASTY, "Ё" * ((MAX_LINE_BYTES - len("Value: ")) // 2), "x" * (MAX_LINE_BYTES - len("Value: "))):
            await client.action("Setvar", {"Variable": "PBXD_TEST", "Value": value})
            assert (await client.action("Getvar", {"Variable": "PBXD_TEST"}))["Value"] == value


async def test_several_variables_and_a_cyrillic_name_reach_an_originated_channel(lab: Lab) -> None:
    heard = Heard()
    async with connected(lab, heard) as client:
        channel = await originate(
            client,
            heard,
            Account="before-Action-in-the-alphabet",
            CallerID="Фронкин «Игорь» <89161234567>",
            Variable=["PBXD_A=Ёж", "__PBXD_B=два=2"],
        )

        async def has(name: str, value: str) -> bool:  # set a moment after the channel's first event
            return (await client.action("Getvar", {"Channel": channel, "Variable": name}))["Value"] == value

        for name, value in (("PBXD_A", "Ёж"), ("PBXD_B", "два=2")):
            await until(partial(has, name, value), f"{name} to be {value}")
        await until(
            lambda: heard.events(
                "Newstate", CallerIDName="Фронкин «Игорь»", AccountCode="before-Action-in-the-alphabet"
            ),
            "name and account in an event",
        )
        await client.action("Hangup", {"Channel": channel})


async def test_a_line_longer_than_ours_is_what_asterisk_refuses(lab: Lab) -> None:
    """The limit is Asterisk's: one byte more, written past our check, is refused by it."""
    heard = Heard()
    async with connected(lab, heard) as client:
        assert client._link is not None
        value = "x" * (MAX_LINE_BYTES + 1 - len("Value: "))
        number = Question({"Action": "Setvar"}).id  # an ActionID of ours: answers to others are nobody's here
        lines = f"Action: Setvar\r\nActionID: {number}\r\nVariable: A\r\nValue: {value}\r\n\r\n"
        client._link.transport.write(lines.encode())
        await until(lambda: [one for one in heard.packets if one.get("ActionID") == number], "the refusal")
    answer = next(one for one in heard.packets if one.get("ActionID") == number)
    assert "line too long" in answer["Message"]


@pytest.mark.parametrize("name", ["Event: VarSet", "Event: Newexten", "Event: MusicOnHoldStart"])
async def test_no_name_hides_a_caller_from_us(lab: Lab, name: str) -> None:
    heard = Heard()
    async with connected(lab, heard):
        call = lab.call_in("support", "89161110003", name=name)
        await lab.until_waiting("support", 1)
        await until(lambda: heard.events("QueueCallerJoin", CallerIDName=name), "the caller's events")
        call.hangup()
        await call.until_ended()
    assert not heard.events("MusicOnHoldStart")
    assert not heard.events("VarSet")
    assert all("Timestamp" in packet for packet in heard.packets if packet.get("Event") == "CEL")


async def test_a_capture_of_a_real_call_replays_to_what_was_heard(lab: Lab, tmp_path: Path) -> None:
    heard = Heard()
    async with connected(lab, heard, capture_folder=str(tmp_path)) as client:
        channel = await originate(client, heard, CallerID="Фронкин <1>")
        await client.action("Hangup", {"Channel": channel})
        await until(lambda: heard.events("Hangup", Channel=channel), "the hang-up")
    (stream,) = tmp_path.glob("*.ami")  # noqa: ASYNC240 - a test's own small folder
    assert list(parse_capture([stream.read_bytes()])) == heard.packets


@pytest.fixture
async def own_lab() -> AsyncIterator[Lab]:
    """A lab whose Asterisk may be ended."""
    async with Lab() as lab:
        yield lab


async def start_again(lab: Lab) -> None:
    """Start Asterisk on the ports it had."""
    asterisk = lab.asterisk
    asterisk.child = await Child.start(
        asterisk.tree.command("-C", str(asterisk.run / "etc/asterisk.conf"), "-f", "-n"),
        log=asterisk.run / "log" / "console",
    )


async def test_a_restarted_asterisk_is_found_again_and_is_ready_then(own_lab: Lab) -> None:
    heard = Heard()
    queues: list[int] = []

    def link_is(up: bool) -> Callable[[], bool]:
        return lambda: heard.links[-1:] == [up]

    def unreachable(times: int) -> Callable[[], bool]:
        return lambda: [entry["event"] for entry in logs].count("ami_unreachable") == times

    with capture_logs() as logs:
        async with connected(own_lab, heard, reconnect_longest_seconds=1.0) as client:
            for outage, how in enumerate(("stop", "kill"), start=1):
                child = own_lab.asterisk.child
                assert child is not None
                await (child.stop() if how == "stop" else child.kill())
                await until(link_is(False), "the loss")
                with pytest.raises(UnavailableError):
                    await client.action("Ping")
                await until(unreachable(outage), "a try while Asterisk is away")
                await start_again(own_lab)
                await until(link_is(True), "the link to come back", timeout=40)
                answer = await client.listing("QueueStatus")
                queues.append(sum(item["Event"] == "QueueParams" for item in answer))
    assert heard.links == [True, False, True, False, True, False]
    assert len(set(queues)) == 1
    assert queues[0] >= 3
    told = [entry["event"] for entry in logs]
    assert told.count("ami_connected") == 3
    assert told.count("ami_link_lost") == 2
    assert told.count("ami_unreachable") == 2


async def test_a_hung_asterisk_is_left_and_found_again(own_lab: Lab) -> None:
    heard = Heard()
    child = own_lab.asterisk.child
    assert child is not None
    async with connected(own_lab, heard, ping_interval_seconds=0.5, reconnect_longest_seconds=0.5) as client:
        child.send(signal.SIGSTOP)
        await until(lambda: stopped(child.pid), "a standstill")
        with pytest.raises(UnavailableError):
            await client.action("Getvar", {"Variable": "X"})
        await until(lambda: False in heard.links, "the cut")
        child.send(signal.SIGCONT)
        await until(lambda: heard.links == [True, False, True], "the link to come back")
        assert (await client.action("Ping"))["Ping"] == "Pong"
