"""Read and write files that people name: only regular files, written wholly or not at all, for their owner only.

A file is written beside its place under a temporary name. The writer holds a lock on it (flock). A temporary file
without a lock was left by a killed writer; the next writer there removes it.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from pbxd.errors import ConflictError, InvalidInputError, UnavailableError
from pbxd.i18n import _

_PART = ".part"
_RANDOM = "?" * 8  # as in the names that `mkstemp` makes
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}  # errors of file systems without hard links


def open_regular(file: Path) -> BinaryIO:
    """Open a file for reading. Raise OSError also for a pipe or a device: reading it may never begin or end."""
    stream = open(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")  # noqa: PTH123, SIM115 - of a descriptor
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise OSError(errno.EINVAL, _("not a regular file"), str(file))
    return stream


def refuse_target(file: Path, *, replace: bool) -> None:
    """Raise InvalidInputError if something else than a regular file is there, also for a link to one.

    Raise ConflictError if a file is there, unless `replace`.
    """
    try:
        mode = file.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise unwritable(file, error) from error
    if not stat.S_ISREG(mode):
        raise InvalidInputError("file", _("{file} is no regular file; name a new one").format(file=file))
    if not replace:
        raise ConflictError(_("{file} exists already").format(file=file))


@contextmanager
def new_file(file: Path, *, replace: bool = False) -> Iterator[Path]:
    """Yield an empty temporary file (mode 0600) to write to; rename it to `file` at the end of the block.

    If the block removes the temporary file, `file` stays as it was.
    Raises the errors of `refuse_target`, and UnavailableError if the file cannot be written.
    """
    refuse_target(file, replace=replace)
    try:
        remove_left(file.parent, glob.escape(file.name))
        descriptor, part = _made(file)
    except OSError as error:
        raise unwritable(file, error) from error
    try:
        yield part
        if part.exists():
            _put(part, file, replace=replace)
    except OSError as error:
        raise unwritable(file, error) from error
    finally:
        part.unlink(missing_ok=True)
        os.close(descriptor)


def remove_left(folder: Path, names: str) -> None:
    """Remove temporary files that killed writers left for names of this pattern. Raises OSError."""
    for part in folder.glob(f"{names}.{_RANDOM}{_PART}"):
        with suppress(FileNotFoundError, PermissionError, BlockingIOError):  # of another user, or still being written
            descriptor = os.open(part, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                part.unlink()
            finally:
                os.close(descriptor)


def unwritable(file: Path, error: BaseException) -> UnavailableError:
    """Return the error that says why a file cannot be written."""
    why = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
    return UnavailableError(_("{file}: can't be written: {why}").format(file=file, why=why))


def _made(file: Path) -> tuple[int, Path]:
    """Create and lock the temporary file; try again if another writer removed it before it was locked."""
    while True:
        descriptor, name = tempfile.mkstemp(prefix=f"{file.name}.", suffix=_PART, dir=file.parent)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor, Path(name)
        os.close(descriptor)


def _put(part: Path, file: Path, *, replace: bool) -> None:
    """Give the file its name. Raises OSError and the errors of `refuse_target`."""
    refuse_target(file, replace=replace)
    if replace:
        part.replace(file)
        return
    try:
        file.hardlink_to(part)  # unlike a rename it fails if a file has appeared there meanwhile
    except FileExistsError:
        refuse_target(file, replace=False)
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        part.rename(file)
