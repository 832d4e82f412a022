"""The service manager's part: what systemd does with the shipped unit's watchdog and restarts."""

from __future__ import annotations

import asyncio
import configparser
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab.daemon import Daemon
from tests.lab.processes import LabError

UNIT = Path(__file__).resolve().parents[2] / "systemd" / "pbxd.service"
_LOOK_SECONDS = 0.01


@dataclass
class Supervisor:
    """Keeps one pbxd running as the unit says; `kills` and `starts` are when it did what (epoch seconds)."""

    daemon: Daemon
    watchdog: float  # seconds
    pause: float  # seconds before a restart
    kills: list[float] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)

    async def run(self) -> None:
        while True:
            self.starts.append(time.time())
            await self.daemon.start(env={"WATCHDOG_USEC": str(int(self.watchdog * 1e6))}, ready=False)
            await self._watch()
            await asyncio.sleep(self.pause)

    async def _watch(self) -> None:
        """Return when the process has ended; kill it when it hasn't been heard of for too long."""
        child, manager = self.daemon.child, self.daemon.manager
        if child is None or manager is None:
            raise LabError("pbxd was not started")
        fed, heard = 0.0, 0  # the watchdog counts from READY=1 on
        while child.returncode is None:
            signs = [word for word in manager.heard if word in {"READY=1", "WATCHDOG=1"}]
            if len(signs) > heard:
                fed, heard = time.monotonic(), len(signs)
            if fed and "STOPPING=1" not in manager.heard and time.monotonic() - fed > self.watchdog:
                self.kills.append(time.time())
                child.send(signal.SIGKILL)
                await child.wait()
            await asyncio.sleep(_LOOK_SECONDS)


@asynccontextmanager
async def supervised(daemon: Daemon) -> AsyncIterator[Supervisor]:
    """Start a prepared pbxd under supervision and wait until it is ready; nothing restarts it after the block."""
    unit = configparser.ConfigParser(interpolation=None, strict=False)
    unit.read(UNIT, encoding="utf-8")
    service = unit["Service"]
    supervisor = Supervisor(daemon, float(service["WatchdogSec"]), _seconds(service["RestartSec"]))
    task = asyncio.create_task(supervisor.run())
    try:
        while daemon.child is None and not task.done():
            await asyncio.sleep(_LOOK_SECONDS)
        await daemon.until_ready()
        yield supervisor
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _seconds(text: str) -> float:
    """Read `100ms` or `2`, the two forms our unit uses."""
    return float(text.removesuffix("ms")) / 1000 if text.endswith("ms") else float(text)
