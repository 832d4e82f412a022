"""Programs run to their end: how long they took, how much processor time and memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.lab.asterisk import CHECKOUT
from tests.lab.processes import LabError

_KIB, _MB = 1024, 1e6
_CONFIGURATION = '[asterisk]\nsecret = "x"\n[database]\nurl = "sqlite+aiosqlite:///book.db"\n'


@dataclass(frozen=True)
class Run:
    """`processor`: seconds of the program and all its children; `memory`: MB of the biggest of them."""

    seconds: float
    processor: float
    memory: float
    output: str


def pbxd(folder: Path, *arguments: str) -> Run:
    """Run a command of pbxd on the database `book.db` in this folder."""
    return _run(*_command(folder, *arguments))


def first_line(folder: Path, *arguments: str) -> Run:
    """Run a command of pbxd on `book.db`, and end it once it has printed a line."""
    command = _command(folder, *arguments)
    began = time.monotonic()
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
        line = child.stdout.readline() if child.stdout else b""
        took = time.monotonic() - began
        child.kill()
        _pid, _status, used = os.wait4(child.pid, 0)
        child.returncode = 0
    if not line:
        raise LabError(f"{' '.join(command)}: no line")
    return Run(took, used.ru_utime + used.ru_stime, used.ru_maxrss * _KIB / _MB, line.decode())


def bare(*arguments: str | Path) -> Run:
    """Run one of the references of `tests.bench.bare`."""
    return _run(sys.executable, "-m", "tests.bench.bare", *map(str, arguments))


def _command(folder: Path, *arguments: str) -> tuple[str, ...]:
    configuration = folder / "pbxd.toml"
    configuration.write_text(_CONFIGURATION, "utf-8")
    return str(Path(sys.executable).with_name("pbxd")), "--config", str(configuration), *arguments


def _run(*command: str) -> Run:
    began = time.monotonic()
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as child:
        output = child.stdout.read() if child.stdout else ""
        _pid, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise LabError(f"{' '.join(command)}: status {child.returncode}: {output[-500:]}")
    processor = used.ru_utime + used.ru_stime
    return Run(time.monotonic() - began, processor, used.ru_maxrss * _KIB / _MB, output)
