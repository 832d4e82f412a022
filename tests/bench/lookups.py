"""A dialplan look-up through the real Asterisk, beside the least a FastAGI server can do and what people use today."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.bench.book import FIRST, place_book
from tests.bench.figures import Figure, figure
from tests.bench.options import Options
from tests.bench.pbx import Loop, bench_lab, seconds_a_turn
from tests.bench.processes import cpu_seconds
from tests.lab.asterisk import CHECKOUT
from tests.lab.lab import Lab
from tests.lab.ports import HOST, free_ports
from tests.lab.processes import Child, until
from tests.lab.processor import processor_seconds

SMALL, USUAL, BIG = 1_000, 100_000, 1_000_000
_SCRIPT = Path(__file__).resolve().with_name("forked_agi.py")
_START_SECONDS = 120
_MICROSECONDS = 1e6
_TURNS = 5  # that a round is cut into: the more often they take turns, the less it matters when the machine stumbles
_STOLEN_SECONDS = 0.02  # turns from which the hypervisor took more of this machine's processors are not counted …
_FEWEST = 5  # … unless that would leave fewer; then the least disturbed are


async def measure(options: Options) -> AsyncIterator[Figure]:
    """Every way in turn, round by round; the empty loop of the same round is taken off."""
    async with bench_lab() as lab:
        loops = await _ways(lab)
        await seconds_a_turn(lab, loops["AGI, bare echo"])  # the first connects of everybody
        turns: dict[str, list[Turn]] = defaultdict(list)
        for _turn in range(options.rounds * _TURNS):
            empty = await seconds_a_turn(lab, Loop("bench-nothing", 600, must_find=False))
            for name, loop in loops.items():
                stolen, before = processor_seconds().stolen, cpu_seconds(loop.pid) if loop.pid else 0.0
                seconds = await seconds_a_turn(lab, loop) - empty
                used = (cpu_seconds(loop.pid) - before) / loop.times if loop.pid else 0.0
                turns[name].append(Turn(processor_seconds().stolen - stolen, seconds, used))
    kept = {name: _undisturbed(each) for name, each in turns.items()}
    took = {name: [each.seconds * _MICROSECONDS for each in some] for name, some in kept.items()}
    used_by = {name: [each.used * _MICROSECONDS for each in some] for name, some in kept.items() if loops[name].pid}
    for each in _figures(took, used_by):
        yield each


class Turn(NamedTuple):
    """One turn: what the hypervisor took meanwhile, how long a look-up took, and its server's processor time."""

    stolen: float
    seconds: float
    used: float


def _undisturbed(turns: Sequence[Turn]) -> list[Turn]:
    limit = max(_STOLEN_SECONDS, sorted(each.stolen for each in turns)[:_FEWEST][-1])
    return [each for each in turns if each.stolen <= limit]


def _figures(took: dict[str, list[float]], used: dict[str, list[float]]) -> list[Figure]:
    echo, small, usual, big, guarded = (
        took[name]
        for name in ("AGI, bare echo", f"pbxd, {SMALL:,}", f"pbxd, {USUAL:,}", f"pbxd, {BIG:,}", "pbxd, guarded")
    )
    return [
        figure(
            "look-up at 100,000 contacts / bare FastAGI echo", _ratio(usual, echo), "times", goal=1.25,
            reference=f"pbxd {median(usual):.0f} µs, echo {median(echo):.0f} µs",
        ),
        figure(
            "look-up at 1,000,000 numbers / at 1,000", _ratio(big, small), "times", goal=1.1,
            reference=f"{median(big):.0f} µs, {median(small):.0f} µs",
        ),
        *(
            figure(f"look-up at 100,000 contacts / {other[5:]}", _ratio(usual, took[other]), "times")
            for other in ("AGI, echo on uvloop", "AGI, echo by asyncio streams")
        ),
        figure(
            "look-up with the dialplan's guard / bare FastAGI echo", _ratio(guarded, echo), "times",
            reference="Gosub(pbxd-lookup,s,1): some twenty dialplan lines more",
        ),
        *(figure(f"one look-up: {name}", values, "µs") for name, values in took.items()),
        *(figure(f"processor time of the one asked: {name}", values, "µs") for name, values in used.items()),
    ]  # fmt: skip


def _ratio(ours: list[float], theirs: list[float]) -> list[float]:
    """Compare the medians: which turns were left alone differs from one to the other."""
    return [median(ours) / median(theirs)]


async def _ways(lab: Lab) -> dict[str, Loop]:
    """Start everybody who answers."""
    ports = dict(zip(("echo", "uvloop", "streams", "http"), free_ports(4), strict=True))
    servers = {what: await _serve(lab, what, port) for what, port in ports.items()}
    daemons = {count: await _pbxd(lab, count) for count in (SMALL, USUAL, BIG)}
    await lab.ami_action("Setvar", Variable="PBXD_AGI", Value=daemons[USUAL][0])
    script = _executable(lab.folder / "fork.agi", lab.folder / f"b{USUAL}.db")
    await place_book(USUAL, lab.folder / f"b{USUAL}.db")
    await _fill_astdb(lab, SMALL)
    return {
        **{
            name: Loop("bench-agi", 300, f"{HOST}:{ports[what]}", pid=servers[what].pid)
            for name, what in (
                ("AGI, bare echo", "echo"),
                ("AGI, echo on uvloop", "uvloop"),
                ("AGI, echo by asyncio streams", "streams"),
            )
        },
        **{
            f"pbxd, {count:,}": Loop("bench-agi", 300, at, contacts=count, pid=pid)
            for count, (at, pid) in daemons.items()
        },
        "pbxd, guarded": Loop("pbxd-lookup", 300),
        f"AstDB, {SMALL:,}": Loop("bench-astdb", 600, contacts=SMALL),
        "CURL() to a bare aiohttp handler": Loop(
            "bench-curl", 100, f"http://{HOST}:{ports['http']}/", pid=servers["http"].pid
        ),
        "AGI, forked Python + SQLite": Loop("bench-fork", 6, str(script)),
    }


async def _pbxd(lab: Lab, contacts: int) -> tuple[str, int]:
    """Start a pbxd with a book of its own; return where its FastAGI server listens, and its process id."""
    agi, http = (f"{HOST}:{port}" for port in free_ports(2))
    # Not linked to AMI: a channel that changes its number a thousand times a second makes events no call makes,
    # and following them would be measured. What following real calls costs is in the load.
    nobody = {"port": free_ports(1)[0]}
    daemon = lab.prepare({"agi": {"listen": agi}, "http": {"listen": http}, "asterisk": nobody})
    await place_book(contacts, daemon.folder / "pbxd.db")
    await daemon.start(timeout=_START_SECONDS)
    assert daemon.child
    return agi, daemon.child.pid


async def _serve(lab: Lab, what: str, port: int) -> Child:
    command = [sys.executable, "-m", "tests.bench.servers", what, str(port)]
    child = await Child.start(command, log=lab.folder / f"{what}.log", cwd=CHECKOUT)
    lab._stack.push_async_callback(child.stop)  # ends with the lab
    await until(lambda: _listens(port), f"the {what} server", timeout=_START_SECONDS)
    return child


def _listens(port: int) -> bool:
    wanted = f"0100007F:{port:04X} 00000000:0000 0A"  # state 0A: listening
    return wanted in Path("/proc/net/tcp").read_text("ascii")


def _executable(script: Path, book: Path) -> Path:
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E {_SCRIPT} "{book}"\n', encoding="utf-8")
    script.chmod(0o755)
    return script


async def _fill_astdb(lab: Lab, entries: int) -> None:
    for place in range(entries):
        key = str(FIRST + 10_000_000_000 + place)
        await lab.ami_action("DBPut", Family="cidname", Key=key, Val=f"Клиент {place}")
