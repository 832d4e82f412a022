"""Uploaded files on the disk: a folder for each, named by the import's id.

It has the file itself until that is imported, `upload.json` (how it was uploaded), `report.json` (what was found), and
`errors.xlsx` (the bad rows).
"""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from pbxd.errors import ConflictError
from pbxd.i18n import _
from pbxd.services.files.import_report import ImportReport
from pbxd.services.files.imports import Policy

ARRIVING: Final = "arriving-"  # begins the names of folders of files that are not there yet
_LISTED: Final = 100  # bad rows in an answer; all are in the workbook
_PIECE: Final = 256 * 1024  # bytes of a file


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What somebody uploads, and how it is to be imported."""

    name: str  # of the file, for people
    personal: bool = False
    existing: Policy = "skip"
    sheet: str = ""
    lenient: bool = False
    mapped: tuple[str, ...] = ()
    caller: str = ""  # the token or user that uploads it

    @property
    def visibility(self) -> str:
        """Who sees the new contacts."""
        return "personal" if self.personal else "shared"


async def pieces_of(file: Path) -> AsyncGenerator[bytes, None]:
    """Yield a file in pieces, read in a thread."""
    stream = await asyncio.to_thread(file.open, "rb")
    try:
        while piece := await asyncio.to_thread(stream.read, _PIECE):
            yield piece
    finally:
        stream.close()


def take_over(file: Path, own: Path, upload: Upload) -> None:
    """Put a file that has arrived into the folder of its import, with how it is to be imported.

    The id is new. What has its folder already is left from another state of the database, such as before a restore.
    """
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir(mode=0o700)
    file.rename(own / f"upload{file.suffix}")
    write_json(own / "upload.json", asdict(upload))


def file_of(own: Path) -> str:
    """Return the name of the uploaded file. Raises ConflictError if it is gone."""
    for file in own.glob("upload*"):
        if file.name != "upload.json":
            return file.name
    raise ConflictError(_("the uploaded file is gone: upload it again"))


def upload_of(own: Path) -> Upload | None:
    """Return how a file was uploaded; None if it is gone."""
    kept = read_json(own / "upload.json")
    return Upload(**kept | {"mapped": tuple(kept["mapped"])}) if kept else None


def report_json(report: ImportReport) -> dict[str, Any]:
    """Return what a check or an import found, as it is kept."""
    return {
        **report.counts,
        "errors": [asdict(bad) for bad in report.errors[:_LISTED]],
        "sheet": report.sheet,
        "ignored_columns": report.ignored,
        "left_out": [asdict(each) for each in report.left_out[:_LISTED]],
        "left_out_count": report.left_out_count,
    }


def write_json(file: Path, value: Mapping[str, Any]) -> None:
    """Write an object."""
    file.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def read_json(file: Path) -> dict[str, Any]:
    """Return the object in a file, an empty one if there is none."""
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def remove_old(folder: Path, age: timedelta) -> None:
    """Delete folders of uploads that are older, and of files that never arrived whole."""
    if not folder.is_dir():
        return
    now = time.time()
    for each in folder.iterdir():
        longest = timedelta(hours=1) if each.name.startswith(ARRIVING) else age
        with suppress(OSError):
            if now - each.stat().st_mtime > longest.total_seconds():
                shutil.rmtree(each, ignore_errors=True)


def remove_all(folder: Path) -> int:
    """Delete the folders of all uploads, with files, reports and workbooks. Return how many. Raises OSError."""
    if not folder.exists():
        return 0
    uploads = [own for own in folder.iterdir() if (own / "upload.json").exists()]  # others are not ours
    for own in uploads:
        shutil.rmtree(own)
    return len(uploads)
