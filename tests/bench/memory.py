"""Memory of an empty and of a big book, and how soon pbxd is ready with them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from tests.bench.book import place_book
from tests.bench.figures import Figure, figure
from tests.bench.options import Options
from tests.bench.processes import memory
from tests.lab.daemon import Daemon
from tests.lab.lab import Lab
from tests.lab.processes import until

BIG = 1_000_000
_READY_SECONDS = 120


async def measure(options: Options) -> AsyncIterator[Figure]:
    """Start pbxd with each book, a round each in turn."""
    empty: list[float] = []
    fresh: list[float] = []
    big: list[float] = []
    highest: list[float] = []
    seconds: list[float] = []
    async with Lab() as lab:
        known = lab.prepare()
        full = lab.prepare()
        await place_book(BIG, full.folder / "pbxd.db")
        await _start(known)
        for _round in range(options.rounds):
            fresh.append((await _start(lab.prepare()))[1])
            empty.append((await _start(known))[1])
            took, now, most = await _start(full)
            seconds.append(took)
            big.append(now)
            highest.append(most)
    yield figure("memory, empty book, first start ever", fresh, "MB", goal=80)
    yield figure("memory, empty book", empty, "MB", goal=80)
    yield figure("memory, 1,000,000 numbers", big, "MB", goal=500)
    yield figure("the highest while starting, 1,000,000 numbers", highest, "MB")
    yield figure("ready after, 1,000,000 numbers", seconds, "s", goal=15)


async def _start(daemon: Daemon) -> tuple[float, float, float]:
    """Return seconds from the start of the process to READY=1, and its memory, now and at most, once in step."""
    began = time.perf_counter()
    await daemon.start(ready=False)
    manager, child = daemon.manager, daemon.child
    assert manager
    assert child
    await until(lambda: "READY=1" in manager.heard, "READY=1 of pbxd", timeout=_READY_SECONDS, every=0.01)
    took = time.perf_counter() - began
    await until(lambda: "resync_done" in daemon.log_text(), "pbxd in step with Asterisk", timeout=_READY_SECONDS)
    await until(lambda: "employees_synced" in daemon.log_text(), "the employees", timeout=_READY_SECONDS)
    now, most = memory(child.pid)
    await daemon.stop()
    daemon.log.unlink()
    return took, now, most
