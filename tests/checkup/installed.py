"""An installation on the lab that doctor finds nothing wrong with, apart from a daemon that isn't running."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from pbxd.book.employees import Employee
from pbxd.checkup.checks import examine
from pbxd.checkup.result import Finding
from pbxd.settings import load
from pbxd.storage.book.employees import Employees
from pbxd.storage.engine.database import Database
from tests.lab import Lab
from tests.lab.daemon import Config, Daemon, merged
from tests.lab.ports import HOST

EXTENSIONS = [str(number) for number in range(101, 109)]


def logged(lab: Lab) -> Config:
    """Name the log from which gaps are filled."""
    return {"backfill": {"cel": str(lab.asterisk.run / "log/cel-custom/cel.csv")}}


async def installed(lab: Lab, config: Config | None = None) -> Daemon:
    """Write a configuration, and a database with the employees the lab's PBX has."""
    daemon = lab.prepare(merged(logged(lab), config or {}))
    async with await Database.open(load(str(daemon.file)).database_url, create=True) as database:
        await Employees(database).upsert([Employee(extension) for extension in EXTENSIONS], source="pbx")
    return daemon


async def examined(daemon: Daemon, *, mode: int = 0o600) -> dict[str, Finding]:
    """Look over what is installed, in this process; `mode` is the configuration file's."""
    daemon.write()
    daemon.file.chmod(mode)
    return {finding.check: finding for finding in await examine(lambda: load(str(daemon.file)))}


def wrong(findings: dict[str, Finding]) -> dict[str, str]:
    """Return what isn't well, apart from the daemon, which these tests don't need, and the lab's queue `single`."""
    expected = {"daemon", "autofill"}
    return {check: one.status for check, one in findings.items() if one.status != "ok" and check not in expected}


def lines(finding: Finding) -> list[str]:
    return [line for remedy in finding.remedies for line in remedy.lines]


@asynccontextmanager
async def told_otherwise(port: int, pattern: str, replace: Callable[[re.Match[str]], str]) -> AsyncIterator[int]:
    """Listen in the PBX's place and change what it says, line by line; yields the port."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, changing: bool) -> None:
        with suppress(OSError):
            while line := await reader.readline():
                text = line.decode("latin-1")
                writer.write((re.sub(pattern, replace, text) if changing else text).encode("latin-1"))
        writer.close()

    async def serve(near: asyncio.StreamReader, near_writer: asyncio.StreamWriter) -> None:
        far, far_writer = await asyncio.open_connection(HOST, port)
        async with asyncio.TaskGroup() as group:
            group.create_task(pump(near, far_writer, changing=False))
            group.create_task(pump(far, near_writer, changing=True))

    server = await asyncio.start_server(serve, HOST, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
