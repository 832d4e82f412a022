"""Remember, by a file beside it, that a SQLite database existed, so that its loss is not taken for a first start."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from sqlalchemy.engine import URL

from pbxd.errors import LostError
from pbxd.i18n import _
from pbxd.storage.engine.connections import parsed, place, sqlite_file

UPGRADE_COMMAND = "pbxd db upgrade"
_NOTE = "pbxd made the database {name} here. While it is gone pbxd makes no new one; {command} does.\n"


def remember(url: str) -> None:
    """Note that the database was created."""
    file = file_of(url)
    if file is None:
        return
    with suppress(OSError):  # perhaps a full disk: the next start tries again
        # Write into no existing file and through no link: the folder is the service's, and root runs this too.
        descriptor = os.open(_note(file), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(_NOTE.format(name=file.name, command=UPGRADE_COMMAND))


def refuse_lost(url: URL, *, empty: bool = False) -> None:
    """Raise LostError if a database was created here and its file is gone or empty (`empty`: it has no tables)."""
    file = sqlite_file(url)
    if file is not None and _note(file).exists() and (empty or not _holds_something(file)):
        message = _("the database {place} was here and is gone; put it back, or begin with an empty one: {command}")
        raise LostError(message.format(place=place(url), command=UPGRADE_COMMAND))


def file_of(url: str) -> Path | None:
    """Return the file of a SQLite database, None for PostgreSQL. Raises ConfigurationError."""
    return sqlite_file(parsed(url))


def _note(file: Path) -> Path:
    return file.with_name(f"{file.name}.made")


def _holds_something(file: Path) -> bool:
    try:
        return file.stat().st_size > 0
    except FileNotFoundError:
        return False
