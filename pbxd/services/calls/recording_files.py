"""The PBX's recordings as files: which of them are a call's, and opening one without leaving their folder."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from pbxd.calls.record import CallRecord
from pbxd.files import open_regular

KINDS: Final = ("wav", "mp3", "ogg", "opus", "gsm")  # that PBXs write, or that files are converted to afterwards
_PLAIN = re.compile(r"[\w.-]+")  # ids of channels as files have them in their names


class RecordingFolder:
    """A folder of recordings; `folder` is where this machine has it, `pbx_folder` what the PBX calls it.

    Every method waits for the disk: call it in a thread.
    """

    def __init__(self, folder: Path, pbx_folder: str) -> None:
        self._folder = folder
        self._prefixes = (PurePosixPath(pbx_folder), PurePosixPath(folder.absolute()))

    def named_after(self, record: CallRecord, now: datetime) -> list[str]:
        """Return the files that have the id of a call's first channel at the end of their names.

        FreePBX writes `2026/11/29/in-…-1469918176.1.wav`, by its own zone's date. That is where a call is looked for
        whose record names no file, because the PBX doesn't tell it.
        """
        if not _PLAIN.fullmatch(record.linkedid) or ".." in record.linkedid:
            return []
        began, ended = record.started.astimezone(), (record.ended or now).astimezone()
        days = {began.date(), min(ended, began + timedelta(days=1)).date()}
        folders = [f"{day:%Y/%m/%d}" for day in sorted(days)]
        names = {f"{record.linkedid}.{kind}" for kind in KINDS}
        ends = tuple(f"-{name}" for name in names)
        found = [name for name in sorted(names) if (self._folder / name).is_file()]
        for folder in folders:
            there = (name for name in self._listed(folder) if name in names or name.endswith(ends))
            found += [f"{folder}/{name}" for name in sorted(there)]
        return found

    def _listed(self, folder: str) -> Iterator[str]:
        try:
            yield from (file.name for file in (self._folder / folder).iterdir())
        except OSError:
            return

    def open(self, name: str) -> BinaryIO:
        """Open a recording by the name that the PBX gave it, or as what it was converted to afterwards.

        Raises OSError: it is away (ENOENT), no file, or outside the folder (EXDEV), also by `..` or a link.
        """
        inside = self._inside(PurePosixPath(name))
        others = [kind for kind in KINDS if kind != inside.suffix[1:]] if inside.suffix[1:].lower() in KINDS else []
        for place in (inside, *(inside.with_suffix(f".{kind}") for kind in others)):
            try:
                return self._opened(place)
            except FileNotFoundError:
                continue
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)

    def _inside(self, name: PurePosixPath) -> PurePosixPath:
        """Return the name below the folder."""
        if "\0" in str(name) or ".." in name.parts:
            raise _outside(name)
        if not name.is_absolute():
            return name
        for prefix in self._prefixes:
            if name.is_relative_to(prefix):
                return name.relative_to(prefix)
        raise _outside(name)

    def _opened(self, name: PurePosixPath) -> BinaryIO:
        """Open a file, and judge by the open file whether it lies below the folder: a link may change meanwhile."""
        root = self._folder.resolve()
        file = open_regular(root / name)
        real = Path(os.readlink(f"/proc/self/fd/{file.fileno()}"))  # noqa: PTH115 - of a descriptor
        if not real.is_relative_to(root):
            file.close()
            raise _outside(name)
        return file


def real_name(file: BinaryIO) -> str:
    """Return the name that an open file has on the disk."""
    return Path(os.readlink(f"/proc/self/fd/{file.fileno()}")).name  # noqa: PTH115 - of a descriptor


def _outside(name: PurePosixPath) -> OSError:
    return OSError(errno.EXDEV, os.strerror(errno.EXDEV), str(name))
