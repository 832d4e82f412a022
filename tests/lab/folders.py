"""The private folders of labs: short names, removed with the lab, or by the next one when a lab was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "pbxd-"  # short: unix socket paths end at 107 bytes
MARK = "alive"  # locked as long as the lab runs; the kernel frees the lock when it dies


class PrivateFolder:
    """A new folder, marked as in use until `close`."""

    def __init__(self, *, keep: bool) -> None:
        sweep()
        self._keep = keep
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        mark = self.path / f"{MARK}.new"
        self._lock = os.open(mark, os.O_CREAT | os.O_RDWR)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        mark.rename(self.path / MARK)  # seen by a sweep only once it is locked

    def close(self) -> None:
        if self._keep:
            (self.path / MARK).unlink(missing_ok=True)
        else:
            shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def sweep() -> None:
    """Remove what killed labs have left behind."""
    for mark in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/{MARK}"):
        try:
            lock = os.open(mark, os.O_RDWR)
        except OSError:  # just removed, or another user's
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(mark.parent, ignore_errors=True)
        except BlockingIOError:
            continue  # its lab runs
        finally:
            os.close(lock)
