"""What doctor says where users sign in over plain HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pbxd.checkup.checks import CHECKS
from pbxd.checkup.sign_in import protected
from pbxd.numbers import rules_from
from pbxd.services.access import users
from pbxd.services.access.users import InviteUser
from pbxd.services.workspace import Workspace
from pbxd.settings import Settings
from pbxd.storage.engine.database import Database
from tests.actors import ADMINISTRATOR

TLS = {"tls_certificate_file": "c", "tls_key_file": "k"}
PLAIN: list[dict[str, Any]] = [
    {"listen": "0.0.0.0:8573"},
    {"listen": "192.168.1.5:8573"},
    {"listen": "[::]:8573"},
    {"listen": "pbx.example.org:8573"},
    {"listen": "0.0.0.0:8573", "public_url": "http://pbx.example.org:8573"},
    {"listen": "127.0.0.1:8573", "public_url": "http://pbx.example.org", "trusted_proxies": ["127.0.0.1"]},
]
SAFE: list[dict[str, Any]] = [
    {},
    {"listen": "localhost:8573"},
    {"listen": "[::1]:8573"},
    {"listen": "0.0.0.0:8573", **TLS},
    {"listen": "0.0.0.0:8573", "trusted_proxies": ["10.0.0.1"]},
    {"listen": "0.0.0.0:8573", "public_url": "https://pbx.example.org"},
    {"listen": "127.0.0.1:8573", "public_url": "http://localhost:8573"},
]


def settings_in(folder: Path, http: dict[str, Any]) -> Settings:
    made = {"database": {"url": "sqlite+aiosqlite:///book.db"}, "http": http}
    return Settings.model_validate(made).model_copy(update={"folder": folder, "source": "/etc/pbxd/pbxd.toml"})


async def invite(settings: Settings) -> None:
    async with await Database.open(settings.database_url, create=True) as database:
        workspace = Workspace(database, rules_from(settings))
        await users.invite(workspace, ADMINISTRATOR, InviteUser(who="101"))


@pytest.mark.parametrize("http", PLAIN)
async def test_who_signs_in_over_plain_http_is_warned_of(tmp_path: Path, http: dict[str, Any]) -> None:
    settings = settings_in(tmp_path, http)
    assert (await protected(settings)).status == "skipped"
    async with await Database.open(settings.database_url, create=True):
        assert (await protected(settings)).status == "ok", "nobody signs in"
    await invite(settings)
    found = await protected(settings)
    assert (found.check, found.status) == ("sign-in", "warning")
    assert found.check in CHECKS
    assert (http.get("public_url") or http["listen"]) in found.message
    own, proxy = found.remedies
    assert own.lines[0] == proxy.lines[0] == "[http]"
    assert {"tls_certificate_file", "tls_key_file"} <= {line.partition(" ")[0] for line in own.lines}
    assert 'trusted_proxies = ["127.0.0.1"]' in proxy.lines


@pytest.mark.parametrize("http", SAFE)
async def test_loopback_tls_or_a_proxy_is_no_reason_to_warn(tmp_path: Path, http: dict[str, Any]) -> None:
    settings = settings_in(tmp_path, http)
    await invite(settings)
    assert (await protected(settings)).status == "ok"
