"""What the machine's hypervisor took, by which tests that tell times excuse what came late."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

_TICK = os.sysconf("SC_CLK_TCK")
_MOST_ALLOWED = 1.0  # seconds; with more nothing would be found any more


class ProcessorSeconds(NamedTuple):
    """Processor time that this machine's programs wanted, and how much of it its hypervisor took for others."""

    wanted: float
    stolen: float


def processor_seconds(core: int | None = None) -> ProcessorSeconds:
    """Return both since the machine started, of one of its processors or all; without a hypervisor nothing is stolen.

    From /proc/stat, proc(5).
    """
    name = "cpu" if core is None else f"cpu{core}"
    (fields,) = (line.split() for line in Path("/proc/stat").read_text("ascii").splitlines() if line.split()[0] == name)
    user, nice, system, _idle, _wait, irq, softirq, stolen = map(int, fields[1:9])
    return ProcessorSeconds((user + nice + system + irq + softirq + stolen) / _TICK, stolen / _TICK)


def stalled_seconds() -> float:
    """Return how long each processor stood still for others since the machine started, on average."""
    return processor_seconds().stolen / (os.cpu_count() or 1)


def allowance(stalled: float) -> float:
    """Return by how many seconds more a stamp or a line may be late when each processor stood still for so long."""
    return min(stalled, _MOST_ALLOWED)
