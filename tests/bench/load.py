"""Calls at a high rate: is every one in the history exactly once, with its outcome, and what does that cost?"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.bench.book import place_book
from tests.bench.crowd import ANSWERING, Crowd, agents, call
from tests.bench.figures import Figure, figure
from tests.bench.options import Options
from tests.bench.pbx import bench_lab
from tests.bench.processes import cpu_seconds
from tests.lab.daemon import Daemon
from tests.lab.lab import Lab
from tests.lab.processes import LabError, until

CONTACTS = 100_000
_RATES = (200, 175, 150, 125, 100, 80, 60, 40, 20)
_TRIAL_SECONDS = 12.0
_MOST_REPEATED = 0.01  # of the calls: SIP messages sent again, because Asterisk was late
_QUEUE_SHARE = 0.3
_SETTLE_SECONDS = 60.0


@dataclass
class Run:
    """A crowd of callers and what it cost, processor seconds."""

    crowd: Crowd
    asterisk: float
    pbxd: float
    recorded: Counter[str]  # by number
    outcomes: dict[str, str | None]

    @property
    def wrong(self) -> int:
        """How many calls are missing, doubled, of nobody, or have another outcome than the caller saw.

        Of calls that Asterisk never answered with anything it may know nothing either; they are not the history's.
        """
        became = self.crowd.became
        wrong = [number for number in became if self.outcomes.get(number) != became[number]]
        doubled = [number for number, times in self.recorded.items() if times > self.crowd.dialled[number]]
        return len({*wrong, *doubled})

    @property
    def ignored(self) -> int:
        """How many calls Asterisk never answered: under more load than it can bear it drops new INVITEs silently."""
        return self.crowd.calls - len(self.crowd.became)


async def measure(options: Options) -> AsyncIterator[Figure]:
    """Find the rate Asterisk sustains alone, and with pbxd on the same cores; then make that many calls a second,
    or fewer, for as long as Asterisk lets some go unanswered."""
    async with bench_lab() as lab:
        await _prepare_queue(lab)
        await agents(lab, lab.folder / "agents")
        alone = await _sustained(lab, options.rate, "Asterisk alone")
        yield figure(
            "calls a second Asterisk sustains alone", [alone], "calls/s", reference=f"asked for {options.rate}"
        )
        daemon = lab.prepare()
        await place_book(CONTACTS, daemon.folder / "pbxd.db")
        await daemon.start(timeout=_SETTLE_SECONDS)
        rate = await _sustained(lab, alone, "Asterisk and pbxd")
        yield figure("calls a second with pbxd on the same cores", [rate], "calls/s", reference=f"{alone} without")
        direct = None
        for attempt, slower in enumerate(_RATES[_RATES.index(rate) :]):
            if direct is None or direct.ignored:
                direct = await _run(lab, daemon, Crowd(slower, options.seconds, first=CONTACTS // 2 + attempt * 10_000))
                for each in _figures(f"{slower:.0f} calls/s for {options.seconds:.0f} s", direct, judged=True):
                    yield each
                rate = slower
        mixed = Crowd(rate / 2, min(options.seconds, 20), _QUEUE_SHARE, first=CONTACTS * 2)
        name = f"{rate / 2:.0f} calls/s, {_QUEUE_SHARE:.0%} of them through a queue"
        for each in _figures(name, await _run(lab, daemon, mixed), judged=False):
            yield each


def _figures(name: str, run: Run, *, judged: bool) -> list[Figure]:
    calls = sum(run.crowd.dialled.values())
    told = ", ".join(f"{count} {what}" for what, count in Counter(run.crowd.became.values()).most_common())
    return [
        figure(
            f"{name}: not exactly once in the history, or with another outcome", [run.wrong], "calls",
            goal=0 if judged else None, reference=f"{calls} dialled: {told}; {run.ignored} ignored by Asterisk",
        ),
        figure(
            f"{name}: processor time, pbxd / Asterisk", [run.pbxd / run.asterisk], "times",
            goal=1 if judged else None,
            reference=f"a call: {run.pbxd / calls * 1e3:.2f} ms, {run.asterisk / calls * 1e3:.2f} ms",
        ),
    ]  # fmt: skip


async def _sustained(lab: Lab, most: int, who: str) -> int:
    """Return the first of the rates at which every call is answered without being late."""
    for rate in _RATES:
        if rate > most:
            continue
        crowd = Crowd(rate, _TRIAL_SECONDS, first=CONTACTS * 10)
        await call(lab, crowd, lab.folder / f"{who.replace(' ', '-')}-{rate}")
        await lab.command("channel request hangup all")  # where Asterisk was too late, somebody may have been forgotten
        await _until_silent(lab)
        whole = len(crowd.became) == crowd.calls and "failed" not in crowd.became.values()
        told = ", ".join(f"{count} {what}" for what, count in Counter(crowd.became.values()).most_common())
        print(
            f"  {who} at {rate} calls/s: {told} of {crowd.calls}, {crowd.repeated} messages repeated",
            flush=True,
        )
        if whole and crowd.repeated <= _MOST_REPEATED * crowd.calls:
            return rate
    raise LabError(f"{who}: {_RATES[-1]} calls a second are too many")


async def _run(lab: Lab, daemon: Daemon, crowd: Crowd) -> Run:
    asterisk, pbxd = lab.asterisk.child, daemon.child
    assert asterisk
    assert pbxd
    database = daemon.folder / "pbxd.db"
    await _until_recorded(database)
    earlier = _history(database).keys()
    before = cpu_seconds(asterisk.pid), cpu_seconds(pbxd.pid)
    await call(lab, crowd, lab.folder / f"calls{crowd.first}")
    if len(crowd.became) < crowd.calls:
        await lab.command("channel request hangup all")  # of those SIPp took for dead
    await _until_silent(lab)
    await _until_recorded(database)
    after = cpu_seconds(asterisk.pid), cpu_seconds(pbxd.pid)
    rows = [row for call_id, row in _history(database).items() if call_id not in earlier]
    recorded = Counter(number for number, _outcome in rows)
    return Run(crowd, after[0] - before[0], after[1] - before[1], recorded, dict(rows))


async def _until_silent(lab: Lab) -> None:
    async def silent() -> bool:
        return not await lab.channels()

    await until(silent, "Asterisk without channels", timeout=_SETTLE_SECONDS, every=0.5)


async def _until_recorded(database: Path) -> None:
    """Wait until the history says of every call that it ended, and nothing is added any more."""
    seen = -1

    def quiet() -> bool:
        nonlocal seen
        rows = _history(database)
        before, seen = seen, len(rows)
        return seen == before and all(outcome for _number, outcome in rows.values())

    await until(quiet, "the whole history", timeout=_SETTLE_SECONDS, every=1.0)


def _history(database: Path) -> dict[str, tuple[str, str | None]]:
    """Return caller and outcome of every call, by its id."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT id, caller_number, outcome FROM calls WHERE merged_into IS NULL").fetchall()
    return {call_id: (number, outcome) for call_id, number, outcome in rows}


async def _prepare_queue(lab: Lab) -> None:
    """Make a queue whose one phone takes any number of calls at a time."""
    member = f"PJSIP/{ANSWERING}"
    with (lab.folder / "etc" / "queues.conf").open("a", encoding="utf-8") as queues:
        queues.write("\n[bench]\nstrategy = rrmemory\nringinuse = yes\nautofill = yes\n")
        queues.write(f"member => {member},0,{ANSWERING},{member}\n")
    await lab.command("queue reload all")
