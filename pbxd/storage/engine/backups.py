"""Copy a SQLite database as of one moment, wholly or not at all. An upgrade makes no second copy of the same state."""

from __future__ import annotations

import asyncio
import glob
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeVar

from pbxd.errors import UnavailableError
from pbxd.files import new_file, open_regular, remove_left, unwritable
from pbxd.i18n import _
from pbxd.storage.engine.connections import BUSY_SECONDS

_PAGES = 2000  # pages (8 MB) copied between two checks for cancellation
_COMPARED = 8 * 1024 * 1024  # bytes compared between two such checks
_HEADER = 100  # bytes of SQLite's file header: a copy counts its own changes there
_REPORT_SECONDS = 2.0  # between two reports of progress
_UPGRADED_TIMES = 3  # the database's size: new tables and indexes are in the write-ahead log before they replace it
_MB = 1024 * 1024

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an upgrade is: the backup is being written or was there already, or a revision is being applied."""

    stage: Literal["backup", "backup-kept", "revision"]
    done: float  # 0 to 1
    what: str  # the backup's file, or the revision


Report = Callable[[Progress], None]


class _StoppedError(Exception):
    """The copy was cancelled."""


class Work:
    """Work on files in a thread, which can be cancelled and reports its progress."""

    def __init__(self, report: Report | None = None) -> None:
        self._report = report
        self._stopped = threading.Event()
        self._reported = time.monotonic()

    async def run(self, work: Callable[[Work], Answer]) -> Answer:
        """Do the work in a thread. If this is cancelled, the thread ends soon."""
        try:
            return await asyncio.to_thread(work, self)
        except asyncio.CancelledError:
            self._stopped.set()
            raise

    def step(self, progress: Progress, *, always: bool = False) -> None:
        """Report the progress if it is time to. Raises what ends the thread when the work was cancelled."""
        if self._stopped.is_set():
            raise _StoppedError
        now = time.monotonic()
        if self._report and (always or now - self._reported > _REPORT_SECONDS):
            self._reported = now
            self._report(progress)


def copy(file: Path, target: Path, work: Work) -> None:
    """Copy by SQLite's online backup. Raises ConflictError if the target exists, UnavailableError if copying fails."""

    def progress(_status: int, left: int, total: int) -> None:
        work.step(Progress("backup", 1 - left / max(total, 1), str(target)))

    with new_file(target) as part:
        try:
            with closing(_connected(file)) as source, closing(sqlite3.connect(part)) as copied:
                copied.execute("PRAGMA journal_mode=OFF")  # an incomplete copy is deleted
                copied.execute("PRAGMA synchronous=OFF")
                source.execute("BEGIN")
                source.execute("SELECT count(*) FROM sqlite_master").fetchone()  # the copy is as of now
                source.backup(copied, pages=_PAGES, progress=progress)
            _settle(part)
        except sqlite3.Error as error:
            raise unwritable(target, error) from error


def save(file: Path, revision: str, work: Work) -> Path:
    """Copy a database before its upgrade to a file beside it, unless there is a copy of the same state.

    Remove first what killed attempts left. Raises UnavailableError, also when the disk has no room for the upgrade.
    """
    names = f"{glob.escape(file.name)}.{revision}-*.bak"
    try:
        remove_left(file.parent, names)
        there = sorted(file.parent.glob(names))[-1:]
        refuse_small_room(file, backup=not there)  # before reading much: systemd restarts the daemon every second
        kept = next((each for each in there if _same(file, each, work)), None)
    except OSError as error:
        raise unwritable(file, error) from error
    refuse_small_room(file, backup=kept is None)
    if kept is not None:
        work.step(Progress("backup-kept", 1, str(kept)), always=True)
        return kept
    target = file.with_name(f"{file.name}.{revision}-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}.bak")
    work.step(Progress("backup", 0, str(target)), always=True)
    copy(file, target, work)
    return target


def refuse_small_room(file: Path, *, backup: bool) -> None:
    """Raise UnavailableError if the disk has less room than an upgrade may need, with or without a backup."""
    size = sum(each.stat().st_size for each in (file, Path(f"{file}-wal")) if each.exists())
    needed, free = size * (_UPGRADED_TIMES + backup), shutil.disk_usage(file.absolute().parent).free
    if free < needed:
        message = _("{file}: its upgrade needs {needed} MB of free disk in {folder}, and there are {free} MB")
        where = {"file": file, "folder": file.absolute().parent}
        raise UnavailableError(message.format(**where, needed=-(-needed // _MB), free=free // _MB))


def _same(file: Path, copied: Path, work: Work) -> bool:
    """Compare a copy with the database, page by page, while nobody writes."""
    try:
        with closing(_connected(file)) as connection:
            (busy, _log, _moved) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                return False
            connection.execute("BEGIN IMMEDIATE")
            return _equal(file, copied, work)
    except sqlite3.Error:
        return False


def _equal(file: Path, copied: Path, work: Work) -> bool:
    with open_regular(file) as first, open_regular(copied) as second:
        if os.fstat(first.fileno()).st_size != os.fstat(second.fileno()).st_size:
            return False
        first.seek(_HEADER)
        second.seek(_HEADER)
        while part := first.read(_COMPARED):
            work.step(Progress("backup", 0, str(copied)))
            if part != second.read(_COMPARED):
                return False
    return True


def _connected(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(file, timeout=BUSY_SECONDS, isolation_level=None)


def _settle(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
