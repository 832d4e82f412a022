"""SIGHUP at a real daemon that serves TLS: either all of a new configuration counts, or nothing."""

from __future__ import annotations

import json
import signal
import ssl
from pathlib import Path
from typing import Any

import aiohttp

from tests.http.test_tls import FILES, install
from tests.lab.daemon import Daemon
from tests.lab.ports import free_ports
from tests.lab.processes import until


def without_a_pbx(folder: Path) -> Daemon:
    ami, agi, http = free_ports(3)
    config: dict[str, dict[str, Any]] = {
        "asterisk": {"host": "127.0.0.1", "port": ami, "secret": "x"},
        "database": {"url": f"sqlite+aiosqlite:///{folder / 'pbxd.db'}"},
        "agi": {"listen": f"127.0.0.1:{agi}"},
        "http": {"listen": f"127.0.0.1:{http}", **FILES},
        "dialing": {"number_format": "national"},
        "service": {"runtime_folder": str(folder)},
    }
    return Daemon(folder, config)


async def dialled(daemon: Daemon) -> str:
    asked = {"agent": "101", "target": "89161234567"}
    status, plan = await daemon.api("/api/v1/calls/plan", method="POST", body=asked)
    assert status == 200, plan
    return str(plan["dialled"])


async def trusts(daemon: Daemon, trusting: ssl.SSLContext) -> bool:
    url = daemon.url.replace("http://", "https://")
    try:
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as session,
            session.get(f"{url}/healthz") as answer,
        ):
            return answer.status == 200
    except aiohttp.ClientConnectorCertificateError:
        return False


async def reloaded(daemon: Daemon, event: str) -> dict[str, Any]:
    """Tell the daemon to read its file again; return the line of the log that says how that went."""
    assert daemon.child
    before = len(daemon.log_text())
    daemon.child.send(signal.SIGHUP)
    await until(lambda: f'"{event}"' in daemon.log_text()[before:], f"{event} in the log")
    lines = [json.loads(each) for each in daemon.log_text()[before:].splitlines() if each.startswith("{")]
    return next(each for each in lines if each["event"] == event)


async def test_a_certificate_that_can_not_be_used_leaves_the_dialling_as_it_was(tmp_path: Path) -> None:
    daemon = without_a_pbx(tmp_path)
    first = install(tmp_path, "first")
    try:
        await daemon.start(ready=False)
        await until(lambda: '"ready"' in daemon.log_text(), "the start")
        (tmp_path / "tls.crt").write_text("no certificate")
        daemon.config["dialing"]["number_format"] = "e164"
        daemon.write()
        assert "http.tls_certificate_file" in (await reloaded(daemon, "reload_refused"))["why"]
        assert await dialled(daemon) == "89161234567"
        assert await trusts(daemon, first)
        second = install(tmp_path, "second")
        daemon.config["dialing"]["trunk"] = "PJSIP/trunk"  # without {number}
        daemon.write()
        assert "dialing.trunk" in (await reloaded(daemon, "reload_refused"))["why"]
        assert await trusts(daemon, first), "nor is a new certificate served beside a wrong [dialing]"
        del daemon.config["dialing"]["trunk"]
        daemon.write()
        assert (await reloaded(daemon, "reloaded"))["applied"] == ["dialing.number_format"]
        assert await dialled(daemon) == "+79161234567"
        assert (await trusts(daemon, second), await trusts(daemon, first)) == (True, False)
    finally:
        await daemon.stop()
