"""Click-to-call on a real Asterisk with real phones; what the agent sees and the client gets is read at the phones."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest

from pbxd.actor import Actor
from pbxd.errors import ConflictError, InvalidInputError, NotFoundError, RefusedError, UnavailableError
from pbxd.services.click_to_call import CallAsked, ClickToCall
from pbxd.telephony import DialTarget, Progress
from tests.asterisk.beside import Beside, beside, running, settings_with
from tests.lab import Lab
from tests.lab.lab import COMPANY_NUMBER
from tests.lab.phone import Behaviour, answering, manual, redirecting, rejecting, silent
from tests.lab.processes import until

pytestmark = pytest.mark.lab

CLIENT = DialTarget("+79161234567", name="Фронкин «Игорь»", contact=7)
FULL_WAY = ["ringing-agent", "agent-answered", "ringing-client", "talking", "ended"]


async def nobody(agent: Actor, asked: CallAsked) -> DialTarget:
    """Find no target: these tests name it themselves."""
    raise NotFoundError(f"{agent.extension}: {asked}")


class Desk:
    """Click-to-call, and the states of the last call as they come."""

    def __init__(self, link: Beside) -> None:
        self.link = link
        self.lab = link.lab
        self.agent = link.lab.phone("101")
        self.clicks = self.configured()
        self.seen: list[Progress] = []
        self._watch: asyncio.Task[None] | None = None

    def configured(self, **dialing: object) -> ClickToCall:
        patient = {"agent_ring_seconds": 300, "client_ring_seconds": 300}  # longer than any test waits
        clicks = ClickToCall(self.link.pbx, settings_with(patient | dialing), nobody)
        self.link.feeds[:] = [clicks.feed]
        return clicks

    async def call(self, target: DialTarget = CLIENT, agent: str = "101") -> str:
        self.seen = []
        call_id = await self.clicks.ring(agent, target)
        self._watch = asyncio.create_task(self._follow(call_id))
        return call_id

    async def _follow(self, call_id: str) -> None:
        async for progress in self.clicks.attempts.states(call_id):
            self.seen.append(progress)

    @property
    def states(self) -> list[str]:
        return [progress.state for progress in self.seen]

    async def until_state(self, state: str) -> None:
        await until(lambda: state in self.states, f"the state {state}, seen {self.states}")

    async def ended(self) -> str | None:
        await until(lambda: "ended" in self.states, f"the end, seen {self.states}")
        assert self._watch is not None
        await self._watch
        await until(self._no_channels, "all channels to be gone")
        await self.lab.until_free()
        return self.seen[-1].reason

    async def _no_channels(self) -> bool:
        return not await self.lab.channels()


@pytest.fixture
async def desk(lab: Lab) -> AsyncIterator[Desk]:
    async with beside(lab) as link:
        desk = Desk(link)
        async with running(desk.clicks.run()):
            yield desk


async def test_the_agent_rings_first_and_sees_the_client_who_sees_the_companys_number(desk: Desk) -> None:
    call_id = await desk.call()
    offered = await desk.agent.incoming()
    assert (offered.name, offered.number) == ("Фронкин «Игорь»", "89161234567")
    await offered.until_ringing()
    assert not desk.lab.trunk.calls
    offered.answer()
    far = await desk.lab.trunk.incoming()
    assert (far.dialled, far.number, far.name) == ("89161234567", COMPANY_NUMBER, "")
    assert far.pai.user in {"", COMPANY_NUMBER}
    assert "Фронкин" not in far.invite.encode().decode()
    assert "101" not in far.header("From")
    far.answer()
    await far.until_hears(offered)
    await offered.until_hears(far)
    await desk.until_state("talking")
    assert offered.shown.name == "Фронкин «Игорь»"
    assert offered.shown.user == "89161234567"
    assert far.digits == ""
    far.hangup()
    assert await desk.ended() == "completed"
    assert desk.states == FULL_WAY
    assert [progress.at for progress in desk.seen] == sorted(progress.at for progress in desk.seen)
    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{26}", call_id)


async def test_the_record_id_is_read_off_the_channels_of_the_call(desk: Desk) -> None:
    call_id = await desk.call()
    (await desk.agent.incoming()).answer()
    await desk.lab.trunk.incoming()
    channels = await desk.lab.channels()
    assert len(channels) == 2
    for channel in channels:
        assert re.fullmatch(rf"pbxd-{call_id}-\d{{10}}\.\d+", channel["Linkedid"])


async def test_the_clients_extension_is_keyed_after_the_answer(desk: Desk) -> None:
    await desk.call(DialTarget("+79161234567", extension="12#5"))
    (await desk.agent.incoming()).answer()
    far = await desk.lab.trunk.answered()
    await far.until_digits("12#5")
    await desk.until_state("talking")
    assert far.times["talking"] + 1 <= desk.seen[-1].at  # two waits of half a second come first


async def test_a_colleague_is_called_by_extension_and_sees_who_calls(desk: Desk) -> None:
    await desk.call(DialTarget("102", name="Иванова", colleague=True))
    offered = await desk.agent.incoming()
    offered.answer()
    colleague = await desk.lab.phone("102").incoming()
    assert colleague.number == "101"
    colleague.answer()
    await colleague.until_hears(offered)
    await desk.until_state("talking")
    assert offered.shown.name == "Иванова"  # as the book has it, not as the colleague's phone says of itself
    colleague.hangup()
    assert await desk.ended() == "completed"


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (rejecting(486), "agent-busy"),
        (rejecting(486, after=0.2), "agent-busy"),
        (rejecting(603), "agent-rejected"),
        (rejecting(480), "agent-rejected"),
        (rejecting(404), "agent-offline"),
        (redirecting("102"), "agent-rejected"),
    ],
)
async def test_an_agent_who_does_not_take_it(desk: Desk, behaviour: Behaviour, reason: str) -> None:
    desk.agent.behaviour = behaviour
    await desk.call()
    assert await desk.ended() == reason
    assert desk.states == ["ringing-agent", "ended"]
    assert not desk.lab.trunk.calls
    assert not desk.lab.phone("102").calls


@pytest.mark.parametrize("behaviour", [manual, silent])
async def test_an_agent_who_does_not_answer_is_rung_as_long_as_configured(lab: Lab, behaviour: Behaviour) -> None:
    async with beside(lab) as link:
        desk = Desk(link)
        desk.clicks = desk.configured(agent_ring_seconds=1)
        desk.agent.behaviour = behaviour
        await desk.call()
        assert await desk.ended() == "agent-no-answer"
        assert 0.8 < desk.seen[-1].at - desk.seen[0].at < 10  # 25 where nothing is configured
        assert not lab.trunk.calls


async def test_all_phones_of_an_agent_ring_through_a_local_channel(lab: Lab) -> None:
    phones = [lab.phone("106"), lab.phone("106b")]
    async with beside(lab) as link:
        desk = Desk(link)
        desk.clicks = desk.configured(device=ALL_PHONES, agent_ring_seconds=1)
        await desk.call(agent="106")
        assert [(await phone.incoming()).name for phone in phones] == ["Фронкин «Игорь»"] * 2
        assert await desk.ended() == "agent-no-answer"
        phones[0].behaviour = phones[1].behaviour = rejecting(603)
        await desk.call(agent="106")
        assert await desk.ended() == "agent-rejected"
        phones[1].behaviour = answering()
        await desk.call(agent="106", target=DialTarget("+79161234567", extension="7"))
        far = await lab.trunk.answered()
        assert far.number == COMPANY_NUMBER
        await far.until_digits("7")
        await far.until_hears(phones[1].calls[-1])
        await desk.until_state("talking")
        phones[1].calls[-1].hangup()
        assert await desk.ended() == "completed"
        with pytest.raises(RefusedError, match="105"):
            await desk.call(agent="105")


ALL_PHONES = "Local/{extension}@pbxd-agent/n"


async def test_an_agent_with_several_phones_is_not_rung_while_he_talks_at_one(lab: Lab) -> None:
    phones = [lab.phone("106"), lab.phone("106b")]
    async with beside(lab) as link:
        desk = Desk(link)
        desk.clicks = desk.configured(device=ALL_PHONES)
        with pytest.raises(RefusedError) as refusal:
            await desk.call(agent="105")
        assert refusal.value.reason == "agent-offline"
        phones[0].dial("89990000000")
        await (await lab.trunk.incoming()).until_ringing()
        await lab.until_in_use("106")
        with pytest.raises(RefusedError) as refusal:
            await desk.call(agent="106")
        assert refusal.value.reason == "agent-busy"
        assert not phones[1].calls


@pytest.mark.parametrize("device", ["PJSIP/{extension}", ALL_PHONES])
@pytest.mark.parametrize(
    ("auto_answer", "header", "value"),
    [
        ("", "Alert-Info", ""),
        ("alert-info", "Alert-Info", "<http://localhost>;info=alert-autoanswer;delay=0"),
        ("call-info", "Call-Info", "<sip:localhost>;answer-after=0"),
        ("X-Auto: Answer=Always; 1", "X-Auto", "Answer=Always; 1"),
    ],
)
async def test_the_phone_is_told_to_answer_by_itself(
    lab: Lab, device: str, auto_answer: str, header: str, value: str
) -> None:
    async with beside(lab) as link:
        desk = Desk(link)
        desk.clicks = desk.configured(device=device, auto_answer=auto_answer)
        call_id = await desk.call()
        offered = await desk.agent.incoming()
        assert offered.header(header) == value
        offered.answer()
        far = await lab.trunk.incoming()
        assert not far.header(header)  # for the agent's phone, not for the client
        await desk.clicks.attempts.hang_up(call_id)
        assert await desk.ended() == "cancelled"


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (rejecting(486), "client-busy"),
        (rejecting(603), "client-rejected"),
        (rejecting(404), "wrong-number"),
        (rejecting(503), "no-route"),
    ],
)
async def test_through_the_pbxs_own_routes_reasons_are_as_precise(lab: Lab, behaviour: Behaviour, reason: str) -> None:
    lab.phone("106b").behaviour = answering()
    lab.trunk.behaviour = behaviour
    async with beside(lab) as link:
        desk = Desk(link)
        desk.clicks = desk.configured(device=ALL_PHONES, trunk="Local/{number}@from-internal/n")
        await desk.call(agent="106")
        assert await desk.ended() == reason
        assert desk.states == ["ringing-agent", "agent-answered", "ringing-client", "ended"]
        assert lab.trunk.calls[-1].number == COMPANY_NUMBER  # by the route; the agent's number gave him the right to it


async def test_through_the_pbxs_own_routes_the_clients_extension_is_keyed_all_the_same(lab: Lab) -> None:
    async with beside(lab) as link:
        desk = Desk(link)
        desk.clicks = desk.configured(trunk="Local/{number}@from-internal/n")
        await desk.call(DialTarget("+79161234567", extension="12"))
        offered = await desk.agent.incoming()
        offered.answer()
        far = await lab.trunk.answered()
        await far.until_digits("12")
        await far.until_hears(offered)
        await desk.until_state("talking")
        assert offered.shown.user == "89161234567"
        far.hangup()
        assert await desk.ended() == "completed"


async def test_an_unknown_route_of_the_pbx(lab: Lab) -> None:
    lab.phone("101").behaviour = answering()
    async with beside(lab) as link:
        desk = Desk(link)
        desk.clicks = desk.configured(trunk="Local/{number}@nowhere/n")
        await desk.call()
        assert await desk.ended() == "no-route"


async def test_a_forward_to_voicemail_or_elsewhere_never_takes_the_agents_leg(lab: Lab) -> None:
    """One of his phones forwards (a 302), in the office's own context that would lead to somebody else."""
    lab.phone("106").behaviour = redirecting("102")
    async with beside(lab) as link:
        desk = Desk(link)
        desk.clicks = desk.configured(device=ALL_PHONES)
        await desk.call(agent="106")
        (await lab.phone("106b").incoming()).answer()
        far = await lab.trunk.incoming()
        far.hangup()
        await desk.ended()
        assert not lab.phone("102").calls


async def test_an_agent_whose_phone_is_away_is_not_rung(desk: Desk) -> None:
    with pytest.raises(RefusedError) as refusal:
        await desk.call(agent="105")
    assert refusal.value.reason == "agent-offline"
    await desk.lab.phone("105").register()
    await desk.lab.until_state("105", "NOT_INUSE")
    desk.lab.phone("105").behaviour = rejecting(486)
    try:
        await desk.call(agent="105")
        assert await desk.ended() == "agent-busy"
    finally:
        await desk.lab.phone("105").register(expires=0)
        await desk.lab.until_state("105", "UNAVAILABLE")


async def test_an_agent_who_talks_is_left_in_peace(desk: Desk) -> None:
    desk.lab.call_in("101", "89160000000")
    talking = await desk.agent.answered()
    await desk.lab.until_in_use("101")
    with pytest.raises(RefusedError) as refusal:
        await desk.call()
    assert refusal.value.reason == "agent-busy"
    assert len(desk.agent.calls) == 1
    talking.hangup()
    await until(desk._no_channels, "the call to be over")
    await desk.lab.until_free()
    await desk.call()
    await desk.agent.incoming()


async def test_a_second_call_of_the_same_agent_is_refused_while_one_is_under_way(desk: Desk) -> None:
    answers = await asyncio.gather(desk.call(), desk.clicks.ring("101", CLIENT), return_exceptions=True)
    assert [type(answer) for answer in answers] == [str, ConflictError]
    await desk.agent.incoming()
    with pytest.raises(ConflictError):
        await desk.clicks.ring("101", CLIENT)
    assert len(desk.agent.calls) == 1
    await desk.clicks.attempts.hang_up(str(answers[0]))
    await desk.ended()
    await desk.call()
    await desk.agent.incoming()


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (rejecting(486), "client-busy"),
        (rejecting(603), "client-rejected"),
        (rejecting(404), "wrong-number"),
        (rejecting(484), "wrong-number"),
        (rejecting(480), "client-no-answer"),
        (rejecting(403), "no-route"),
        (rejecting(503), "no-route"),
    ],
)
async def test_a_client_who_is_not_reached(desk: Desk, behaviour: Behaviour, reason: str) -> None:
    desk.agent.behaviour = answering()
    desk.lab.trunk.behaviour = behaviour
    await desk.call()
    assert await desk.ended() == reason
    assert desk.states == ["ringing-agent", "agent-answered", "ringing-client", "ended"]


async def test_a_client_who_does_not_answer_is_rung_as_long_as_configured(lab: Lab) -> None:
    async with beside(lab) as link:
        desk = Desk(link)
        desk.clicks = desk.configured(client_ring_seconds=1)
        desk.agent.behaviour = answering()
        await desk.call()
        assert await desk.ended() == "client-no-answer"
        assert 0.8 < desk.seen[-1].at - desk.seen[-2].at < 10  # 60 where nothing is configured


async def test_a_forward_by_the_far_end_leads_nowhere(desk: Desk) -> None:
    desk.agent.behaviour = answering()
    desk.lab.trunk.behaviour = redirecting("74951230102")  # from-trunk would lead that to 102
    await desk.call()
    assert (await desk.ended()) in {"client-busy", "client-rejected", "no-route", "client-no-answer"}
    assert not desk.lab.phone("102").calls


async def test_a_trunk_that_does_not_exist(lab: Lab) -> None:
    async with beside(lab) as link:
        desk = Desk(link)
        desk.clicks = desk.configured(trunk="PJSIP/{number}@nowhere")
        desk.agent.behaviour = answering()
        await desk.call()
        assert await desk.ended() == "no-route"


async def test_a_phone_that_does_not_exist(lab: Lab) -> None:
    async with beside(lab) as link:
        desk = Desk(link)
        with pytest.raises(RefusedError) as refusal:
            await desk.call(agent="777")
        assert refusal.value.reason == "agent-offline"


async def test_cancelled_before_the_phone_is_known_to_ring(desk: Desk) -> None:
    call_id = await desk.call()
    await desk.clicks.attempts.hang_up(call_id)
    assert await desk.ended() == "cancelled"
    await until(lambda: all(call.state == "ended" for call in desk.agent.calls), "the phone to be silent")


async def test_cancelled_in_the_very_moment_of_asking(desk: Desk) -> None:
    """The Hangup may reach Asterisk before the channel exists; the call must end all the same."""

    async def hang_up_at_once() -> None:
        await until(lambda: desk.clicks.attempts._calls, "the call to be known", every=0)
        await desk.clicks.attempts.hang_up(next(iter(desk.clicks.attempts._calls)))

    await asyncio.gather(desk.call(), hang_up_at_once())
    assert await desk.ended() == "cancelled"


async def test_cancelled_while_the_agent_rings(desk: Desk) -> None:
    call_id = await desk.call()
    offered = await (await desk.agent.incoming()).until_ringing()
    await desk.clicks.attempts.hang_up(call_id)
    await offered.until_ended()
    assert await desk.ended() == "cancelled"


async def test_cancelled_while_the_client_rings(desk: Desk) -> None:
    call_id = await desk.call()
    (await desk.agent.incoming()).answer()
    far = await (await desk.lab.trunk.incoming()).until_ringing()
    await desk.until_state("ringing-client")
    await desk.clicks.attempts.hang_up(call_id)
    await far.until_ended()
    assert await desk.ended() == "cancelled"


async def test_hung_up_by_the_agent_while_the_client_rings(desk: Desk) -> None:
    await desk.call()
    offered = await desk.agent.incoming()
    offered.answer()
    far = await (await desk.lab.trunk.incoming()).until_ringing()
    offered.hangup()
    await far.until_ended()
    assert await desk.ended() == "cancelled"


async def test_ended_while_they_talk(desk: Desk) -> None:
    call_id = await desk.call()
    (await desk.agent.incoming()).answer()
    far = await desk.lab.trunk.answered()
    await desk.until_state("talking")
    await desk.clicks.attempts.hang_up(call_id)
    await far.until_ended()
    assert await desk.ended() == "completed"
    with pytest.raises(ConflictError):
        await desk.clicks.attempts.hang_up(call_id)
    assert desk.clicks.attempts.progress(call_id).state == "ended"


async def test_unknown_calls(desk: Desk) -> None:
    await desk.link.ami.listing("CoreShowChannels")  # before it, they might be calls of an earlier process
    with pytest.raises(NotFoundError):
        await desk.clicks.attempts.hang_up("01ARZ3NDEKTSV4RRFFQ69G5FAV")
    with pytest.raises(NotFoundError):
        desk.clicks.attempts.progress("")
    with pytest.raises(NotFoundError):
        await anext(desk.clicks.attempts.states("x" * 1000))


@pytest.mark.parametrize(
    "name",
    [
        'Ромашка" <sip:666@evil>',
        "a,b;c=d\\e<f>g",
        "${EVAL(1)} $[1+1] ${SHELL(id)}",
        "x\r\nAction: Hangup\r\nChannel: /.*/",
        "\u202eевреН\u202c \u200bx",
        "🙂" * 100,
        "Ы" * 10_000,
        '"',
        "",
    ],
)
async def test_a_hostile_name_reaches_the_phone_harmlessly(desk: Desk, name: str) -> None:
    call_id = await desk.call(DialTarget("+79161234567", name=name))
    offered = await desk.agent.incoming()
    assert offered.number == "89161234567"
    assert len(offered.name.encode()) <= 79
    assert "\ufffd" not in offered.name
    assert not set(offered.name) & set('"<>\\\r\n\u202e\u200b')
    visible = "".join(character for character in name if character.isalnum())[:20]
    assert "".join(character for character in offered.name if character.isalnum()).startswith(visible[:10])
    await desk.clicks.attempts.hang_up(call_id)
    assert await desk.ended() == "cancelled"


@pytest.mark.parametrize("extension", ["1)S(1", "1:2", "1,2", "${EVAL(1)}", "1\r\nAction: x", "p1", "é"])
async def test_a_hostile_extension_rings_nobody(desk: Desk, extension: str) -> None:
    with pytest.raises(InvalidInputError):
        await desk.call(DialTarget("+79161234567", extension=extension))
    assert not desk.agent.calls
    assert desk.link.ami.times_asked("Originate") == 0


@pytest.mark.parametrize(
    "number", ["112", "89161234567&PJSIP/103", "+77777859954", "PJSIP/103", "8-800", "88091234567"]
)
async def test_what_may_not_be_dialled_rings_nobody(desk: Desk, number: str) -> None:
    clicks = desk.configured(internal="PJSIP/{number}@trunk")
    with pytest.raises((InvalidInputError, RefusedError)):
        await clicks.ring("101", DialTarget(number))
    assert not desk.agent.calls
    assert desk.link.ami.times_asked("Originate") == 0


@pytest.mark.parametrize(("number", "reason"), [("112", "emergency"), ("150", "wrong-number")])
async def test_a_short_number_that_no_phone_has_rings_nobody_as_shipped(desk: Desk, number: str, reason: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        await desk.clicks.ring("101", DialTarget(number))
    assert refusal.value.reason == reason
    assert not desk.agent.calls
    assert desk.link.ami.times_asked("Originate") == 0


async def test_without_a_link_it_is_said_at_once(desk: Desk) -> None:
    await desk.link.cut()
    with pytest.raises(UnavailableError):
        await desk.call()
    assert not desk.agent.calls


async def test_a_call_goes_on_over_an_outage_and_its_end_is_noticed(desk: Desk) -> None:
    await desk.call()
    (await desk.agent.incoming()).answer()
    far = await desk.lab.trunk.answered()
    await desk.until_state("talking")
    await desk.link.cut()
    await until(lambda: desk.link.ami.connected, "the link again")
    await desk.link.ami.listing("CoreShowChannels")
    assert desk.states == FULL_WAY[:4]
    far.hangup()
    assert await desk.ended() == "completed"


async def test_a_call_that_ended_during_an_outage_ended_because_nobody_was_watching(desk: Desk) -> None:
    await desk.call()
    (await desk.agent.incoming()).answer()
    far = await desk.lab.trunk.answered()
    await desk.until_state("talking")
    await desk.link.cut()
    far.hangup()
    await until(desk._no_channels, "the call to be over")
    await until(lambda: desk.link.ami.connected, "the link again")
    await desk.link.ami.listing("CoreShowChannels")
    assert await desk.ended() == "pbx-away"


async def test_asterisk_forgets_nothing_and_warns_of_nothing(desk: Desk) -> None:
    before = len(desk.lab.asterisk.log_text())
    desk.agent.behaviour = answering()
    desk.lab.trunk.behaviour = answering()
    await desk.call(DialTarget("+79161234567", extension="1", name="Фронкин"))
    await desk.until_state("talking")
    desk.agent.calls[-1].hangup()
    await desk.ended()
    complaints = [
        line for line in desk.lab.asterisk.log_text()[before:].splitlines() if "WARNING" in line or "ERROR" in line
    ]
    assert complaints == []
