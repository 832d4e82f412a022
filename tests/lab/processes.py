"""Child processes that can't outlive the lab: each has its own process group and dies with the parent."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

TAIL_LINES = 40
PATIENCE = 60.0  # seconds: what comes at once may take long on a busy machine


class LabError(Exception):
    """The lab can't do what was asked; the message says what was seen."""


class Process(Protocol):
    """What is needed of a process, as `asyncio.subprocess.Process` has it."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    def send_signal(self, number: signal.Signals) -> None: ...
    async def wait(self) -> int: ...


class Child:
    """A running program whose output goes to a file.

    The kernel kills it when the parent dies (PR_SET_PDEATHSIG, set by setpriv, which then becomes the program itself),
    so neither Ctrl-C nor SIGKILL of the test run leaves anything behind.
    """

    def __init__(self, process: Process, name: str, log: Path) -> None:
        self._process = process
        self.name = name
        self.log = log

    @classmethod
    async def start(
        cls, command: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> Child:
        with log.open("ab") as stream:
            process = await asyncio.create_subprocess_exec(
                "setpriv", "--pdeathsig", "KILL", "--", *command,
                stdin=asyncio.subprocess.DEVNULL, stdout=stream, stderr=stream,
                env=env, cwd=cwd, start_new_session=True,
            )  # fmt: skip
        return cls(process, Path(command[0]).name, log)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.returncode

    def tail(self, lines: int = TAIL_LINES) -> str:
        return tail(self.log, lines)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the program itself (SIGSTOP makes it hang, SIGCONT wakes it)."""
        if self.returncode is None:
            self._process.send_signal(number)

    async def wait(self, timeout: float = 30) -> int:
        async with asyncio.timeout(timeout):
            return await self._process.wait()

    async def stop(self, *, grace: float = 5) -> None:
        """End the whole process group: politely, then by force."""
        if self.returncode is None:
            self._signal_group(signal.SIGCONT)
            self._signal_group(signal.SIGTERM)
            try:
                await self.wait(grace)
            except TimeoutError:
                self._signal_group(signal.SIGKILL)
                await self.wait()
        self._signal_group(signal.SIGKILL)

    async def kill(self) -> None:
        """End the whole process group at once, as a crash would."""
        self._signal_group(signal.SIGKILL)
        await self.wait()

    def _signal_group(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return


def stopped(pid: int) -> bool:
    """Whether every thread of a process stands still; a SIGSTOP takes its time, and threads go on until then."""
    threads = Path(f"/proc/{pid}/task").glob("*/stat")
    return all(thread.read_text().rpartition(")")[2].split()[0] == "T" for thread in threads)


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    if not log.exists():
        return f"({log} was never written)"
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


async def until(
    condition: Callable[[], object] | Callable[[], Awaitable[object]],
    what: str,
    *,
    timeout: float = PATIENCE,
    every: float = 0.02,
) -> None:
    """Wait until `condition` (plain or async) is true; a LabError naming `what` after `timeout` seconds."""
    deadline = asyncio.get_running_loop().time() + timeout
    while True:
        value = condition()
        if isinstance(value, Awaitable):
            value = await value
        if value:
            return
        if asyncio.get_running_loop().time() > deadline:
            raise LabError(f"waited {timeout} s in vain for: {what}")
        await asyncio.sleep(every)
