"""Many callers and agents, played by SIPp: who called, and what became of each call, in SIPp's own words."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.book import FIRST
from tests.lab.lab import Lab
from tests.lab.ports import HOST, free_ports
from tests.lab.processes import Child, LabError

SCENARIOS = Path(__file__).resolve().parent / "sipp"
ANSWERING, BUSY, RINGING = "101", "102", "103"
DIRECT = {extension: f"7495123{1000 + int(extension)}" for extension in (ANSWERING, BUSY, RINGING)}
QUEUE = "74951231200"
_EVERY_BUSY, _EVERY_RINGING = 20, 20  # one call in so many
_GRACE_SECONDS = 60


@dataclass
class Crowd:
    """What one run is to be, and then what it was. Every caller has a number of his own."""

    rate: float  # calls a second
    seconds: float
    queue_share: float = 0.0
    first: int = 0  # the place in the book of the first caller
    dialled: Counter[str] = field(default_factory=Counter)  # by number, as the history writes it
    became: dict[str, str] = field(default_factory=dict)  # number -> outcome, as the caller saw it
    repeated: int = 0  # SIP messages sent again: somebody was too slow

    @property
    def calls(self) -> int:
        return round(self.rate * self.seconds)


async def agents(lab: Lab, folder: Path) -> list[Child]:
    """Let SIPp be the three phones, for as many calls as come."""
    phones = ((ANSWERING, "answering"), (BUSY, "busy"), (RINGING, "ringing"))
    return [await _sipp(folder / name, SCENARIOS / f"{name}.xml", lab, lab.release(who)) for who, name in phones]


async def call(lab: Lab, crowd: Crowd, folder: Path) -> None:
    """Make the calls and wait for their ends; the impatient callers are a SIPp of their own."""
    dialled = [(f"8{str(FIRST + crowd.first + place)[1:]}", _target(place, crowd)) for place in range(crowd.calls)]
    impatient = [each for each in dialled if each[1] == DIRECT[RINGING]]
    patient = [each for each in dialled if each[1] != DIRECT[RINGING]]
    groups = (("caller", patient), ("impatient", impatient))
    running = [
        await _callers(lab, folder / name, group, len(group) / crowd.seconds, port)
        for (name, group), port in zip(groups, lab.caller_ports, strict=False)
        if group
    ]
    await asyncio.gather(*(child.wait(crowd.seconds + _GRACE_SECONDS) for child in running))
    for name, _group in groups:
        _read(folder / name, crowd)
    if len(crowd.dialled) != crowd.calls:
        errors = [(folder / name / "errors.log").read_text("utf-8", "replace")[-500:] for name, _group in groups]
        raise LabError(f"SIPp made {len(crowd.dialled)} calls instead of {crowd.calls}: {errors}")


def _target(place: int, crowd: Crowd) -> str:
    if place % _EVERY_BUSY == 1:
        return DIRECT[BUSY]
    if place % _EVERY_RINGING == 2:
        return DIRECT[RINGING]
    if place % 100 < crowd.queue_share * 100:
        return QUEUE
    return DIRECT[ANSWERING]


async def _callers(lab: Lab, folder: Path, group: list[tuple[str, str]], rate: float, port: int) -> Child:
    folder.mkdir(parents=True)  # noqa: ASYNC240 - before anything is measured
    (folder / "numbers.csv").write_text(
        "SEQUENTIAL\n" + "".join(f"{number};{target};\n" for number, target in group), encoding="ascii"
    )
    pace = ["-r", str(max(1, round(rate * 10))), "-rp", "10000", "-l", "10000"]
    return await _sipp(
        folder, SCENARIOS / f"{folder.name}.xml", lab, port, *pace,
        "-m", str(len(group)), "-inf", str(folder / "numbers.csv"),
        "-trace_logs", "-log_file", str(folder / "calls.log"), "-trace_stat", "-stf", str(folder / "statistics.csv"),
        "-fd", "1",
    )  # fmt: skip


async def _sipp(folder: Path, scenario: Path, lab: Lab, port: int, *more: str) -> Child:
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - before anything is measured
    (media,) = free_ports(1, socket.SOCK_DGRAM)  # SIPp wants one, though nobody sends audio
    child = await Child.start(
        [
            "sipp", f"{HOST}:{lab.asterisk.sip_port}", "-sf", str(scenario), "-i", HOST, "-p", str(port),
            "-mp", str(media), "-nostdin", "-trace_err", "-error_file", str(folder / "errors.log"), *more,
        ],
        log=folder / "screen.log", cwd=folder,
    )  # fmt: skip
    lab._stack.push_async_callback(child.stop)  # ends with the lab
    return child


def _read(folder: Path, crowd: Crowd) -> None:
    if not folder.exists():
        return
    for line in (folder / "calls.log").read_text("ascii", "replace").splitlines():
        number, _blank, what = line.strip().partition(" ")
        seen = f"+7{number[1:]}"
        if what == "dialled":
            crowd.dialled[seen] += 1
        else:
            crowd.became[seen] = what
    rows = [line.split(";") for line in (folder / "statistics.csv").read_text("ascii").splitlines()]
    if len(rows) < 2:
        raise LabError(f"SIPp wrote no statistics:\n{(folder / 'screen.log').read_text('ascii', 'replace')[-2000:]}")
    crowd.repeated += int(rows[-1][rows[0].index("Retransmissions(C)")])
