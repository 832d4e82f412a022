"""As many files as there may be connections: fewer would let a crowd of browsers stop look-ups."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.daemon import Daemon
from tests.lab.ports import free_ports

FEW = 300


@pytest.fixture
def few_files() -> Iterator[int]:
    """Let children begin with few open files; yield the hard limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEW, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_the_daemon_raises_its_limit_of_open_files(tmp_path: Path, few_files: int) -> None:
    ami, agi, http = free_ports(3)
    daemon = Daemon(
        tmp_path,
        {
            "asterisk": {"port": ami, "secret": "x"},
            "database": {"url": f"sqlite+aiosqlite:///{tmp_path / 'pbxd.db'}"},
            "agi": {"listen": f"127.0.0.1:{agi}", "max_connections": 100},
            "http": {"listen": f"127.0.0.1:{http}", "max_connections": 50},
            "service": {"runtime_folder": str(tmp_path)},
        },
    )
    await daemon.start()
    assert daemon.child
    soft, _hard = resource.prlimit(daemon.child.pid, resource.RLIMIT_NOFILE)
    await daemon.stop()
    assert soft == min(100 + 3 * 50 + 512, few_files)
