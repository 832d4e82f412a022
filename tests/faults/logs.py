"""Asterisk's own logs as each of its modules writes them, and how pbxd is told where they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pbxd.settings import CDR_COLUMNS, CEL_COLUMNS
from tests.lab import Lab
from tests.lab.daemon import Config
from tests.lab.processes import LabError
from tests.storage.conftest import Cluster

FILES = {
    "cel csv": "cel-custom/cel.csv",
    "cel sqlite": "master.db",
    "cdr csv": "cdr-csv/Master.csv",
    "cdr sqlite": "paths.db",
}
_TIMES = {"eventtime", "start", "answer", "end"}


@asynccontextmanager
async def log(lab: Lab, kind: str, cluster: Cluster | None = None) -> AsyncIterator[Config]:
    """Have Asterisk write such a log, in PostgreSQL if a cluster is given; yield pbxd's configuration of it."""
    log_of, _blank, where = kind.partition(" ")
    if cluster is not None:
        async with _module(lab, f"{log_of}_pgsql", _global(cluster)):
            _create(cluster, log_of)
            yield {"backfill": {log_of: cluster.url("postgres")}}
    elif where == "sqlite":
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


def _global(cluster: Cluster) -> str:
    times = "usegmtime = yes\ntimezone = UTC\n"  # each of the two modules has its own word for it
    return f"[global]\nhostname = {cluster.folder}\nport = 5432\ndbname = postgres\nuser = pbxd\n{times}"


def _create(cluster: Cluster, table: str) -> None:
    columns = ", ".join(
        f'"{name}" {"timestamp" if name in _TIMES else "text"}'
        for name in (CEL_COLUMNS if table == "cel" else CDR_COLUMNS)
    )
    cluster.run("psql", "-q", "-d", "postgres", "-c", f"CREATE TABLE {table} (id serial PRIMARY KEY, {columns})")


def _custom() -> str:
    fields = ", ".join(f"{name}(float)" if name in _TIMES else name for name in CDR_COLUMNS)
    return f"[paths]\ntable = cdr\ncolumns = {', '.join(CDR_COLUMNS)}\nfields = {fields}\n"
