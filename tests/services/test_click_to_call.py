"""Click-to-call against a server that speaks AMI: what a real Asterisk does only now and then."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxd.actor import Actor
from pbxd.asterisk.ami.packets import Packet
from pbxd.asterisk.pbx import AsteriskPbx
from pbxd.calls.events import (
    ChannelCreated,
    ChannelEnded,
    ChannelSeen,
    Endpoint,
    LinkLost,
    OriginateEnded,
    SnapshotBegan,
    SnapshotEnded,
)
from pbxd.calls.identity import call_id
from pbxd.errors import ConflictError, NotFoundError, RefusedError, UnavailableError
from pbxd.faults import Faults
from pbxd.services.click_to_call import CallAsked, ClickToCall, new_id
from pbxd.settings import AsteriskSettings, Settings
from pbxd.storage.calls.idempotency import CallRequest, CallRequests
from pbxd.storage.engine.database import Database
from pbxd.telephony import DialTarget
from tests.asterisk.amiserver import SECRET, AmiServer, Session
from tests.asterisk.beside import running
from tests.lab.processes import until

CLIENT = DialTarget("+79161234567", name="Фронкин")


def ignore(session: Session, action: Packet) -> None:
    del session, action


class Bench:
    """Click-to-call on a scripted PBX, with a clock that only the test moves."""

    def __init__(self, server: AmiServer) -> None:
        self.server = server
        self.now = 1000.0
        asterisk = AsteriskSettings(port=server.port, action_timeout_seconds=1.0)
        self.pbx = AsteriskPbx(Settings(asterisk=asterisk), SECRET, Faults())
        self.ami = self.pbx.ami
        self.clicks = self.configured()
        server.on["Getvar"] = lambda session, action: session.respond(
            action, f"Variable: {action['Variable']}", "Value: NOT_INUSE"
        )
        server.on["Originate"] = lambda session, action: session.respond(action, "Message: queued")
        server.on["Hangup"] = lambda session, action: session.respond(
            action, "Message: No such channel", status="Error"
        )

    def configured(self, requests: CallRequests | None = None, **dialing: object) -> ClickToCall:
        settings = Settings.model_validate({"dialing": dialing})
        return ClickToCall(self.pbx, settings, nobody, requests, clock=lambda: self.now)

    @property
    def originates(self) -> list[Packet]:
        return [
            action for session in self.server.sessions for action in session.actions if action["Action"] == "Originate"
        ]

    def leg(self) -> str:
        return self.originates[-1]["ChannelId"]

    def created(self) -> None:
        leg = self.leg()
        self.clicks.feed(ChannelCreated(1, leg, leg, Endpoint("extension", "101"), "", ""))

    def ended(self, cause: int = 16) -> None:
        self.clicks.feed(ChannelEnded(2, self.leg(), self.leg(), cause))


async def nobody(agent: Actor, asked: CallAsked) -> DialTarget:
    """Find no target: these tests name it themselves."""
    raise NotFoundError(f"{agent.extension}: {asked}")


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with AmiServer().listening() as server:
        bench = Bench(server)
        async with running(bench.ami.run(), bench.clicks.run()):
            await until(lambda: bench.ami.connected, "the link")
            yield bench


async def test_what_is_asked_of_asterisk(bench: Bench) -> None:
    made = await bench.clicks.ring("101", DialTarget("+79161234567", "12", "ООО «Ромашка», Иван", 7))
    (asked,) = bench.originates
    assert asked["CallerID"] == '"ООО «Ромашка», Иван" <89161234567>'
    assert (asked["Channel"], asked["Context"], asked["Exten"]) == ("PJSIP/101", "pbxd-call", "89161234567")
    assert (asked["Async"], asked["Timeout"]) == ("true", "25000")
    assert re.fullmatch(rf"pbxd-{made}-\d{{10}}\.1", asked["ChannelId"])
    lines = [
        line for line in bench.server.sessions[-1].lines if line.startswith(b"Variable: PBXD") or b"FORWARD" in line
    ]
    assert lines == [
        b"Variable: PBXD_DIAL=PJSIP/89161234567@trunk",
        b"Variable: PBXD_RING=60",
        b"Variable: PBXD_CALLERID=",
        b"Variable: PBXD_DIGITS=ww12",
        b"Variable: FORWARD_CONTEXT=pbxd-no-forward",
    ]


async def test_a_call_whose_answer_was_lost_is_ended_should_it_come_about(bench: Bench) -> None:
    bench.server.on["Originate"] = ignore
    with pytest.raises(UnavailableError):
        await bench.clicks.ring("101", CLIENT)
    assert len(bench.originates) == 1
    assert "Hangup" not in bench.server.asked
    bench.created()
    await until(lambda: "Hangup" in bench.server.asked, "the hang-up", timeout=20)  # not only at the next sweep
    with pytest.raises(ConflictError):
        await bench.clicks.ring("101", CLIENT)
    bench.ended()
    with pytest.raises(UnavailableError):
        await bench.clicks.ring("101", CLIENT)


async def test_a_call_that_is_never_heard_of_is_given_up_and_the_agent_is_free_again(bench: Bench) -> None:
    made = await bench.clicks.ring("101", CLIENT)
    with pytest.raises(ConflictError):
        await bench.clicks.ring("101", CLIENT)
    bench.now += 25 + 5
    with pytest.raises(ConflictError):
        await bench.clicks.ring("101", CLIENT)
    bench.now += 6
    await until(lambda: bench.clicks.attempts.progress(made).state == "ended", "the end")
    assert bench.clicks.attempts.progress(made).reason == "failed"
    await bench.clicks.ring("101", CLIENT)


async def test_a_long_conversation_is_not_given_up(bench: Bench) -> None:
    made = await bench.clicks.ring("101", CLIENT)
    bench.created()
    bench.now += 100_000
    bench.clicks.attempts.sweep()
    assert bench.clicks.attempts.progress(made).state == "ringing-agent"


async def test_old_calls_are_forgotten_after_some_minutes(bench: Bench) -> None:
    made = await bench.clicks.ring("101", CLIENT)
    bench.created()
    bench.ended()
    bench.now += 200
    bench.clicks.attempts.sweep()
    assert bench.clicks.attempts.progress(made).state == "ended"
    bench.now += 101
    bench.clicks.attempts.sweep()
    with pytest.raises(NotFoundError):
        bench.clicks.attempts.progress(made)


async def test_not_more_than_a_thousand_calls_are_remembered(bench: Bench) -> None:
    first = await bench.clicks.ring("101", CLIENT)
    bench.created()
    bench.ended()
    for _ in range(1000):
        bench.clicks.attempts.end(bench.clicks.attempts.begin(bench.clicks.plan("101", CLIENT), new_id(0)))
    assert len(bench.clicks.attempts._calls) == 1000
    assert bench.clicks.attempts._legs == {}
    with pytest.raises(NotFoundError):
        bench.clicks.attempts.progress(first)


@pytest.mark.parametrize(
    ("phone", "state", "target", "reason"),
    [
        ("101", "UNAVAILABLE", CLIENT, "agent-offline"),
        ("101", "INVALID", CLIENT, "agent-offline"),
        ("101", "INUSE", CLIENT, "agent-busy"),
        ("101", "RINGING", CLIENT, "agent-busy"),
        ("101", "ONHOLD", CLIENT, "agent-busy"),
        ("102", "INVALID", DialTarget("102", colleague=True), "wrong-number"),
    ],
)
async def test_a_call_that_cannot_come_about_rings_nobody(
    bench: Bench, phone: str, state: str, target: DialTarget, reason: str
) -> None:
    bench.server.on["Getvar"] = lambda session, action: session.respond(
        action, f"Value: {state if phone in action['Variable'] else 'NOT_INUSE'}"
    )
    with pytest.raises(RefusedError) as refusal:
        await bench.clicks.ring("101", target)
    assert (refusal.value.reason, bench.originates) == (reason, [])
    bench.server.on["Getvar"] = lambda session, action: session.respond(action, "Value: NOT_INUSE")
    await bench.clicks.ring("101", target)
    assert len(bench.originates) == 1


async def test_an_originate_the_pbx_refuses_leaves_the_agent_free(bench: Bench) -> None:
    bench.server.on["Originate"] = lambda session, action: session.respond(action, "Message: no", status="Error")
    for _ in range(2):
        with pytest.raises(RefusedError) as refusal:
            await bench.clicks.ring("101", CLIENT)
        assert refusal.value.reason == "pbx"


async def test_states_are_told_to_everybody_who_asks_also_afterwards(bench: Bench) -> None:
    made = await bench.clicks.ring("101", CLIENT)
    bench.clicks.feed(OriginateEnded(3, bench.leg(), answered=False))
    bench.clicks.attempts.sweep()
    assert bench.clicks.attempts.progress(made).state == "ringing-agent", "its leg may be told of a moment later"
    bench.now += 1
    bench.clicks.attempts.sweep()
    for _ in range(2):
        told = [progress async for progress in bench.clicks.attempts.states(made)]
        assert [(progress.state, progress.reason) for progress in told] == [
            ("ringing-agent", None),
            ("ended", "agent-offline"),
        ]


async def test_a_cancel_with_the_link_down_is_made_up_for(bench: Bench) -> None:
    made = await bench.clicks.ring("101", CLIENT)
    bench.created()
    bench.server.sessions[-1].reset()
    await until(lambda: not bench.ami.connected, "the link to be lost")
    bench.clicks.feed(LinkLost(2))
    with pytest.raises(UnavailableError):
        await bench.clicks.attempts.hang_up(made)
    await until(lambda: bench.ami.connected, "the link again")
    await until(lambda: "Hangup" in bench.server.asked, "the hang-up")


EARLIER = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
LEG = f"pbxd-{EARLIER}-1469918176.1"
PHONE, TRUNK = Endpoint("extension", "101"), Endpoint("trunk", "trunk")


def seen(channel: str, endpoint: Endpoint, state: str, bridge: str = "", linkedid: str = LEG) -> ChannelSeen:
    return ChannelSeen(5, channel, linkedid, endpoint, "", "", state, bridge, 9)  # type: ignore[arg-type]


async def test_a_call_of_an_earlier_process_is_known_again(bench: Bench) -> None:
    for ask in (bench.clicks.attempts.hang_up(EARLIER), anext(bench.clicks.attempts.states(EARLIER))):
        with pytest.raises(UnavailableError):  # nobody knows yet whether there is such a call
            await ask
    bench.clicks.feed(SnapshotBegan(5))
    bench.clicks.feed(seen("1469918177.2", TRUNK, "ringing"))
    bench.clicks.feed(seen(LEG, PHONE, "up"))
    bench.clicks.feed(seen("1469918170.1", PHONE, "up", linkedid="1469918170.1"))  # another's call
    bench.clicks.feed(SnapshotEnded(6))
    assert len(bench.clicks.attempts._calls) == 1
    states = bench.clicks.attempts.states(EARLIER)
    assert (await anext(states)).state == "ringing-client"
    with pytest.raises(ConflictError):
        await bench.clicks.ring("101", CLIENT)
    await bench.clicks.attempts.hang_up(EARLIER)
    asked = next(action for action in bench.server.sessions[-1].actions if action["Action"] == "Hangup")
    assert asked["Channel"] == LEG
    bench.clicks.feed(ChannelEnded(7, LEG, LEG, 16))
    assert [(progress.state, progress.reason) async for progress in states] == [("ended", "cancelled")]


async def test_a_call_asked_for_by_an_earlier_process_may_begin_after_the_snapshot(bench: Bench) -> None:
    bench.clicks.feed(SnapshotEnded(4))
    local = Endpoint("local", "Local/101@pbxd-agent-00000001;1")
    bench.clicks.feed(ChannelCreated(5, LEG, LEG, local, "", ""))
    bench.clicks.feed(ChannelCreated(5, LEG.replace(".1", ".2"), LEG, local, "", ""))
    assert bench.clicks.attempts.progress(EARLIER).state == "ringing-agent"
    with pytest.raises(ConflictError):
        await bench.clicks.ring("101", CLIENT)


async def test_calls_that_ended_meanwhile_and_those_of_others_are_not_known(bench: Bench) -> None:
    bench.clicks.feed(SnapshotBegan(5))
    for channel in ("pbxd-x-1.1", "pbxd-1.1", f"other-{EARLIER}-1.1", f"pbxd-{EARLIER}-1.1\n", f"pbxd-{EARLIER}-²"):
        bench.clicks.feed(seen(channel, PHONE, "up", linkedid=channel))
    bench.clicks.feed(SnapshotEnded(6))
    for unknown in (EARLIER, "x", "", "1"):
        with pytest.raises(NotFoundError):
            await bench.clicks.attempts.hang_up(unknown)
    await bench.clicks.ring("101", CLIENT)


async def test_an_agent_makes_so_many_calls_within_a_minute_and_no_more(bench: Bench) -> None:
    bench.clicks = bench.configured(calls_per_minute=3)
    for _ in range(3):
        await bench.clicks.ring("101", CLIENT)
        bench.created()
        bench.ended()
        bench.now += 10
    with pytest.raises(RefusedError) as refusal:
        await bench.clicks.ring("101", CLIENT)
    assert refusal.value.reason == "too-many"
    await bench.clicks.ring("102", CLIENT)  # another agent's own count
    bench.now += 29
    with pytest.raises(RefusedError):
        await bench.clicks.ring("101", CLIENT)
    bench.now += 1
    await bench.clicks.ring("101", CLIENT)
    assert len(bench.originates) == 5


async def test_without_a_limit_nobody_counts(bench: Bench) -> None:
    bench.clicks = bench.configured(calls_per_minute=0)
    for _ in range(30):
        await bench.clicks.ring("101", CLIENT)
        bench.created()
        bench.ended()


@pytest.fixture
async def requests(tmp_path: Path) -> AsyncIterator[CallRequests]:
    async with await Database.open(f"sqlite+aiosqlite:///{tmp_path}/pbxd.db", create=True) as database:
        yield CallRequests(database)


KEYED = CallRequest.of("k1", {"agent": "101", "target": "89161234567"})


async def test_a_repeated_request_rings_nobody_again_also_after_a_restart(bench: Bench, requests: CallRequests) -> None:
    for _ in range(2):  # the second one is another process
        bench.clicks = bench.configured(requests)
        made = {await bench.clicks.ring("101", CLIENT, KEYED) for _ in range(3)}
        assert made == {bench.leg().removeprefix("pbxd-")[:26]}
        assert len(bench.originates) == 1
    await bench.clicks.ring("101", CLIENT, CallRequest.of("k2", {}))
    assert len(bench.originates) == 2


async def test_a_request_whose_answer_was_lost_is_not_carried_out_again(bench: Bench, requests: CallRequests) -> None:
    bench.clicks = bench.configured(requests)
    bench.server.on["Originate"] = ignore
    with pytest.raises(UnavailableError):
        await bench.clicks.ring("101", CLIENT, KEYED)
    bench.server.sessions[-1].reset()
    await until(lambda: not bench.ami.connected, "the link to be lost")
    bench.clicks = bench.configured(requests)
    assert await bench.clicks.ring("101", CLIENT, KEYED) == bench.leg().removeprefix("pbxd-")[:26]
    await until(lambda: bench.ami.connected, "the link again")
    await bench.clicks.ring("101", CLIENT, KEYED)
    assert len(bench.originates) == 1


async def test_a_request_that_surely_rang_nobody_may_be_repeated(bench: Bench, requests: CallRequests) -> None:
    bench.clicks = bench.configured(requests)
    bench.server.on["Originate"] = lambda session, action: session.respond(action, "Message: no", status="Error")
    with pytest.raises(RefusedError):
        await bench.clicks.ring("101", CLIENT, KEYED)
    bench.server.on["Originate"] = lambda session, action: session.respond(action, "Message: queued")
    bench.server.on["Getvar"] = lambda session, action: session.respond(action, "Value: UNAVAILABLE")
    with pytest.raises(RefusedError):
        await bench.clicks.ring("101", CLIENT, KEYED)
    bench.server.on["Getvar"] = lambda session, action: session.respond(action, "Value: NOT_INUSE")
    await bench.clicks.ring("101", CLIENT, KEYED)
    assert len(bench.originates) == 2


async def test_a_key_that_cant_be_kept_rings_nobody(bench: Bench, tmp_path: Path) -> None:
    async with Database(f"sqlite+aiosqlite:///{tmp_path}/absent.db") as database:
        bench.clicks = bench.configured(CallRequests(database))
        with pytest.raises(UnavailableError):
            await bench.clicks.ring("101", CLIENT, KEYED)
    assert bench.originates == []
    await bench.clicks.ring("101", CLIENT)  # without a key no database is needed


@pytest.mark.parametrize(
    ("device", "auto_answer", "variables"),
    [
        ("PJSIP/{extension}", "", []),
        ("PJSIP/{extension}", "call-info", ["PJSIP_HEADER(add,Call-Info)=<sip:localhost>;answer-after=0"]),
        ("PJSIP/{extension}", "X-Auto: yes", ["PJSIP_HEADER(add,X-Auto)=yes"]),
        (
            "Local/{extension}@pbxd-agent/n",
            "alert-info",
            [
                "__PBXD_HEADER_NAME=Alert-Info",
                "__PBXD_HEADER_VALUE=<http://localhost>;info=alert-autoanswer;delay=0",
            ],
        ),
    ],
)
async def test_the_header_for_auto_answer(bench: Bench, device: str, auto_answer: str, variables: list[str]) -> None:
    bench.clicks = bench.configured(device=device, auto_answer=auto_answer)
    await bench.clicks.ring("101", CLIENT)
    lines = [line.decode() for line in bench.server.sessions[-1].lines]
    assert [line.removeprefix("Variable: ") for line in lines if "HEADER" in line] == variables


@pytest.mark.parametrize(
    ("dialing", "asked"),
    [
        ({}, ["PJSIP/101"]),
        ({"device": "Local/{extension}@pbxd-agent/n"}, ["PJSIP/101"]),
        ({"device": "Local/{extension}@ring-them/n"}, []),
        ({"device": "Local/{extension}@ring-them/n", "state_device": "SIP/{extension}"}, ["SIP/101"]),
    ],
)
async def test_whose_state_is_asked(bench: Bench, dialing: dict[str, str], asked: list[str]) -> None:
    bench.clicks = bench.configured(None, **dialing)
    await bench.clicks.ring("101", CLIENT)
    questions = [action["Variable"] for action in bench.server.sessions[-1].actions if action["Action"] == "Getvar"]
    assert questions == [f"DEVICE_STATE({device})" for device in asked]


@given(now=st.floats(0, 2**47 / 1000), later=st.floats(0.001, 1e6))
def test_ids_are_ordered_by_time_and_read_back_from_the_channel(now: float, later: float) -> None:
    one, two = new_id(now), new_id(now + later)
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{26}", one)
    assert one[:10] <= two[:10]
    assert call_id("pbx", f"pbxd-{one}-1700000000.1", 0) == one
    assert new_id(now) != one
