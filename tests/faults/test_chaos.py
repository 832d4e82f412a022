"""Kills and cuts at random moments under 20 calls a second: what Asterisk's CEL knows is in the history exactly once.

`PBXD_CHAOS_SEED` repeats a run's choices (issue "The truth of calls", done means 2).
"""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from tests.bench.crowd import ANSWERING, BUSY, RINGING, SCENARIOS, agents
from tests.faults.history import QUICK_LINK, Call, epoch, lines, logged, outages, unfilled, until_logged
from tests.faults.judging import Allowed, Fault, complaints, told_by
from tests.lab import Lab
from tests.lab.daemon import Daemon
from tests.lab.lab import NUMBERS
from tests.lab.ports import HOST
from tests.lab.processes import Child, LabError, until
from tests.lab.processor import stalled_seconds
from tests.lab.wire import Wire, wire_to
from tests.unjudged import unjudged

pytestmark = pytest.mark.lab

KINDS = ("pbxd", "asterisk", "reset", "silent")
RATE = 20  # calls a second
SECONDS = 1.5  # of calls, a round
TARGETS = [NUMBERS[ANSWERING]] * 6 + [NUMBERS[BUSY]] + [NUMBERS[RINGING]] * 3
PATIENCE = 1000  # milliseconds until a caller gives up
RESTART_SECONDS = 0.1  # systemd/pbxd.service, RestartSec
SETTLE_SECONDS = 40
FROZEN_SECONDS = 2.0  # of a round each processor stood still for so long: Asterisk tells events seconds late


@dataclass
class Chaos:
    """One office, its traffic and what is done to it."""

    lab: Lab
    wire: Wire
    daemon: Daemon
    choice: random.Random
    began: float
    filled: bool  # whether Asterisk's CEL is configured as the log to fill gaps from
    faults: list[Fault] = field(default_factory=list)
    rounds: count[int] = field(default_factory=count)
    stalled: float = 0.0  # seconds that a hypervisor took from each processor in the worst of the rounds, but these:
    frozen: list[tuple[float, float]] = field(default_factory=list)  # when rounds began and ended that say little
    longest_stall: float = 0.0  # of those

    async def round(self, kind: str) -> None:
        """Do one thing at a random moment of calls, and wait until all is over."""
        number = next(self.rounds)
        folder = self.lab.folder / f"chaos{self.began:.0f}-{number}"
        before, began = stalled_seconds(), time.time()
        callers = await self._call(folder, number)
        try:
            await asyncio.sleep(self.choice.uniform(0.3, SECONDS))
            steps = logged(self.daemon, "resync_done")
            self.faults.append(Fault(kind, time.time()))
            await self._do(kind)
            await self._until_silent(callers)
            await until_logged(self.daemon, "resync_done", steps + 1)
        finally:
            await callers.stop()
        stalled = stalled_seconds() - before
        if stalled > FROZEN_SECONDS:
            self.frozen.append((began, time.time()))
            self.longest_stall = max(self.longest_stall, stalled)
        else:
            self.stalled = max(self.stalled, stalled)

    async def _do(self, kind: str) -> None:
        doing: dict[str, Callable[[], Awaitable[None]]] = {
            "pbxd": self._kill_pbxd,
            "asterisk": self.lab.restart_asterisk,
            "reset": self._cut,
            "silent": self._silence,
        }
        await doing[kind]()

    async def _kill_pbxd(self) -> None:
        await self.daemon.kill()
        await asyncio.sleep(RESTART_SECONDS)
        await self.daemon.start(ready=False)

    async def _cut(self) -> None:
        self.wire.refusing = True
        self.wire.reset()
        await asyncio.sleep(self.choice.uniform(0.0, 1.5))
        self.wire.refusing = False

    async def _silence(self) -> None:
        self.wire.go_silent()

    async def _call(self, folder: Path, number: int) -> Child:
        """Let SIPp call, each caller with a number of his own; answered calls last 0.1 to 1.0 seconds."""
        folder.mkdir()  # noqa: ASYNC240 - nothing waits for it
        calls = round(RATE * SECONDS)
        lines = [f"8900{number:03}{place:04};{self.choice.choice(TARGETS)};" for place in range(calls)]
        (folder / "numbers.csv").write_text("\n".join(["SEQUENTIAL", *lines, ""]), encoding="ascii")
        text = (SCENARIOS / "caller.xml").read_text(encoding="utf-8").replace("@PATIENCE@", str(PATIENCE))
        lasting = '<pause distribution="uniform" min="100" max="1000"/>'
        (folder / "caller.xml").write_text(text.replace('<pause milliseconds="2000"/>', lasting), encoding="utf-8")
        port = self.lab.caller_ports[number % len(self.lab.caller_ports)]
        return await Child.start(
            [
                "sipp", f"{HOST}:{self.lab.asterisk.sip_port}", "-sf", str(folder / "caller.xml"), "-i", HOST,
                "-p", str(port), "-nostdin", "-r", str(RATE), "-l", "1000", "-m", str(calls),
                "-inf", str(folder / "numbers.csv"),
                "-trace_logs", "-log_file", str(folder / "calls.log"),
            ],
            log=folder / "screen.log", cwd=folder,
        )  # fmt: skip

    async def _until_silent(self, callers: Child) -> None:
        """Let the calls end; those that a crash of Asterisk left behind are ended, also what comes in late."""
        try:
            await callers.wait(SECONDS + 1.0)
        except TimeoutError:
            await callers.stop()

        async def silent() -> bool:
            await self.lab.command("channel request hangup all")
            return not await self.lab.channels()

        await until(silent, "Asterisk without channels", timeout=SETTLE_SECONDS, every=0.2)

    async def history(self) -> list[Call]:
        found: list[Call] = []
        before = ""
        while True:
            status, answer = await self.daemon.api(f"/api/v1/calls?limit=1000{before}")
            assert status == 200, answer
            found += answer["items"]
            if len(answer["items"]) < 1000:
                return [call for call in found if epoch(call["started"]) >= self.began]
            before = f"&before={found[-1]['id']}"

    async def wrong(self, *, filled: bool) -> list[str]:
        """Return what is wrong with the history now, by the rule for one that is filled or for one that isn't."""
        told = told_by(self.lab.cel(since=self.began))
        may = Allowed.when_stalled(self.stalled)
        links = [epoch(line["timestamp"]) for line in lines(self.daemon, "ami_connected")]
        found = await self.history()
        return complaints(
            told, found, outages(self.daemon), self.faults, links=links, frozen=self.frozen, filled=filled, may=may
        )

    async def settle(self) -> None:
        """Wait until nothing is wrong; fail with what is when that doesn't come."""
        found: list[str] = []

        async def right() -> bool:
            found[:] = await self.wrong(filled=self.filled)
            return not found and not (self.filled and unfilled(self.daemon))

        try:
            await until(right, "a history without faults", timeout=SETTLE_SECONDS, every=0.2)
        except LabError:
            pytest.fail("\n".join([f"after {self.faults}:", *found[:20], *map(str, outages(self.daemon))]))


@pytest.fixture(scope="module")
async def lab() -> AsyncIterator[Lab]:
    """A lab of its own: in the journal of one whose Asterisk was killed there are calls that never end."""
    async with Lab() as own:
        yield own


@asynccontextmanager
async def chaos(lab: Lab, *, filled: bool = False) -> AsyncIterator[Chaos]:
    seed = os.environ.get("PBXD_CHAOS_SEED") or str(secrets.randbits(32))
    print(f"PBXD_CHAOS_SEED={seed}")
    phones = await agents(lab, lab.folder / f"agents{time.time():.0f}")
    try:
        async with wire_to(lab.asterisk.ami_port) as wire:
            began = time.time()
            log = {"backfill": {"cel": str(lab.folder / "log/cel-custom/cel.csv")}} if filled else {}
            daemon = await lab.pbxd({"asterisk": {**QUICK_LINK, "port": wire.port}, **log})
            await until_logged(daemon, "resync_done")
            yield Chaos(lab, wire, daemon, random.Random(seed), began, filled)
            await daemon.stop()
    finally:
        for phone in phones:
            await phone.stop()


async def play(lab: Lab, rounds: int, *, filled: bool, most_frozen: int) -> None:
    """Play that many rounds, judging after each one; all kinds come nearly as often, in random order.

    With more than `most_frozen` rounds in which the machine stood still, the test is not judged.

    The control: a history without back-fill is wrong by the rule for one with it.
    """
    kinds: list[str] = []
    async with chaos(lab, filled=filled) as office:
        for number in range(rounds):
            if number % len(KINDS) == 0:
                kinds = office.choice.sample(KINDS, len(KINDS))
            kind, began = kinds.pop(), time.monotonic()
            await office.round(kind)
            await office.settle()
            took = f"{time.monotonic() - began:.1f} s, stalled {office.stalled:.1f} s at most"
            print(f"round {number}: {kind}, {took}, {len(office.frozen)} rounds frozen", flush=True)
        talked = [call for call in told_by(lab.cel(since=office.began)).values() if call.answered]
        assert len(talked) > rounds * RATE / 4, "hardly anybody talked: there was nothing to lose"
        told = await office.wrong(filled=True)
        assert any("lost" in each or "ends at" in each for each in told) is not filled
    if len(office.frozen) > most_frozen:
        unjudged(f"in {len(office.frozen)} of {rounds} rounds each processor stood still, {office.longest_stall:.1f} s")


@pytest.mark.parametrize(("rounds", "filled"), [(3, False), (2, True)])
async def test_no_call_is_lost_doubled_or_invented_whatever_fails(lab: Lab, rounds: int, filled: bool) -> None:
    await play(lab, rounds, filled=filled, most_frozen=0)


@pytest.mark.soak
@pytest.mark.parametrize("filled", [False, True])
async def test_two_hundred_rounds_of_chaos(lab: Lab, filled: bool) -> None:
    rounds = int(os.environ.get("PBXD_CHAOS_ROUNDS", "200"))
    await play(lab, rounds, filled=filled, most_frozen=rounds // 2)


@pytest.mark.soak
async def test_without_the_snapshot_the_judge_finds_the_loss(lab: Lab) -> None:
    """The control: a pbxd whose question for the channels is never understood."""
    async with chaos(lab) as office:
        office.wire.garbling[b"CoreShowChannels"] = b"NobodyKnowsThis!"
        steps = logged(office.daemon, "resync_done")
        callers = await office._call(lab.folder / "control", 0)
        await asyncio.sleep(1.0)
        office.faults.append(Fault("reset", time.time()))
        await office._cut()
        await office._until_silent(callers)
        await until_logged(office.daemon, "resync_failed")
        found = await office.wrong(filled=False)
        assert logged(office.daemon, "resync_done") == steps
    assert any("never ends" in each or "lost" in each for each in found), found
    assert any("untold" in each for each in found), found
