"""What the kernel says of a running process, and of the machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

_TICK = os.sysconf("SC_CLK_TCK")
_KIB = 1024
_MB = 1e6


def cpu_seconds(pid: int) -> float:
    """Return the processor time of all its threads so far, utime + stime of proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


class ProcessorSeconds(NamedTuple):
    """Processor time that this machine's programs wanted, and how much of it its hypervisor took for others."""

    wanted: float
    stolen: float


def processor_seconds() -> ProcessorSeconds:
    """Return both since the machine started; without a hypervisor nothing is stolen (proc(5), /proc/stat)."""
    user, nice, system, _idle, _wait, irq, softirq, stolen = map(
        int, Path("/proc/stat").read_text("ascii").split()[1:9]
    )
    return ProcessorSeconds((user + nice + system + irq + softirq + stolen) / _TICK, stolen / _TICK)


def stalled_seconds() -> float:
    """Return how long each processor stood still for others since the machine started, on average."""
    return processor_seconds().stolen / (os.cpu_count() or 1)


def memory(pid: int) -> tuple[float, float]:
    """Return the resident memory now and at its highest, MB of 10^6 bytes."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines())
    now, highest = (int(lines[name].split()[0]) * _KIB / _MB for name in ("VmRSS", "VmHWM"))
    return now, highest
