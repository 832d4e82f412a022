"""Asterisk's own logs as each of its modules writes them, and how pbxd is told where they are."""

from __future__ import annotations

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


async def log(lab: Lab, kind: str) -> Config:
    """Have Asterisk write such a log; return pbxd's configuration of it."""
    log_of, _blank, where = kind.partition(" ")
    place = str(lab.folder / "log" / FILES[kind])
    if where == "sqlite":
        await _load(lab, f"{log_of}_sqlite3_custom", _custom() if log_of == "cdr" else "")
        place = f"sqlite+aiosqlite:///{place}"
    return {"backfill": {log_of: place}}


async def _load(lab: Lab, name: str, configuration: str) -> None:
    """Have Asterisk load one of its modules, with this configuration if any.

    For good: Asterisk 22.10 doesn't outlive the first calls after one of them is unloaded.
    """
    if configuration:
        (lab.folder / "etc" / f"{name}.conf").write_text(configuration)
    answer = await lab.ami_action("ModuleLoad", Module=f"{name}.so", LoadType="load")
    if answer.get("Response") != "Success":
        raise LabError(f"{name}: {answer}\n{lab.asterisk.report()}")


def _custom() -> str:
    fields = ", ".join(f"{name}(float)" if name in _TIMES else name for name in CDR_COLUMNS)
    return f"[paths]\ntable = cdr\ncolumns = {', '.join(CDR_COLUMNS)}\nfields = {fields}\n"
