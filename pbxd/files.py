"""Files that people name: read only where they are regular, written whole or not at all, for their owner's eyes alone.

What is written stands beside its place under a temporary name until it is whole. Its writer holds a lock on it (flock):
one without a lock was left by somebody who was killed, and the next one who writes there removes it.
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
_RANDOM = "?" * 8  # as `mkstemp` names files
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}  # of file systems without hard links


def open_regular(file: Path) -> BinaryIO:
    """Open a file for reading; raise OSError also for a pipe or a device, which may have no end or never begin."""
    stream = open(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")  # noqa: PTH123, SIM115 - of a descriptor
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise OSError(errno.EINVAL, _("not a regular file"), str(file))
    return stream


def refuse_target(file: Path, *, replace: bool) -> None:
    """Raise InvalidInputError for a place that has something else than a regular file, a link to one included.

    Raise ConflictError for a file that is there, unless it may be replaced.
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
    """Yield where to write (a file that is there, empty, mode 0600); put it in its place once it is whole.

    One that was removed in the block leaves the place as it was.
    Raises what `refuse_target` raises, and UnavailableError when the file can't be written.
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
    """Remove what killed writers left of files with names of this pattern. Raises OSError."""
    for part in folder.glob(f"{names}.{_RANDOM}{_PART}"):
        with suppress(FileNotFoundError, PermissionError, BlockingIOError):  # somebody else's, or at work
            descriptor = os.open(part, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                part.unlink()
            finally:
                os.close(descriptor)


def unwritable(file: Path, error: BaseException) -> UnavailableError:
    """Return the error that says why a file can't be written."""
    why = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
    return UnavailableError(_("{file}: can't be written: {why}").format(file=file, why=why))


def _made(file: Path) -> tuple[int, Path]:
    """Make the temporary file and lock it, again if somebody took it for one that was left before it was locked."""
    while True:
        descriptor, name = tempfile.mkstemp(prefix=f"{file.name}.", suffix=_PART, dir=file.parent)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor, Path(name)
        os.close(descriptor)


def _put(part: Path, file: Path, *, replace: bool) -> None:
    """Give the file its name. Raises OSError, and what `refuse_target` raises."""
    refuse_target(file, replace=replace)
    if replace:
        part.replace(file)
        return
    try:
        file.hardlink_to(part)  # unlike a renaming it fails where something came to be meanwhile
    except FileExistsError:
        refuse_target(file, replace=False)
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        part.rename(file)
