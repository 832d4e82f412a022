"""What doctor finds on this machine, without a PBX: rights to files, ports, the area code, the secret."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pbxd.checkup.checks import examine
from pbxd.checkup.database import database
from pbxd.checkup.installation import _judge_daemon, configuration, numbers, ports, recordings
from pbxd.checkup.permissions import Account
from pbxd.checkup.result import Finding
from pbxd.settings import (
    AgiSettings,
    AsteriskSettings,
    BackfillSettings,
    DatabaseSettings,
    HttpSettings,
    NumberSettings,
    RecordingSettings,
    Settings,
)
from pbxd.storage.engine import schema
from pbxd.storage.engine.state_folder import made_for_service
from tests.checkup.installed import lines
from tests.lab.ports import HOST, free_ports

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, in whose place others can be tried")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users can come to."""
    made = Path(tempfile.mkdtemp(prefix="pbxd-", dir="/tmp"))
    made.chmod(0o755)
    (made / "lib").mkdir()
    (made / "lib").chmod(0o770)
    yield made / "lib"
    shutil.rmtree(made)


@pytest.fixture
def nobody() -> Account:
    found = Account.of("nobody")
    assert found
    return found


def keeping(file: Path) -> Settings:
    return Settings(
        database=DatabaseSettings(url=f"sqlite+aiosqlite:///{file}"), folder=file.parent, source="/etc/pbxd/pbxd.toml"
    )


def given_to(account: Account, *paths: Path) -> None:
    for path in paths:
        os.chown(path, account.uid, account.gid)


@as_root
async def test_a_database_made_by_root_where_the_service_could_write(folder: Path, nobody: Account) -> None:
    given_to(nobody, folder)
    file = folder / "pbxd.db"
    sqlite3.connect(file).close()
    file.touch(0o640)
    found = await database(keeping(file), nobody)
    assert found.status == "failed"
    assert f"{file} belongs to root" in found.message
    assert lines(found)[0] == f"chown pbxd:pbxd {file}*"
    file.unlink()
    await schema.upgrade(
        f"sqlite+aiosqlite:///{file}"
    )  # as root does who follows no advice: it is the folder's owner's
    assert (await database(keeping(file), nobody)).status == "ok"


@as_root
async def test_a_folder_in_which_the_service_cannot_write(folder: Path, nobody: Account) -> None:
    file = folder / "pbxd.db"
    os.chmod(folder, 0o755)  # noqa: PTH101, S103 - quick, and in a test
    for database_there in (False, True):
        if database_there:
            await schema.upgrade(f"sqlite+aiosqlite:///{file}")
            given_to(nobody, file)
        found = await database(keeping(file), nobody)
        assert found.status == "failed"
        assert f"can't write to the folder {folder}" in found.message
        assert 'url = "sqlite+aiosqlite:////var/lib/pbxd/pbxd.db"' in lines(found)
        moved = f"install -o pbxd -g pbxd -m 0660 {file} /var/lib/pbxd/pbxd.db"
        assert (moved in lines(found)) is database_there
    given_to(nobody, folder)
    assert (await database(keeping(file), nobody)).status == "ok"


@as_root
async def test_the_services_own_folder_is_made_for_root_as_systemd_would(folder: Path) -> None:
    state = folder / "state"
    assert not made_for_service(state, folder / "other", "nobody")
    assert not made_for_service(state, state, "nobody-at-all")
    assert made_for_service(state, state, "nobody")
    await schema.upgrade(f"sqlite+aiosqlite:///{state / 'pbxd.db'}")
    assert (state.owner(), state.stat().st_mode & 0o777, (state / "pbxd.db").owner()) == ("nobody", 0o770, "nobody")


async def test_a_folder_that_is_not_there_and_the_services_own(folder: Path) -> None:
    found = await database(keeping(folder / "away" / "pbxd.db"), None)
    assert (found.status, "doesn't exist" in found.message) == ("failed", True)
    found = await database(keeping(Path("/var/lib/pbxd/nowhere.db")), None)
    assert "the service creates it at its first start" in found.message
    assert lines(found) == ["systemctl enable pbxd", "systemctl restart pbxd"]


@pytest.mark.parametrize(
    ("area", "status", "named"),
    [
        ("495", "ok", "2345678, is read as +74952345678"),
        ("4852", "ok", "234567, is read as +74852234567"),
        ("", "ok", "empty"),
        ("49", "failed", "area code 49 "),
        ("4951", "failed", "area code 4951 "),
        ("8495", "ok", "2345678, is read as +74952345678"),
        ("7495", "failed", "area code 7495 "),
    ],
)
def test_an_area_code_with_which_no_local_number_is_read(area: str, status: str, named: str) -> None:
    found = numbers(Settings(numbers=NumberSettings(area_code=area), source="pbxd.toml"))
    assert (found.status, named in found.message) == (status, True), found.message
    assert status == "ok" or lines(found)[0] == "[numbers]"


@pytest.mark.parametrize("key", ["agi", "http"])
async def test_a_port_that_another_program_has(key: str) -> None:
    agi, http = (f"{HOST}:{port}" for port in free_ports(2))
    settings = Settings(agi=AgiSettings(listen=agi), http=HttpSettings(listen=http))
    assert (await ports(settings, "absent")).status == "ok"
    taken = {"agi": agi, "http": http}[key]
    async with await asyncio.start_server(lambda _reader, writer: writer.close(), HOST, int(taken.split(":")[1])):
        found = await ports(settings, "absent")
        assert (await ports(settings, "serves")).status == "ok"
        assert (await ports(settings, "unknown")).status == "skipped"
    assert (found.status, found.message) == ("failed", f"another program listens on {taken} ({key}.listen)")
    other = Settings(agi=AgiSettings(listen="192.0.2.1:4573"))
    assert (await ports(other, "absent")).status == "failed"


@pytest.mark.parametrize(("faults", "status"), [({"event_failed": 2, "calls_refused": 1}, "warning"), ({}, "ok")])
def test_what_a_running_daemon_could_not_follow_is_a_warning(faults: dict[str, int], status: str) -> None:
    found = _judge_daemon("daemon", {"ready": True, "pbx": "connected", "database": "answers", "faults": faults})
    assert found.status == status
    assert all(f"{kind} {count}" in found.message for kind, count in faults.items())


def test_the_lines_for_a_missing_secret_spare_a_good_one(tmp_path: Path) -> None:
    file = tmp_path / "asterisk-secret"
    file.write_text("\n")
    settings = Settings(asterisk=AsteriskSettings(secret_file="asterisk-secret"), folder=tmp_path)
    found = configuration(settings)
    assert found.status == "failed"
    file.write_text("good")
    subprocess.run(["sh", "-c", lines(found)[0]], check=True)
    assert file.read_text() == "good"
    file.unlink()
    subprocess.run(["sh", "-c", lines(found)[0]], check=True)
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("address", ["pbxd:a/b@db/x", "pbxd@db/x?password=word", "pbxd@localhost/x?unix_socket=/run/m"])
def test_a_password_in_a_file_that_everybody_reads(tmp_path: Path, address: str) -> None:
    (tmp_path / "secret").write_text("good")
    (source := tmp_path / "pbxd.toml").touch(0o644)
    settings = Settings(
        asterisk=AsteriskSettings(secret_file="secret"),
        backfill=BackfillSettings(cel=f"mysql+aiomysql://{address}"),
        folder=tmp_path,
        source=str(source),
    )
    assert configuration(settings).status == ("ok" if "unix_socket" in address else "warning")
    source.chmod(0o640)
    assert configuration(settings).status == "ok"


# Python itself may lie where nobody else may look: everything is loaded before root becomes somebody else.
AS_ANOTHER = """
import os, pkgutil, sys, pbxd, aiosqlite, sqlalchemy.dialects.sqlite.aiosqlite
for module in pkgutil.walk_packages(pbxd.__path__, "pbxd."):
    if ".migrations." not in module.name and not module.name.endswith("__main__"):
        __import__(module.name)
os.setgroups([]); os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[2])); os.environ["HOME"] = "/"
sys.argv[:] = ["pbxd", *sys.argv[3:]]
pbxd.cli.main()
"""


def run_as(account: Account, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", AS_ANOTHER, str(account.gid), str(account.uid), *arguments]
    environment = {"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]}
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment)


@as_root
@pytest.mark.parametrize("command", [["contacts", "list"], ["db", "upgrade"], ["doctor"]])
async def test_who_may_not_gets_a_line_and_no_traceback(folder: Path, nobody: Account, command: list[str]) -> None:
    await schema.upgrade(f"sqlite+aiosqlite:///{folder / 'pbxd.db'}")
    (folder / "asterisk-secret").write_text("s")
    (config := folder.parent / "pbxd.toml").write_text(
        f'[asterisk]\nsecret_file = "{folder}/asterisk-secret"\nport = {free_ports(1)[0]}\n'
        f'[database]\nurl = "sqlite+aiosqlite:///{folder}/pbxd.db"\n[service]\nruntime_folder = "{folder}"\n'
    )
    done = run_as(nobody, "--config", str(config), *command)
    assert done.returncode == 1, done
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
    if command == ["doctor"]:
        assert "✗ database       no permission to read" in done.stdout
        assert f"no permission to use {folder}/api.sock" in done.stdout
        assert "/dev/null" not in done.stdout  # what would empty the secret
    else:
        why = "no right to use the database" if command == ["contacts", "list"] else "can't be used now"
        assert (why in done.stderr, str(folder) in done.stderr) == (True, True), done.stderr


@as_root
async def test_doctor_tries_in_the_place_of_the_services_user(folder: Path, nobody: Account) -> None:
    await schema.upgrade(f"sqlite+aiosqlite:///{folder / 'pbxd.db'}")

    async def seen(account: Account | None) -> Finding:
        found = await examine(lambda: keeping(folder / "pbxd.db"), lambda _settings: account)
        return {each.check: each for each in found}["database"]

    assert (await seen(None)).status == "ok"
    assert (await seen(nobody)).status == "failed"


async def test_the_folder_of_recordings_is_read_by_the_service(folder: Path, nobody: Account) -> None:
    monitor = folder.parent / "monitor"
    settings = Settings(recordings=RecordingSettings(folder=str(monitor)), source="/etc/pbxd/pbxd.toml")
    assert (await recordings(Settings(), None)).status == "ok"
    missing = await recordings(settings, None)
    assert (missing.status, missing.remedies[0].lines[0]) == ("failed", "[recordings]")
    monitor.mkdir(mode=0o755)
    assert (await recordings(settings, None)).status == "ok"
    if os.geteuid() == 0:
        assert (await recordings(settings, nobody)).status == "ok"
        monitor.chmod(0o750)
        closed = await recordings(settings, nobody)
        assert (closed.status, closed.remedies[0].lines[0]) == ("failed", f"usermod -aG {monitor.group()} nobody")
