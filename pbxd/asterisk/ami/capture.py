"""Raw AMI streams on disk, for `calls replay`: the bytes as Asterisk sent them, and their arrival times.

A session makes `YYYYMMDDTHHMMSSZ.ami` and beside it `….times` with one line `offset epoch` a received chunk
(`packets.read_times` reads it). The files contain callers' numbers and names: mode 0600. They do not contain what we
send, so no secret. When a session begins, older pairs are removed after the configured number of days. A disk error
ends the capture, never the link.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import structlog

from pbxd.asterisk.ami.packets import Packet, parse_timed_capture, read_times
from pbxd.errors import InvalidInputError, NotFoundError
from pbxd.i18n import _

_FLUSH_SECONDS = 1.0
_MODE = 0o600
_FOLDER_MODE = 0o700
_DAY = 86400.0  # seconds
_NUMBER = re.compile(r"[\d/]*$")  # the part that differs between the ActionIDs of one session
_OURS = re.compile(r"\d{8}T\d{6}Z(-\d+)?\.(ami|times)")  # as `_create` names them

_log = structlog.get_logger(__name__)


class Capture:
    """One session's stream. Bytes stay in memory until `open` makes the files."""

    def __init__(self, folder: str, days: int = 7) -> None:
        self._folder = Path(folder)
        self._days = days
        self._head: list[tuple[bytes, float]] = []
        self._stream: BinaryIO | None = None
        self._times: BinaryIO | None = None
        self._offset = 0
        self._flushed = 0.0
        self._failed = False

    def open(self, now: float) -> None:
        """Create the files, named by `now` (epoch seconds), and write the bytes held so far."""
        try:
            self._stream, self._times = _create(self._folder, now)
            _remove_older(self._folder, now - self._days * _DAY)
        except OSError as error:
            self._fail(error)
            return
        head, self._head = self._head, []
        for chunk, arrived in head:
            self.write(chunk, arrived)

    def write(self, chunk: bytes, arrived: float) -> None:
        """Write a chunk that arrived at `arrived` (epoch seconds); never raises."""
        if self._failed:
            return
        if self._stream is None or self._times is None:
            self._head.append((chunk, arrived))
            return
        try:
            self._times.write(f"{self._offset} {arrived!r}\n".encode())
            self._stream.write(chunk)
            self._offset += len(chunk)
            if abs(arrived - self._flushed) >= _FLUSH_SECONDS:
                self._flushed = arrived
                self.flush()
        except (OSError, ValueError) as error:
            self._fail(error)

    def flush(self) -> None:
        """Hand buffered bytes to the system; never raises."""
        if self._stream is None or self._times is None:
            return
        try:
            self._times.flush()
            self._stream.flush()
        except (OSError, ValueError) as error:
            self._fail(error)

    def close(self) -> None:
        """Close the files. Bytes held without files are dropped."""
        self._head = []
        self._failed = True
        for file in (self._stream, self._times):
            try:
                if file is not None:
                    file.close()
            except OSError as error:
                _log.warning("ami_capture_incomplete", folder=str(self._folder), why=error.strerror)
        self._stream = self._times = None

    def _fail(self, error: Exception) -> None:
        if not self._failed:
            _log.warning("ami_capture_stopped", folder=str(self._folder), why=str(error))
            self.close()


def _create(folder: Path, now: float) -> tuple[BinaryIO, BinaryIO]:
    """Create the pair of files. Two sessions in one second get different names."""
    folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    number = 1
    while True:
        name = stamp if number == 1 else f"{stamp}-{number}"
        try:
            stream = _exclusive(folder / f"{name}.ami")
        except FileExistsError:
            number += 1
            continue
        try:
            return stream, _exclusive(folder / f"{name}.times")
        except OSError:
            stream.close()
            raise


def _remove_older(folder: Path, since: float) -> None:
    """Remove our streams last written before `since` (epoch seconds), and nothing else in the folder."""
    old = [file for file in folder.iterdir() if _OURS.fullmatch(file.name) and file.stat().st_mtime < since]
    for file in old:
        file.unlink(missing_ok=True)
    if old:
        _log.info("ami_captures_removed", folder=str(folder), files=len(old))


def _exclusive(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE), "wb")


def read_capture(path: Path, chunk_bytes: int) -> Iterator[tuple[float | None, Packet]]:
    """Yield the packets of a raw AMI stream and their arrivals, from the side file `NAME.times` if there is one.

    Raises NotFoundError for a missing file, InvalidInputError for an unreadable one, ProtocolError for a stream that is
    not AMI.
    """
    return own(_packets(path, chunk_bytes))


def own(packets: Iterator[tuple[float | None, Packet]]) -> Iterator[tuple[float | None, Packet]]:
    """Drop answers to questions that were not asked. The first answer, to the login, shows the form of our ActionIDs.

    No event comes before it. `pbxd.asterisk.ami.link` does the same by the questions it asked.
    """
    asked: str | None = None
    for arrival, packet in packets:
        number = packet.get("ActionID", "")
        is_answer = "Event" not in packet
        if is_answer and asked is None:
            asked = _NUMBER.sub("", number)
        is_answer = is_answer or packet["Event"].startswith("CoreShowChannel")
        if not is_answer or (number and _NUMBER.sub("", number) == asked):
            yield arrival, packet


def _packets(path: Path, chunk_bytes: int) -> Iterator[tuple[float | None, Packet]]:
    side = path.with_suffix(".times")
    try:
        with path.open("rb") as stream:
            times = read_times(side.read_text("ascii", "replace").splitlines(keepends=True)) if side.exists() else []
            yield from parse_timed_capture(iter(lambda: stream.read(chunk_bytes), b""), times)
    except FileNotFoundError as error:
        raise NotFoundError(_("{file}: no such file").format(file=path)) from error
    except OSError as error:
        raise InvalidInputError("capture", _("{file}: can't be read: {why}").format(file=path, why=error)) from error
