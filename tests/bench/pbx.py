"""The lab's Asterisk as a measuring bench: its log and its other listeners quiet, our dialplan beside its own."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.book import FIRST, SPREAD
from tests.lab.ami import AmiSession, Packet
from tests.lab.lab import Lab
from tests.lab.processes import LabError

ETC = Path(__file__).resolve().parent / "etc"
_RUNS = itertools.count(1)
_LONGEST_RUN = 120.0


@dataclass(frozen=True)
class Loop:
    """What one channel repeats: a context of bench.conf (or another with an `s`), asked at `server`."""

    context: str
    times: int
    server: str = ""
    contacts: int = 100_000  # callers are among the first so many of the book
    must_find: bool = True
    pid: int = 0  # of the process that answers


@asynccontextmanager
async def bench_lab() -> AsyncIterator[Lab]:
    """Start a lab whose Asterisk writes no verbose log and no CEL file: they would be measured, nobody has them on."""
    async with Lab() as lab:
        etc = lab.folder / "etc"
        with (etc / "extensions.conf").open("a", encoding="utf-8") as dialplan:
            dialplan.write(f'\n#include "{ETC / "bench.conf"}"\n')
        logger = etc / "logger.conf"
        logger.write_text(logger.read_text("utf-8").replace(",verbose(3)", ""), "utf-8")
        for command in ("core set verbose 0", "logger reload", "dialplan reload"):
            await lab.command(command)
        await lab.ami_action("ModuleLoad", Module="cel_custom.so", LoadType="unload")
        await lab.ami_action("Events", EventMask="user")
        yield lab


async def seconds_a_turn(lab: Lab, loop: Loop) -> float:
    """Run a loop on one Local channel; return how long a turn took by the PBX's own clock."""
    run = str(next(_RUNS))
    variables = {
        "RUN": run, "WHAT": loop.context, "TIMES": str(loop.times), "SERVER": loop.server,
        "FIRST": str(FIRST + 10_000_000_000), "STEP": str(SPREAD), "SPAN": str(loop.contacts),
    }  # fmt: skip
    session: AmiSession = lab.admin
    since = len(session.packets)
    await session.action(
        "Originate",
        {
            "Channel": "Local/loop@bench/n", "Context": "bench", "Exten": "wait", "Priority": "1", "Async": "true",
            "Variable": [f"__BENCH_{name}={value}" for name, value in variables.items()],
        },
    )  # fmt: skip
    began, ended = [await _told(session, name, run, since) for name in ("BenchBegan", "BenchEnded")]
    if loop.must_find and int(ended["Found"]) != loop.times:
        raise LabError(f"{loop.context} at {loop.server} found {ended['Found']} of {loop.times} callers")
    return (float(ended["Timestamp"]) - float(began["Timestamp"])) / loop.times


async def _told(session: AmiSession, name: str, run: str, since: int) -> Packet:
    return await session.expect(
        lambda packet: packet.get("UserEvent") == name and packet.get("Run") == run,
        name, timeout=_LONGEST_RUN, since=since,
    )  # fmt: skip
