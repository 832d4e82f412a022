"""Processes that begin with pbxd's modules imported: forked from a server of the test worker's instead of executed.

A suite starts hundreds of daemons, and two thirds of a start is Python importing the same modules. What is forked is a
process of its own all the same: its environment, folder, output, signals, process group and end are its own.
"""

from __future__ import annotations

import asyncio
import ctypes
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerProcess
from pathlib import Path

_PRELOADED = ["pytest", "pbxd.cli.system.run", __name__]  # pytest is the main module, which each process imports anew
_PR_SET_PDEATHSIG = 1  # prctl(2)
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(_PRELOADED)


class ForkedProcess:
    """What `Child` needs of a process; `asyncio.subprocess.Process` has the same."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process
        self.pid = process.pid or 0

    @classmethod
    async def start(
        cls, arguments: Sequence[str], *, output: Path, errors: Path, env: Mapping[str, str], cwd: Path
    ) -> ForkedProcess:
        """Run the command line `pbxd ARGUMENTS`; what it writes is appended to the two files."""
        process = _context.Process(target=_pbxd, args=(list(arguments), (output, errors), dict(env), cwd))
        process.daemon = True  # ended with this one rather than waited for
        await asyncio.to_thread(process.start)  # the first one waits for the imports
        return cls(process)

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    async def wait(self) -> int:
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._process.sentinel, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(self._process.sentinel)
        self._process.join()
        assert self.returncode is not None
        return self.returncode


def _pbxd(arguments: list[str], files: tuple[Path, Path], env: dict[str, str], cwd: Path) -> None:
    """Become what `exec` would have made of this process, then run the program."""
    os.setsid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    os.chdir(cwd)
    for stream, file in zip((sys.stdout, sys.stderr), files, strict=True):
        opened = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.dup2(opened, stream.fileno())
        os.close(opened)
        stream.reconfigure(write_through=True)  # type: ignore[union-attr]  # as PYTHONUNBUFFERED does
    sys.argv = ["pbxd", *arguments]
    from pbxd.cli import main  # noqa: PLC0415 - imported already, but not in the test's own process

    main()
