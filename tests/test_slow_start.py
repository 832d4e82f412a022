"""A start that takes long because the database is upgraded: systemd is asked for more time, and nothing piles up."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pbxd.notify import EXTENDED_SECONDS, VARIABLE, starting
from tests.lab.daemon import Daemon, ServiceManager
from tests.lab.ports import free_ports
from tests.lab.processes import until
from tests.storage.big_book import SCHEMA, fill
from tests.storage.test_schema import migrate

CONTACTS = 3000
EXTENDED = f"EXTEND_TIMEOUT_USEC={EXTENDED_SECONDS * 1e6:.0f}"


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Daemon]:
    """A daemon without a PBX, before an older book."""
    ami, agi, http = free_ports(3)
    address = f"sqlite+aiosqlite:///{tmp_path / 'pbxd.db'}"
    config: dict[str, dict[str, object]] = {
        "asterisk": {"host": "127.0.0.1", "port": ami, "secret": "x"},
        "database": {"url": address},
        "agi": {"listen": f"127.0.0.1:{agi}"},
        "http": {"listen": f"127.0.0.1:{http}"},
        "service": {"runtime_folder": str(tmp_path)},
    }
    await migrate(address, SCHEMA)
    fill(tmp_path / "pbxd.db", CONTACTS)
    made = Daemon(tmp_path, config)
    yield made
    await made.stop()


def beside(daemon: Daemon, ending: str) -> list[str]:
    return sorted(each.name for each in daemon.folder.iterdir() if each.name.endswith(ending))


async def heard(daemon: Daemon, word: str) -> list[str]:
    """Return all that the service manager heard once it heard this."""
    manager = daemon.manager
    assert manager
    await until(lambda: any(word in each for each in manager.heard), f"{word}\n{daemon.log_text()}")
    return manager.heard


async def test_an_upgrade_asks_for_time_says_how_far_it_is_and_keeps_one_backup(daemon: Daemon) -> None:
    left = daemon.folder / f"pbxd.db.{SCHEMA}-20260101T000000.000000Z.bak.abcd1234.part"
    left.write_bytes(b"half a backup")
    for _again in range(2):
        await daemon.start(ready=False)
        await heard(daemon, "STATUS=upgrading the database: revision")
        assert daemon.child
        daemon.child.send(signal.SIGKILL)  # as systemd does when the time is over
        await daemon.child.wait()
        assert (len(beside(daemon, ".bak")), beside(daemon, ".part")) == (1, [])
    await daemon.start(ready=False)
    told = await heard(daemon, "READY=1")
    assert told[0] == EXTENDED
    ready = told.index("READY=1")
    assert next(each for each in told[:ready] if each.startswith("STATUS=upgrading")).endswith("backup-kept 100 %")
    assert told[ready - 1] == "STATUS="
    assert EXTENDED not in told[ready:]
    assert "database_upgrade_running" in daemon.log_text()
    assert len(beside(daemon, ".bak")) == 1
    assert (await daemon.cli("contacts", "list", "--limit", "1", "--count"))["total"] == CONTACTS


async def test_time_is_asked_for_until_the_start_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = ServiceManager(tmp_path / "notify")
    monkeypatch.setenv(VARIABLE, str(manager.path))
    try:
        async with starting(0.01):
            await until(lambda: len(manager.heard) > 3, "further requests for time")
        await asyncio.sleep(0.1)
        count = len(manager.heard)
        assert manager.heard == [EXTENDED] * count
        await asyncio.sleep(0.1)
        assert len(manager.heard) == count
    finally:
        manager.close()
    async with starting():  # without a manager nothing fails
        await asyncio.sleep(0)
