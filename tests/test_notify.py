"""sd_notify against real sockets, in both kinds of address."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pbxd.notify import VARIABLE, sd_notify, watchdog_seconds


@contextmanager
def listening(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(20)
        manager.bind(address)
        yield manager


def test_a_path_socket_gets_the_state(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with listening(path) as manager:
        assert sd_notify("READY=1", {VARIABLE: path})
        assert manager.recv(100) == b"READY=1"


def test_an_abstract_socket_gets_the_state() -> None:
    name = f"pbxd-test-{os.getpid()}"
    with listening(f"\0{name}") as manager:
        assert sd_notify("STOPPING=1\nSTATUS=конец", {VARIABLE: f"@{name}"})
        assert manager.recv(100).decode() == "STOPPING=1\nSTATUS=конец"


@pytest.mark.parametrize("address", ["", "@", "relative/path", "vsock:2:1234", "/nonexistent/notify", "/" + "x" * 200])
def test_without_a_listening_manager_nothing_fails(address: str) -> None:
    assert not sd_notify("READY=1", {VARIABLE: address})


def test_without_the_variable_nothing_is_sent() -> None:
    assert not sd_notify("READY=1", {})


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({"WATCHDOG_USEC": "3000000"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "77"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "78"}, None),  # meant for another process
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "three"}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
        ({}, None),
    ],
)
def test_the_watchdogs_time_is_systemds(environment: dict[str, str], seconds: float | None) -> None:
    assert watchdog_seconds(environment, 77) == seconds
