"""pbxd under the lab: its life as a process, and that a caller it knows is named on a real phone."""

from __future__ import annotations

import tomllib

import pytest

from tests.lab import Lab
from tests.lab.daemon import merged, write_toml
from tests.lab.processes import until

pytestmark = pytest.mark.lab


def test_toml_is_written_as_it_is_read() -> None:
    config = merged({"a": {"x": 1, "y": 'я"\\'}}, {"a": {"x": True}, "b": {"z": ["q", "w"], "f": 0.5}})
    assert tomllib.loads(write_toml(config)) == config


async def test_the_daemon_starts_says_so_and_ends(lab: Lab) -> None:
    daemon = await lab.pbxd()
    manager = daemon.manager
    assert manager is not None
    await until(lambda: "READY=1" in manager.heard, "READY=1 to the service manager")
    assert await daemon.get_status("/healthz") == 200
    assert await daemon.stop() == 0
    assert await daemon.get_status("/healthz") == 0


async def test_a_known_client_is_named_and_an_unknown_one_is_not(lab: Lab) -> None:
    await lab.pbxd()
    await lab.know("Фронкин Игорь", "89161234567")
    for number, name in (("89161234567", "Фронкин Игорь"), ("89161234568", "")):
        client = lab.call_in("101", number)
        offered = await lab.phone("101").incoming()
        assert (offered.name, offered.number) == (name, number)
        client.hangup()
        await offered.until_ended()
