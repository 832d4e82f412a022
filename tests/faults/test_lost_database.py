"""SQLite's file moved away under the daemon, or gone at its start: an alarm, and no reason to begin afresh (C6)."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.request
from http import HTTPStatus

import pytest

from tests.faults.history import until_logged
from tests.faults.test_storage import KNOWN, NAME, add_known, looked_up, shown, until_found
from tests.lab import Lab
from tests.lab.daemon import Daemon
from tests.lab.processes import until

pytestmark = pytest.mark.lab

REVOKED_SECONDS = 5.0  # generous: 0.05 s are promised, beside what the command itself takes


async def asked(daemon: Daemon, token: str) -> int:
    """Look a client up over TCP; return the status."""

    def get() -> int:
        request = urllib.request.Request(f"{daemon.url}/api/v1/lookup?number={KNOWN}")  # noqa: S310 - our own http URL
        request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - likewise
                assert json.loads(answer.read())["name"] == NAME
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    return await asyncio.to_thread(get)


async def readiness(daemon: Daemon) -> tuple[int, str]:
    status, told = await daemon.api("/readyz")
    return status, str(told["database"])


async def test_a_lost_database_is_told_while_the_last_good_book_serves(lab: Lab) -> None:
    daemon = await lab.pbxd()
    await add_known(lab)
    token = (await daemon.cli("tokens", "create", "crm", "--scope", "lookup"))["token"]
    assert await asked(daemon, token) == HTTPStatus.OK
    assert daemon.child
    process, file = daemon.child.pid, daemon.folder / "pbxd.db"
    file.rename(daemon.folder / "moved.db")
    await until_logged(daemon, "database_lost")
    assert await readiness(daemon) == (503, "lost")
    assert await asked(daemon, token) == HTTPStatus.OK
    assert await shown(lab, KNOWN) == NAME
    doctor = await daemon.run("doctor")
    assert "was here and is gone" in doctor.out
    assert "file is gone while pbxd runs" in doctor.out
    assert (daemon.child.pid, daemon.child.returncode, file.exists()) == (process, None, False)
    (daemon.folder / "moved.db").rename(file)
    await until_logged(daemon, "directory_fresh_again")
    assert await readiness(daemon) == (200, "answers")


@pytest.mark.parametrize("upgrade", ["auto", "refuse"])
async def test_a_database_that_is_gone_at_the_start_is_waited_for(lab: Lab, upgrade: str) -> None:
    daemon = await lab.pbxd()
    await add_known(lab)
    await daemon.stop()
    daemon.config["database"]["upgrade"] = upgrade
    daemon.write()
    file = daemon.folder / "pbxd.db"
    file.rename(daemon.folder / "moved.db")
    await daemon.start(ready=False)
    await until_logged(daemon, "database_lost")

    async def says_so() -> bool:
        return await daemon.get_status("/readyz") == HTTPStatus.SERVICE_UNAVAILABLE

    await until(says_so, "the daemon to say that it isn't ready")
    assert await readiness(daemon) == (503, "lost")
    assert await looked_up(daemon, KNOWN) == "error"
    for command in (("contacts", "list"), ("db", "check")):
        assert "pbxd db upgrade" in (await daemon.run(*command)).err
    assert not file.exists()
    (daemon.folder / "moved.db").rename(file)
    await daemon.until_ready()
    await until_found(daemon, KNOWN)


async def test_a_revoked_token_soon_opens_nothing(lab: Lab) -> None:
    daemon = await lab.pbxd()
    await add_known(lab)
    for _count in range(3):
        made = await daemon.cli("tokens", "create", "crm", "--scope", "lookup")
        assert await asked(daemon, made["token"]) == HTTPStatus.OK
        assert (await daemon.run("tokens", "revoke", str(made["id"]), "--yes")).status == 0
        since = time.monotonic()
        while await asked(daemon, made["token"]) == HTTPStatus.OK:
            assert time.monotonic() - since < REVOKED_SECONDS
        print(f"revoked: 401 after {time.monotonic() - since:.3f} s")
