"""The shipped dialplan on a real Asterisk: a pbxd that answers, is away, hangs or dies never costs a call its way."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pbxd.asterisk.endpoints import Endpoints
from pbxd.settings import EmployeeSettings
from tests.lab import Lab
from tests.lab.call import Call
from tests.lab.lab import COMPANY_NUMBER
from tests.lab.ports import HOST
from tests.lab.processes import until

DIALPLAN = Path(__file__).parent.parent / "dialplan"
CALLER = "89161234567"
ASKING = "89160000001"
AT_ONCE = 1.5  # less than the patience below; measured on a machine that has other work
PATIENCE = 2  # PBXD_PATIENCE as shipped
NAMED = {
    "PBXD_STATUS": "found",
    "PBXD_CONTACT": "7",
    "PBXD_MANAGER": "102",
    "CALLERID(name)": "Фронкин",
    "QUEUE_PRIO": "10",
}


class Answerer:
    """A FastAGI server that does what the test says; `requests` holds what Asterisk asked."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.requests: list[dict[str, str]] = []
        self.answers = NAMED
        self.delay = 0.0
        self.mood = "answer"  # answer, hang, drop, freeze (answer, and hang before the connection is closed)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        await self.set("PBXD_AGI", f"{HOST}:{self._server.sockets[0].getsockname()[1]}")

    async def stop(self) -> None:
        """Stop listening and drop every connection, as the end of a process does."""
        assert self._server is not None
        self._server.close()
        while self._open:
            writer = self._open.pop()
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            await self._answer(reader, writer)
        except ConnectionError:
            return
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request: dict[str, str] = {}
        while line := (await reader.readline()).decode().strip():
            name, _colon, value = line.partition(": ")
            request[name] = value
        self.requests.append(request)
        if self.mood in {"answer", "freeze"}:
            await asyncio.sleep(self.delay)
            for name, value in self.answers.items():
                writer.write(f'SET VARIABLE {name} "{value}"\n'.encode())
                await reader.readline()
        if self.mood in {"hang", "freeze"}:
            await reader.read()

    async def set(self, name: str, value: str) -> None:
        await self.lab.ami_action("Setvar", Variable=name, Value=value)

    async def get(self, name: str, channel: str = "") -> str:
        headers = {"Channel": channel} if channel else {}
        return (await self.lab.ami_action("Getvar", headers, Variable=name)).get("Value", "")

    async def call(self, number: str = CALLER) -> tuple[Call, float]:
        """Call in and return the call with the seconds until it went on behind the look-up."""
        call = self.lab.call_in("tone", number)
        await call.until_talking()
        return call, call.times["talking"] - call.times["new"]

    async def status(self) -> tuple[str, float]:
        """Call in, return PBXD_STATUS and the seconds it took; nothing is left of the call."""
        call, seconds = await self.call(ASKING)
        status = await self.get("PBXD_STATUS", await self.channel(ASKING))
        call.hangup()
        await self.until_over(ASKING)
        return status, seconds

    async def until_over(self, number: str = CALLER) -> None:
        async def over() -> bool:
            return not [one for one in await self.lab.channels() if one["CallerIDNum"] == number]

        await until(over, "the call to be over")

    async def channel(self, number: str = CALLER) -> str:
        """Return the channel of the call from `number` once it got through."""
        found: list[str] = []

        async def through() -> bool:
            channels = [one for one in await self.lab.channels() if one["CallerIDNum"] == number]
            found[:] = [one["Channel"] for one in channels if one["Application"] == "Milliwatt"]
            return bool(found)

        await until(through, "the tone")
        return found[0]

    async def until_open(self) -> None:
        """Wait until no question counts as unanswered."""

        async def opened() -> bool:
            return await self.get("PBXD_ASKED") == ""

        await until(opened, "the guard to let callers ask again")

    async def stuck(self, number: str = CALLER) -> Call:
        """Call in and return the call waiting for an answer that doesn't come."""
        asked = len(self.requests)
        call = self.lab.call_in("tone", number)
        await until(lambda: len(self.requests) > asked, "the question")
        return call

    async def noticed(self, seconds: int = PATIENCE) -> None:
        """Wait until the oldest unanswered question, or else this moment, is as long ago by the PBX's clock."""
        since = int(await self.get("PBXD_ASKED") or await self.get("EPOCH"))

        async def old_enough() -> bool:
            return int(await self.get("EPOCH")) - since >= seconds

        await until(old_enough, "the PBX's clock", timeout=seconds + 20)


@pytest.fixture
async def pbxd(lab: Lab) -> AsyncIterator[Answerer]:
    answerer = Answerer(lab)
    before = await answerer.get("PBXD_AGI")
    changed = dict.fromkeys(("ASKED", "ASKED_ALIVE", "ALIVE", "TRIED", "RETRY", "PATIENCE"), "")
    changed = {f"PBXD_{name}": value for name, value in changed.items()} | {"PBXD_AGI": before}
    for name in changed:
        await answerer.set(name, "")
    await answerer.start()
    yield answerer
    await answerer.stop()
    for name, value in changed.items():
        await answerer.set(name, value)


@pytest.mark.lab
async def test_an_answer_names_and_ranks_the_caller(pbxd: Answerer) -> None:
    await pbxd.call()
    channel = await pbxd.channel()
    assert {name: await pbxd.get(name, channel) for name in NAMED} == NAMED
    request = pbxd.requests[0]
    assert request["agi_network_script"] == "lookup?for="
    assert request["agi_callerid"] == CALLER
    assert await pbxd.get("AGIEXITONHANGUP", channel) == ""
    assert await pbxd.get("PBXD_ASKED") == ""


@pytest.mark.lab
async def test_a_second_look_up_leaves_nothing_of_the_first(pbxd: Answerer) -> None:
    await pbxd.call()
    channel = await pbxd.channel()
    pbxd.answers = {"PBXD_STATUS": "unknown"}
    await pbxd.lab.ami_action("Redirect", Channel=channel, Context="from-trunk", Exten="74951230999", Priority="1")
    await until(lambda: len(pbxd.requests) == 2, "the second question")

    async def forgotten() -> bool:
        return [await pbxd.get(name, channel) for name in NAMED] == ["unknown", "", "", "Фронкин", "0"]

    await until(forgotten, "the first answer to be forgotten")


@pytest.mark.lab
@pytest.mark.parametrize(("administrators", "kept"), [("20", "20"), ("5", "10"), ("10", "10"), ("", "10")])
async def test_a_rank_of_the_administrator_is_raised_but_never_lowered(
    pbxd: Answerer, administrators: str, kept: str
) -> None:
    await pbxd.lab.ami_action(
        "Originate",
        {"Variable": [f"QUEUE_PRIO={administrators}"] if administrators else []},
        Channel="Local/tone@lab-script/n", Context="from-trunk", Exten="74951230350", Priority="1",
        CallerID=f"<{CALLER}>", Async="true",
    )  # fmt: skip
    await pbxd.lab.until_waiting("pool", 1)
    entries = await pbxd.lab.admin.listing("QueueStatus", {"Queue": "pool"})
    assert [entry["Priority"] for entry in entries if entry["Event"] == "QueueEntry"] == [kept]


@pytest.mark.lab
async def test_a_pbxd_that_is_not_running_costs_nothing_and_is_asked_again_next_time(pbxd: Answerer) -> None:
    await pbxd.stop()
    for _ in range(2):
        status, seconds = await pbxd.status()
        assert status == "error"
        assert seconds < AT_ONCE
    await pbxd.start()
    assert (await pbxd.status())[0] == "found"


@pytest.mark.lab
async def test_a_connection_that_ends_without_an_answer_is_an_error_and_the_call_goes_on(pbxd: Answerer) -> None:
    pbxd.mood = "drop"
    status, seconds = await pbxd.status()
    assert (status, seconds < AT_ONCE) == ("error", True)
    pbxd.mood = "answer"
    assert (await pbxd.status())[0] == "found"


@pytest.mark.lab
async def test_a_hung_pbxd_costs_only_those_who_called_before_it_was_noticed(pbxd: Answerer) -> None:
    pbxd.mood = "hang"
    stuck = await pbxd.stuck()
    await pbxd.noticed()
    asked = len(pbxd.requests)
    for _ in range(3):
        status, seconds = await pbxd.status()
        assert (status, seconds < AT_ONCE) == ("skipped", True)
    assert len(pbxd.requests) == asked
    await stuck.until_talking()


@pytest.mark.lab
async def test_nobody_waits_longer_than_the_patience_even_if_the_hung_process_is_never_ended(pbxd: Answerer) -> None:
    pbxd.mood = "hang"
    stuck = [await pbxd.stuck(f"8916000001{number}") for number in range(3)]
    for call in stuck:
        await call.until_talking()
        assert PATIENCE - 0.1 < call.times["talking"] - call.times["new"] < PATIENCE + AT_ONCE
        channel = await pbxd.channel(call.number)
        assert await pbxd.get("PBXD_STATUS", channel) == "error"
        assert await pbxd.get("TIMEOUT(absolute)", channel) == "0"
    assert await pbxd.get("PBXD_ASKED") != ""


@pytest.mark.lab
async def test_an_answer_right_before_the_hang_names_its_caller_but_is_no_sign_of_life(pbxd: Answerer) -> None:
    pbxd.mood = "freeze"
    _call, seconds = await pbxd.call()
    assert PATIENCE - 0.1 < seconds < PATIENCE + AT_ONCE
    channel = await pbxd.channel()
    assert {name: await pbxd.get(name, channel) for name in NAMED} == NAMED
    assert await pbxd.get("PBXD_ASKED") != ""
    assert (await pbxd.status())[0] == "skipped"


@pytest.mark.lab
async def test_the_patience_can_be_shorter(pbxd: Answerer) -> None:
    await pbxd.set("PBXD_PATIENCE", "0.5")
    pbxd.mood = "hang"
    _call, seconds = await pbxd.call()
    assert 0.4 < seconds < PATIENCE


@pytest.mark.lab
async def test_an_answer_ends_the_limit(pbxd: Answerer) -> None:
    """Its absolute time-out must not hang the call up later."""
    await pbxd.call()
    assert await pbxd.get("TIMEOUT(absolute)", await pbxd.channel()) == "0"


@pytest.mark.lab
@pytest.mark.parametrize("handled", [True, False])
async def test_an_absolute_time_out_of_the_administrator_stays_his(pbxd: Answerer, handled: bool) -> None:
    pbxd.mood = "hang"
    await pbxd.set("EXPIRED", "")
    if handled:
        await pbxd.lab.command("dialplan add extension T,1,Set(GLOBAL(EXPIRED)=yes) into from-trunk")
    try:
        began = time.monotonic()
        await pbxd.lab.ami_action(
            "Originate", Variable="TIMEOUT(absolute)=3",
            Channel="Local/tone@lab-script/n", Context="from-trunk", Exten="74951230999", Priority="1",
            CallerID=f"<{CALLER}>", Async="true",
        )  # fmt: skip
        await until(lambda: pbxd.requests, "the question")
        await pbxd.until_over()
        assert 2.5 < time.monotonic() - began < 15  # the tone would never end
        assert await pbxd.get("EXPIRED") == ("yes" if handled else "")
    finally:
        await pbxd.lab.command("dialplan remove extension T@from-trunk")


@pytest.mark.lab
async def test_calls_that_are_stuck_go_on_when_the_hung_process_is_ended(pbxd: Answerer) -> None:
    await pbxd.set("PBXD_PATIENCE", "20")
    pbxd.mood = "hang"
    stuck = [await pbxd.stuck(f"8916000001{number}") for number in range(3)]
    await pbxd.noticed(3)
    await pbxd.stop()
    for call in stuck:
        await call.until_talking(timeout=10)  # of twenty
    assert await pbxd.get("PBXD_ASKED") == ""  # an ended process refuses, which costs nothing


@pytest.mark.lab
async def test_the_heartbeat_has_a_pbxd_that_recovered_asked_again(pbxd: Answerer) -> None:
    await pbxd.set("PBXD_ALIVE", "1000")
    pbxd.mood = "hang"
    await pbxd.stuck()
    await pbxd.noticed()
    pbxd.mood = "answer"
    await pbxd.set("PBXD_ALIVE", "1001")  # may have been on its way when it hung
    assert (await pbxd.status())[0] == "skipped"
    assert len(pbxd.requests) == 1
    await pbxd.set("PBXD_ALIVE", "1003")
    assert (await pbxd.status())[0] == "skipped"  # while a trial is made beside this call
    await pbxd.until_open()
    assert len(pbxd.requests) == 2
    assert (await pbxd.status())[0] == "found"


@pytest.mark.lab
async def test_a_trial_that_finds_pbxd_still_hung_makes_nobody_wait(pbxd: Answerer) -> None:
    """The heartbeat goes on while the FastAGI port alone is out of reach."""
    await pbxd.set("PBXD_ALIVE", "1000")
    pbxd.mood = "hang"
    await pbxd.stuck()
    await pbxd.noticed()
    for beat in ("1010", "1011", "1020"):
        await pbxd.set("PBXD_ALIVE", beat)
        status, seconds = await pbxd.status()
        assert (status, seconds < AT_ONCE) == ("skipped", True)
    await until(lambda: len(pbxd.requests) == 3, "two trials beside the question of the call that is stuck")
    await until(lambda: not pbxd._open, "the trials to give up", timeout=PATIENCE + 20)
    assert len(pbxd.requests) == 3
    assert await pbxd.get("PBXD_ASKED") != ""


@pytest.mark.lab
async def test_a_pbxd_that_was_ended_meanwhile_is_found_so_by_the_trial(pbxd: Answerer) -> None:
    await pbxd.set("PBXD_RETRY", "3")
    pbxd.mood = "hang"
    await pbxd.stuck()
    await pbxd.noticed(3)
    pbxd.mood = "drop"
    assert (await pbxd.status())[0] == "skipped"
    await pbxd.until_open()


@pytest.mark.lab
async def test_a_restarted_pbxd_with_a_clock_set_back_is_asked_again(pbxd: Answerer) -> None:
    await pbxd.set("PBXD_ALIVE", "1000")
    pbxd.mood = "hang"
    await pbxd.stuck()
    await pbxd.noticed()
    await pbxd.set("PBXD_ALIVE", "500")
    pbxd.mood = "answer"
    assert (await pbxd.status())[0] == "skipped"
    await pbxd.until_open()


@pytest.mark.lab
async def test_a_heartbeat_that_stays_away_unnames_nobody(pbxd: Answerer) -> None:
    await pbxd.set("PBXD_ALIVE", "1")
    await pbxd.status()
    await pbxd.noticed()
    assert (await pbxd.status())[0] == "found"


@pytest.mark.lab
async def test_from_time_to_time_a_trial_is_made_even_without_a_heartbeat(pbxd: Answerer) -> None:
    await pbxd.set("PBXD_RETRY", "6")
    pbxd.mood = "hang"
    await pbxd.stuck()
    await pbxd.noticed()
    pbxd.mood = "answer"
    assert (await pbxd.status())[0] == "skipped"
    assert len(pbxd.requests) == 1
    await pbxd.noticed(6)
    assert (await pbxd.status())[0] == "skipped"
    await pbxd.until_open()
    assert (await pbxd.status())[0] == "found"


@pytest.mark.lab
async def test_questions_of_the_same_moment_are_no_sign_of_a_hang(pbxd: Answerer) -> None:
    pbxd.delay = 0.3
    calls = [pbxd.lab.call_in("tone", f"891600000{number:02}") for number in range(20)]
    for call in calls:
        await call.until_talking()
    assert len(pbxd.requests) == 20


@pytest.mark.lab
async def test_a_caller_who_leaves_during_the_look_up_does_not_make_pbxd_look_hung(pbxd: Answerer) -> None:
    pbxd.mood = "hang"
    leaving = await pbxd.stuck()
    leaving.hangup()
    await leaving.until_ended()

    await pbxd.until_open()
    pbxd.mood = "answer"
    await pbxd.noticed()
    assert (await pbxd.status())[0] == "found"


@pytest.mark.lab
async def test_one_who_waited_long_and_leaves_does_not_make_a_hung_pbxd_look_well(pbxd: Answerer) -> None:
    pbxd.mood = "hang"
    leaving = await pbxd.stuck()
    await pbxd.noticed()
    leaving.hangup()
    await leaving.until_ended()
    await pbxd.until_over()
    assert (await pbxd.status())[0] == "skipped"


@pytest.mark.lab
async def test_the_hang_up_extension_of_who_asked_still_runs_when_the_caller_leaves(pbxd: Answerer) -> None:
    await pbxd.set("LEFT", "")
    await pbxd.lab.command("dialplan add extension h,1,Set(GLOBAL(LEFT)=yes) into from-trunk")
    try:
        pbxd.mood = "hang"
        leaving = await pbxd.stuck()
        leaving.hangup()

        async def ran() -> bool:
            return await pbxd.get("LEFT") == "yes"

        await until(ran, "the h extension of from-trunk")
    finally:
        await pbxd.lab.command("dialplan remove extension h@from-trunk")


@pytest.mark.lab
async def test_the_sample_office_works_as_shipped() -> None:
    async with Lab(sample_dialplan=True) as lab:
        answerer = Answerer(lab)
        await answerer.start()
        client = lab.call_in("74951230001", CALLER)
        queued = await lab.phone("101").incoming()
        assert (queued.name, queued.number) == ("Фронкин", CALLER)
        queued.answer()
        await client.until_hears(queued)
        queued.refer("103")
        await client.until_hears(await lab.phone("103").answered())
        assert client.identities == []  # who answers, and who gets the call, is not told outside
        client.hangup()
        await lab.quiet()
        lab.call_in("74951230101", CALLER)
        await until(lambda: len(answerer.requests) == 3, "both look-ups of the direct number")
        assert answerer.requests[2]["agi_network_script"] == "lookup?for=101"
        lab.phone("102").dial("103")
        assert (await lab.phone("103").incoming()).number == "102"
        lab.phone("104").dial("89169999999")
        outside = await lab.trunk.incoming()
        assert (outside.dialled, outside.number, outside.name) == ("89169999999", COMPANY_NUMBER, "")
        await answerer.stop()


def priorities(text: str) -> list[str]:
    lines = (line.split(";")[0].rstrip() for line in text.splitlines())
    return [line for line in lines if re.match(r"\s*(exten|same)\s*=>", line)]


@pytest.mark.parametrize("name", ["pbxd.conf", "pbxd-curl.conf", "extensions.conf.sample"])
def test_every_priority_has_a_name(name: str) -> None:
    found = priorities((DIALPLAN / name).read_text(encoding="utf-8"))
    assert len(found) > 10
    for line in found:
        assert re.match(r"\s*(exten => [^,]+,1|same => n)\([a-z]+\),[A-Za-z]+\(", line), line


@pytest.mark.parametrize(
    "channel", ["PJSIP/101-0000001a", "SIP/101-0000001a", "IAX2/101-23", "DAHDI/10-1", "Local/101@out-00000001;2"]
)
def test_by_curl_those_are_inside_whom_pbxd_takes_for_extensions(channel: str) -> None:
    """C5: a DAHDI port is a line, so that who calls there and sends 101 is no colleague."""
    text = (DIALPLAN / "pbxd-curl.conf").read_text(encoding="utf-8")
    (used,) = re.findall(r"Set\(GLOBAL\(PBXD_INSIDE\)=(.*)\)\)", text)
    (told,) = re.findall(r"Default: (\S+)", text)
    assert used == told
    assert bool(re.search(used, channel)) == Endpoints(EmployeeSettings().pattern).is_inside(channel)


def test_no_text_of_a_caller_is_evaluated() -> None:
    """CALLERID in an expression would let a trunk write parts of the dialplan."""
    text = (DIALPLAN / "pbxd.conf").read_text(encoding="utf-8")
    for line in priorities(text):
        assert "${CALLERID" not in line
