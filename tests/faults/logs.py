"""Asterisk's own logs as each of its modules writes them, and how pbxd is told where they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pbxd.settings import CDR_COLUMNS
from tests.lab import Lab
from tests.lab.daemon import Config
from tests.lab.processes import LabError

FILES = {
    "cel csv": "cel-custom/cel.csv",
    "cel sqlite": "master.db",
    "cdr csv": "cdr-csv/Master.csv",
    "cdr sqlite": "paths.db",
}
_TIMES = {"start", "answer", "end"}


@asynccontextmanager
async def log(lab: Lab, kind: str) -> AsyncIterator[Config]:
    """Have Asterisk write such a log; yield pbxd's configuration of it."""
    log_of, _blank, where = kind.partition(" ")
    if where == "sqlite":
        async with _module(lab, f"{log_of}_sqlite3_custom", _custom() if log_of == "cdr" else ""):
            yield {"backfill": {log_of: f"sqlite+aiosqlite:///{lab.folder / 'log' / FILES[kind]}"}}
    else:
        yield {"backfill": {log_of: str(lab.folder / "log" / FILES[kind])}}


@asynccontextmanager
async def _module(lab: Lab, name: str, configuration: str) -> AsyncIterator[None]:
    """Have Asterisk load one of its modules, with this configuration if any; it is unloaded again."""
    if configuration:
        (lab.folder / "etc" / f"{name}.conf").write_text(configuration)
    answer = await lab.ami_action("ModuleLoad", Module=f"{name}.so", LoadType="load")
    if answer.get("Response") != "Success":
        raise LabError(f"{name}: {answer}\n{lab.asterisk.report()}")
    try:
        yield
    finally:
        await lab.ami_action("ModuleLoad", Module=f"{name}.so", LoadType="unload")


def _custom() -> str:
    fields = ", ".join(f"{name}(float)" if name in _TIMES else name for name in CDR_COLUMNS)
    return f"[paths]\ntable = cdr\ncolumns = {', '.join(CDR_COLUMNS)}\nfields = {fields}\n"
