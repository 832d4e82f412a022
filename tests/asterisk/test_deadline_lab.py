"""The deadline on a real Asterisk under 20 calls a second, every delay measured by Asterisk itself (docs/deadline.md).

A delay is the time from the channel's beginning to its Answer(), which stands right behind the look-up.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from tests.lab import Lab
from tests.lab.call import Call
from tests.lab.clock import shifted
from tests.lab.daemon import Daemon
from tests.lab.dropping import dropping
from tests.lab.lab import NUMBERS
from tests.lab.processes import until
from tests.lab.supervisor import supervised
from tests.unjudged import unjudged

pytestmark = pytest.mark.lab

RATES = (20, 20, 10, 5)  # calls a second; the first that this machine carries in this hour, once Asterisk is warm
CALM = 0.25  # seconds that no call takes where nobody is asked, on a machine that carries so many
EASY = 5  # where names are judged and not delays, so that other tests may run beside it
CLIENT = "89161234567"
NAME = "Фронкин Игорь"
UNGUARDED = "74951230998"  # to the same tone, with a bare AGI()
WAITED = 1.5  # seconds; whoever waits for us waits two, anybody else for a machine that stalls at most
AT_ONCE = 2.0  # seconds that a machine that stalls may add to a bound; unguarded, calls wait longer than both together
STALLED = 0.02  # of all calls: so many may be out of bounds for a machine that stalls; the control has more of them
NOTICED = 3.0  # seconds after which nobody may wait any more
PATIENCE = 2.0  # PBXD_PATIENCE, and Asterisk's own limit for connecting
GUARD = ("PBXD_ASKED", "PBXD_ASKED_ALIVE", "PBXD_ALIVE", "PBXD_TRIED", "PBXD_RETRY", "PBXD_PATIENCE")


@dataclass(frozen=True)
class Passage:
    """One call as Asterisk saw it: when it came (epoch), how long it took to go on, and its name by then."""

    at: float
    delay: float
    name: str


class Load:
    """Calls from outside, `rate` a second, each hung up once it got through."""

    def __init__(self, lab: Lab, to: str, rate: int) -> None:
        self.lab = lab
        self.to = to
        self.rate = rate
        self.began = time.time()
        self.dialled = 0
        self._go = True

    async def run(self) -> None:
        start = time.monotonic()
        async with asyncio.TaskGroup() as group:
            while self._go:
                call = self.lab.call_in(self.to, CLIENT)
                self.dialled += 1
                group.create_task(_through(call))
                await asyncio.sleep(max(0.0, start + self.dialled / self.rate - time.monotonic()))

    def stop(self) -> None:
        self._go = False

    async def passages(self) -> list[Passage]:
        """Return how every call fared; fails when one was lost."""
        found: list[Passage] = []

        def complete() -> bool:
            found[:] = self._read()
            return len(found) == self.dialled

        await until(complete, f"{self.dialled} calls in CEL", every=0.2)
        return found

    async def until_named(self, since: float) -> None:
        """Wait until five calls that came after `since` (epoch) got their name, one after the other."""

        def again() -> bool:
            names = [one.name for one in self._read() if one.at > since]
            return len(names) >= 5 and names[-5:] == [NAME] * 5

        await until(again, "names after the fault", every=0.25)

    def _read(self) -> list[Passage]:
        rows = self.lab.cel(since=self.began)
        dialled = NUMBERS.get(self.to, self.to)
        began = {row.uniqueid: row.eventtime for row in rows if (row.eventtype, row.exten) == ("CHAN_START", dialled)}
        answered = {row.uniqueid: row for row in rows if row.eventtype == "ANSWER"}
        return [
            Passage(at, answered[channel].eventtime - at, answered[channel].cid_name)
            for channel, at in sorted(began.items(), key=lambda item: item[1])
            if channel in answered
        ]


async def _through(call: Call) -> None:
    await call.until_talking(timeout=30)
    call.hangup()
    await call.until_ended()


@asynccontextmanager
async def calls(lab: Lab, to: str = "tone", *, rate: int) -> AsyncIterator[Load]:
    """Calls keep coming during the block, which ends when the last has got through."""
    load = Load(lab, to, rate)
    async with asyncio.TaskGroup() as group:
        group.create_task(load.run())
        try:
            yield load
        finally:
            load.stop()


async def passed(seconds: float) -> None:
    """Let calls come for that long."""
    began = time.monotonic()
    await until(lambda: time.monotonic() - began >= seconds, "time to pass", timeout=seconds + 20)


@pytest.fixture
async def office(lab: Lab) -> AsyncIterator[Daemon]:
    """A prepared pbxd that will know the client, and a guard that has seen nothing yet."""
    for name in GUARD:
        await lab.ami_action("Setvar", Variable=name, Value="")
    await lab.command(f"dialplan add extension {UNGUARDED},1,AGI,agi://${{PBXD_AGI}}/lookup into from-trunk")
    await lab.command(f"dialplan add extension {UNGUARDED},2,Goto,lab-did,0999,1 into from-trunk")
    daemon = lab.daemon = lab.prepare()
    await daemon.add_contact(NAME, CLIENT)
    yield daemon
    await lab.command(f"dialplan remove extension {UNGUARDED}@from-trunk")
    for name in GUARD:
        await lab.ami_action("Setvar", Variable=name, Value="")


@pytest.fixture
async def rate(lab: Lab, office: Daemon) -> int:
    """Return the most of RATES, calls a second, that pass at once without pbxd."""
    assert office.child is None
    slowest: dict[int, float] = {}
    for each in RATES:
        async with calls(lab, rate=each) as load:
            await passed(1)
        slowest[each] = max(one.delay for one in await load.passages())
        if slowest[each] < CALM:
            break
    else:
        unjudged(f"without pbxd a call took too long already, seconds by calls a second: {slowest}")
    print(f"the slowest call, seconds by calls a second: {slowest}")
    return each


@pytest.fixture
async def unhurried(lab: Lab, office: Daemon) -> Daemon:
    """The same with more time to answer than a busy machine takes: names are judged, not delays."""
    await lab.ami_action("Setvar", Variable="PBXD_PATIENCE", Value="10")
    office.config["agi"]["deadline_seconds"] = 5.0
    office.write()
    return office


async def names_of(load: Load) -> set[str]:
    """Return what the calls were named, all told."""
    passages = await load.passages()
    assert len(passages) >= EASY
    return {one.name for one in passages}


def waiting(passages: list[Passage]) -> list[Passage]:
    return [one for one in passages if one.delay > WAITED]


def beyond(passages: list[Passage], since: float, *, end: float = math.inf) -> list[Passage]:
    """Return who waited without having called right after `since`, or longer than he may, or after `end`."""
    return [
        one
        for one in waiting(passages)
        if not since - AT_ONCE < one.at < since + NOTICED
        or one.delay >= PATIENCE + AT_ONCE
        or one.at + one.delay >= end + AT_ONCE
    ]


def agi_port(lab: Lab) -> int:
    return int(str(lab.base_config()["agi"]["listen"]).rpartition(":")[2])


def report(what: str, passages: list[Passage], since: float) -> None:
    """Print what docs/deadline.md quotes."""
    late = waiting(passages)
    quick = sorted(one.delay for one in passages if one not in late)
    last = max((one.at for one in late), default=since) - since
    print(
        f"\n{what}: {len(passages)} calls, median {quick[len(quick) // 2] * 1000:.1f} ms, {len(late)} waited,"
        f" longest {max((one.delay for one in late), default=0):.2f} s, the last of them came {last:.2f} s after"
    )


@pytest.mark.alone
async def test_a_hang_costs_those_who_called_before_it_was_noticed_and_ends_with_the_watchdogs_kill(
    lab: Lab, office: Daemon, rate: int
) -> None:
    async with supervised(office) as systemd:
        async with calls(lab, rate=rate) as load:
            await passed(1)
            hung = time.time()
            office.freeze()
            await until(lambda: systemd.kills, "the watchdog")
            await load.until_named(systemd.kills[0])
        passages = await load.passages()
    killed = systemd.kills[0]
    report("hung", passages, hung)
    assert len(systemd.kills) == 1
    assert killed - hung < 4.0  # WatchdogSec=3
    assert len(beyond(passages, hung, end=killed)) <= STALLED * len(passages)
    assert len(waiting(passages)) >= rate * 0.2  # it did hang
    assert {one.name for one in passages if one.at + one.delay < hung} == {NAME}


@pytest.mark.alone
async def test_a_hang_that_nobody_ends_costs_no_more_where_the_guard_is_and_everybody_where_it_is_not(
    lab: Lab, office: Daemon, rate: int
) -> None:
    await office.start()
    async with calls(lab, rate=rate // 2) as load, calls(lab, UNGUARDED, rate=rate // 2) as control:
        await passed(1)
        hung = time.time()
        office.freeze()
        await passed(5.5)
        office.thaw()
        await load.until_named(time.time())
    guarded, bare = await load.passages(), await control.passages()
    report("hung, never killed, guarded", guarded, hung)
    report("hung, never killed, bare AGI", bare, hung)
    assert len(beyond(guarded, hung)) <= STALLED * len(guarded)
    assert len(beyond(bare, hung)) > 3 * STALLED * len(bare)  # the control
    assert max(one.delay for one in bare) > 4  # until the thaw
    assert [one for one in bare if one.at > hung + NOTICED and one.delay > 1]


@pytest.mark.alone
async def test_a_killed_pbxd_costs_nothing(lab: Lab, office: Daemon, rate: int) -> None:
    async with supervised(office) as systemd:
        async with calls(lab, rate=rate) as load:
            await passed(1)
            killed = time.time()
            assert office.child
            await office.child.kill()
            await until(lambda: len(systemd.starts) == 2, "the restart")
            await load.until_named(killed)
        passages = await load.passages()
    report("killed", passages, killed)
    assert len(waiting(passages)) <= STALLED * len(passages)
    assert "" in {one.name for one in passages}  # it was away for a moment


@pytest.mark.alone
async def test_a_pbxd_out_of_reach_costs_those_who_called_before_it_was_noticed(
    lab: Lab, office: Daemon, rate: int
) -> None:
    """Packets to its FastAGI port vanish while its heartbeat goes on over AMI: the host is away, but seems to live."""
    await office.start()
    assert office.child
    async with calls(lab, rate=rate) as load:
        await passed(1)
        lost = time.time()
        with dropping(office.child.pid, agi_port(lab)) as sockets:
            assert sockets
            await passed(5)
            back = time.time()
        await load.until_named(back)
    passages = await load.passages()
    report("unreachable", passages, lost)
    assert len(beyond(passages, lost)) <= STALLED * len(passages)
    assert len(waiting(passages)) >= rate * 0.2
    assert {one.name for one in passages if lost + NOTICED < one.at < back} == {""}
    assert {call["caller"]["number"] for call in await office.calls()} == {"+79161234567"}  # a trial is nobody's call


async def test_an_ami_link_that_goes_silent_unnames_nobody(lab: Lab, unhurried: Daemon) -> None:
    await unhurried.start()
    assert unhurried.child
    await until(lambda: "resync_done" in unhurried.log_text(), "the link")
    with dropping(unhurried.child.pid, lab.asterisk.ami_port) as sockets:
        assert sockets == 1
        async with calls(lab, rate=EASY) as load:
            await passed(4)
    assert await names_of(load) == {NAME}


async def start_skewed(lab: Lab, daemon: Daemon, skew: str) -> None:
    await daemon.start(env=shifted(skew), timeout=60)
    seconds = 3600 if skew[0] == "+" else -3600

    async def beats() -> bool:
        alive = (await lab.ami_action("Getvar", Variable="PBXD_ALIVE"))["Value"]
        return alive != "" and abs(int(alive) - time.time() - seconds) < 60

    await until(beats, "a heartbeat by the wrong clock")


@pytest.mark.parametrize("skew", ["+1h", "-1h"])
async def test_a_skewed_clock_unnames_nobody(lab: Lab, unhurried: Daemon, skew: str) -> None:
    await start_skewed(lab, unhurried, skew)
    async with calls(lab, rate=EASY) as load:
        await passed(3)
    assert await names_of(load) == {NAME}


@pytest.mark.soak
@pytest.mark.parametrize("skew", ["+1h", "-1h"])
async def test_a_skewed_clock_keeps_the_bounds_of_a_hang(lab: Lab, office: Daemon, rate: int, skew: str) -> None:
    await start_skewed(lab, office, skew)
    async with calls(lab, rate=rate) as load:
        await passed(1)
        hung = time.time()
        office.freeze()
        await passed(4)
        thawed = time.time()
        office.thaw()
        await load.until_named(thawed)
    passages = [one for one in await load.passages() if one.at < thawed]
    report(f"hung, clock {skew}", passages, hung)
    assert {one.name for one in passages if one.at + one.delay < hung} == {NAME}
    assert waiting(passages)
    for one in waiting(passages):
        assert hung - AT_ONCE < one.at < hung + NOTICED


async def test_a_freshly_started_pbx_unnames_nobody(lab: Lab, unhurried: Daemon) -> None:
    await unhurried.start()
    await lab.restart_asterisk()
    async with calls(lab, rate=EASY) as load:
        await passed(2)
    assert await names_of(load) == {NAME}
