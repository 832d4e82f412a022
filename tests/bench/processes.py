"""What the kernel says of a running process."""

from __future__ import annotations

import os
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_KIB = 1024
_MB = 1e6


def cpu_seconds(pid: int) -> float:
    """Return the processor time of all its threads so far, utime + stime of proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def run_seconds(pid: int) -> float:
    """Return how long its threads of now have run so far, to the nanosecond: for what takes less than a tick."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(each.read_text("ascii").split()[0]) for each in threads) / 1e9


def memory(pid: int) -> tuple[float, float]:
    """Return the resident memory now and at its highest, MB of 10^6 bytes."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines())
    now, highest = (int(lines[name].split()[0]) * _KIB / _MB for name in ("VmRSS", "VmHWM"))
    return now, highest
