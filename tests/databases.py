"""Databases for tests: every test that asks for `url` or `database` runs on SQLite and on PostgreSQL.

PostgreSQL is a private cluster on a unix socket in a short temporary folder, one for each test worker, started on
first use and ended by its process id. initdb refuses root, so that root runs it as `postgres` or `nobody`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import delete

from pbxd.storage.engine import schema
from pbxd.storage.engine.database import Database
from pbxd.storage.tables import metadata

START_SECONDS = "60"
_FIRST_IDS = """
    SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
    FROM pg_sequences WHERE last_value IS NOT NULL
"""


@dataclass
class Cluster:
    folder: Path
    who: dict[str, Any]
    has_tables: bool = False

    @property
    def options(self) -> str:
        """What the server is started with."""
        return f"-c listen_addresses= -c unix_socket_directories={self.folder} -c fsync=off -c shared_buffers=16MB"

    def url(self, name: str) -> str:
        return f"postgresql+asyncpg://pbxd@/{name}?host={self.folder}"

    def run(self, program: str, *arguments: str) -> str:
        command = [str(binaries() / program), *arguments]
        environment = {"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"], "PGHOST": str(self.folder), "PGUSER": "pbxd"}
        done = subprocess.run(
            command,
            check=False,
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **self.who,
        )
        output = str(done.stdout, "utf-8", "replace")
        assert done.returncode == 0, (command, output)
        return output

    async def ready(self) -> str:
        """Return the URL of a database with our tables and nothing in them: the same one for every test, emptied.

        Its ids begin at 1 again, as in a new database.
        """
        if not self.has_tables:
            self.run("createdb", "ready")
            await schema.upgrade(self.url("ready"))
            self.has_tables = True
        tables = [str(delete(table)) for table in reversed(metadata.sorted_tables)]
        reset = f"UPDATE alembic_version SET version_num = '{schema.HEAD}'"  # noqa: S608 - our own constant
        connection = await asyncpg.connect(host=str(self.folder), user="pbxd", database="ready")
        try:
            await connection.execute(";".join([*tables, reset, _FIRST_IDS]))
        finally:
            await connection.close()
        return self.url("ready")


def binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    if on_path is None:
        pytest.fail("the storage tests need PostgreSQL's server programs (Debian: postgresql)")
    return Path(on_path).parent


def other_user() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = names.get("postgres") or names["nobody"]
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


@contextmanager
def cluster() -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="pbxd-pg-", dir="/tmp"))
    running = Cluster(folder, other_user())
    if running.who:
        os.chown(folder, running.who["user"], running.who["group"])
    data, log = str(folder / "data"), str(folder / "log")
    try:
        running.run("initdb", "-D", data, "-U", "pbxd", "-A", "trust", "-E", "UTF8", "--no-sync")
        running.run("pg_ctl", "start", "-w", "-t", START_SECONDS, "-D", data, "-l", log, "-s", "-o", running.options)
        try:
            yield running
        finally:
            running.run("pg_ctl", "stop", "-w", "-t", START_SECONDS, "-m", "fast", "-D", data)  # by its process id
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    with cluster() as running:
        yield running


numbers = count(1)


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what is marked `both_databases` with a house on each."""
    if "house_backend" in metafunc.fixturenames and metafunc.definition.get_closest_marker("both_databases"):
        only = metafunc.definition.get_closest_marker("sqlite_house")
        metafunc.parametrize("house_backend", ["sqlite"] if only else ["sqlite", "postgresql"])


@pytest.fixture
def house_backend(request: pytest.FixtureRequest) -> str:
    """Which database the house of a test has; of most tests in `make test` SQLite."""
    wanted = os.environ.get("PBXD_HOUSE", "sqlite")
    if wanted == "postgresql" and request.node.get_closest_marker("sqlite_house"):
        pytest.skip("this is about SQLite")
    return wanted


@pytest.fixture
async def house_url(house_backend: str, request: pytest.FixtureRequest) -> str:
    """Where a house has its database, with tables and nothing in them."""
    if house_backend == "sqlite":
        return "sqlite+aiosqlite:///book.db"  # in the house's own folder
    running: Cluster = request.getfixturevalue("postgresql")
    return await running.ready()


@pytest.fixture
async def empty_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """A place for a database with nothing in it yet."""
    if backend == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'pbxd.db'}"
        return
    running: Cluster = request.getfixturevalue("postgresql")
    name = f"empty{next(numbers)}"
    running.run("createdb", name)
    yield running.url(name)
    running.run("dropdb", "--force", name)


@pytest.fixture
async def url(backend: str, request: pytest.FixtureRequest, tmp_path: Path, sqlite_folder: Path) -> AsyncIterator[str]:
    """A database with its tables, and nothing in them."""
    if backend == "sqlite":
        pattern = sqlite_folder / "pattern.db"
        if not pattern.exists():
            await schema.upgrade(f"sqlite+aiosqlite:///{pattern}")
        shutil.copyfile(pattern, tmp_path / "pbxd.db")
        yield f"sqlite+aiosqlite:///{tmp_path / 'pbxd.db'}"
        return
    running: Cluster = request.getfixturevalue("postgresql")
    yield await running.ready()


@pytest.fixture(scope="session")
def sqlite_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sqlite")


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    async with await Database.open(url, create=False) as opened:
        yield opened
