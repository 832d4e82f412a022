from __future__ import annotations

import os
import resource
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from structlog.testing import capture_logs

from pbxd.asterisk.ami.packets import parse_timed_capture
from tests.asterisk.amilistener import Listener, captured_times, connected, heard, running, until
from tests.asterisk.amiserver import BANNER, AmiServer, pack
from tests.packets import parse_capture


async def test_a_capture_replays_to_what_was_heard(tmp_path: Path) -> None:
    server, listener = AmiServer(), Listener()
    folder = tmp_path / "captures"
    async with connected(server, listener, capture_folder=str(folder)):
        for number in range(50):
            server.sessions[0].send(pack("Event: N", f"Name: Фронкин {number}"))
            await until(partial(heard, listener, "N", number + 1))
    (stream,) = folder.glob("*.ami")
    times = stream.with_suffix(".times")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, stream, times)] == [0o700, 0o600, 0o600]
    raw = stream.read_bytes()
    assert raw.startswith(BANNER)
    assert list(parse_capture([raw])) == listener.packets
    replayed = list(parse_timed_capture([raw], captured_times(folder)))
    assert replayed == list(zip(listener.arrivals, listener.packets, strict=True))


async def test_sessions_in_one_second_get_files_of_their_own_and_refused_ones_none(tmp_path: Path) -> None:
    server = AmiServer()

    def files(ending: str) -> int:
        return len(list(tmp_path.glob(f"*.{ending}")))

    def back(number: int) -> bool:
        return len(server.sessions) == number and client.connected

    async with connected(server, capture_folder=str(tmp_path)) as client:
        for number in (2, 3):
            server.sessions[-1].reset()
            await until(partial(back, number))
    assert files("ami") == files("times") == 3
    listener = Listener()
    async with server.listening(), running(server.port, listener, secret="wrong", capture_folder=str(tmp_path)):
        await until(lambda: listener.packets)
    assert files("ami") == files("times") == 3


@contextmanager
def small_files() -> Iterator[None]:
    """Let files of this process not grow beyond a few bytes: a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_full_disk_ends_the_capture_and_not_the_link(tmp_path: Path) -> None:
    server, listener = AmiServer(), Listener()
    with capture_logs() as logs:
        async with connected(server, listener, capture_folder=str(tmp_path), ping_interval_seconds=0.02):
            with small_files():
                server.sessions[0].send(pack("Event: N", f"Name: {'x' * 200_000}"))
                await until(lambda: any(entry["event"] == "ami_capture_stopped" for entry in logs))
            server.sessions[0].send(pack("Event: N"))
            await until(lambda: len(listener.events("N")) == 2)
            assert listener.links == [True]
    assert sum(entry["event"] == "ami_capture_stopped" for entry in logs) == 1


async def test_a_folder_that_cannot_be_made_is_told_and_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    listener = Listener()
    with capture_logs() as logs:
        async with connected(AmiServer(), listener, capture_folder=str(tmp_path / "file" / "folder")):
            pass
    assert [entry["event"] for entry in logs].count("ami_capture_stopped") == 1
    assert listener.links == [True, False]


async def test_streams_older_than_the_days_kept_are_removed_when_a_session_begins(tmp_path: Path) -> None:
    old, other, young = (tmp_path / name for name in ("20200101T000000Z.ami", "notes.txt", "20200101T000000Z-2.ami"))
    times = old.with_suffix(".times")
    for file, days in ((old, 3.1), (times, 3.1), (other, 3.1), (young, 2.9)):
        file.touch()
        os.utime(file, (time.time() - days * 86400,) * 2)
    async with connected(AmiServer(), capture_folder=str(tmp_path), capture_days=3):
        pass
    assert not old.exists()
    assert not times.exists()
    assert other.exists()
    assert young.exists()  # named by its first second, kept by its last
