"""What the PBX itself writes down of its calls (CEL, CDR): a CSV file, or a table of a database. Only read.

Nothing is kept of how far it was read: rows are found by their time, in a file by halves and in a table by its index,
so that a restart, a rotated and a restored file are the same to us.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import os
from collections.abc import AsyncGenerator, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import BinaryIO
from zoneinfo import ZoneInfo

from pbxd.errors import UnavailableError
from pbxd.files import open_regular
from pbxd.i18n import _
from pbxd.settings import CDR_NEEDED, Settings
from pbxd.storage.engine.connections import without_password as without_password
from pbxd.storage.pbx_log.columns import PbxLog as PbxLog
from pbxd.storage.pbx_log.columns import Values as Values
from pbxd.storage.pbx_log.columns import normal, seconds
from pbxd.storage.pbx_log.tables import last_rows, table_rows

_BATCH = 1000  # rows read at a time: some 10 ms
_BLOCK_BYTES = 65536
_LAST = 500  # rows that `tail` returns at most


def configured_log(settings: Settings) -> PbxLog:
    """Return the log that the settings name; there must be one."""
    told = settings.backfill
    source = told.source if "://" in told.source else str(settings.folder / told.source)
    zone = ZoneInfo(told.time_zone)
    if told.cel:
        return PbxLog(source, told.cel_columns, told.cel_table, zone=zone)
    return PbxLog(source, told.cdr_columns, told.cdr_table, ("end", "start", "answer"), CDR_NEEDED, zone)


async def rows(journal: PbxLog, since: float) -> AsyncGenerator[list[Values], None]:
    """Yield the rows from a time (epoch seconds) on, some at a time, in the order of their writing.

    Raises UnavailableError when the journal can't be read, ConfigurationError for a URL that isn't one.
    """
    read = table_rows if "://" in journal.source else _file_rows
    async for part in read(journal, since):
        yield part


async def _file_rows(journal: PbxLog, since: float) -> AsyncGenerator[list[Values], None]:
    """Read the file from the place of that time on, and before it the one that rotation put away, if it is needed."""
    older, file = Path(f"{journal.source}.1"), Path(journal.source)
    where = _("{file}: can't be read: {why}")
    try:
        files = await asyncio.to_thread(_files, journal, older, file, since)
        for each in files:
            async for part in _lines(each, journal, since):
                yield part
    except (OSError, csv.Error) as error:
        why = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        raise UnavailableError(where.format(file=journal.source, why=why)) from error


def _files(journal: PbxLog, older: Path, file: Path, since: float) -> list[Path]:
    with open_regular(file) as stream:
        first = _latest(stream.read(_BLOCK_BYTES), journal)
    return [older, file] if (first is None or first >= since) and older.exists() else [file]


async def _lines(file: Path, journal: PbxLog, since: float) -> AsyncGenerator[list[Values], None]:
    with closing(await asyncio.to_thread(open_regular, file)) as stream:
        size = os.fstat(stream.fileno()).st_size
        await asyncio.to_thread(_seek, stream, journal, since)
        text = io.TextIOWrapper(stream, encoding="utf-8", errors="replace", newline="")
        lines = _from(csv.reader(line for line in text if line.endswith("\n")), journal, since)
        while part := await asyncio.to_thread(list, islice(lines, _BATCH)):
            yield part
        status = await asyncio.to_thread(file.stat)
        if status.st_size < size or status.st_ino != os.fstat(stream.fileno()).st_ino:
            raise OSError(_("it was rotated meanwhile"))


def _seek(stream: BinaryIO, journal: PbxLog, since: float) -> None:
    """Go to a line before which all is older than `since`: by halves, for such files grow to gigabytes.

    Rows are in the order of their writing, which is that of their times but for the few seconds (a path of a call: but
    for its length) that some are late; hence the latest time of a block counts, and one block more is read.
    """
    low, high = 0, os.fstat(stream.fileno()).st_size // _BLOCK_BYTES
    while low < high:
        middle = (low + high) // 2
        stream.seek(middle * _BLOCK_BYTES)
        latest = _latest(stream.read(_BLOCK_BYTES), journal)
        low, high = (middle + 1, high) if latest is not None and latest < since else (low, middle)
    start = max(0, low - 2) * _BLOCK_BYTES
    stream.seek(start)
    if start:
        stream.readline()


def _latest(block: bytes, journal: PbxLog) -> float | None:
    """Return the latest time in a piece of the file."""
    lines = csv.reader(io.StringIO(block.decode("utf-8", "replace"), newline=""))
    at = journal.columns.index(journal.order)
    found: list[float] = []
    with contextlib.suppress(csv.Error):
        found += [
            time for line in lines if len(line) == len(journal.columns) and (time := seconds(line[at], journal.zone))
        ]
    return max(found, default=None)


def _from(lines: Iterator[list[str]], journal: PbxLog, since: float) -> Iterator[Values]:
    """Give the values of a line their names; leave out what is older, and lines that are none of ours."""
    column = journal.columns.index(journal.order)
    for line in lines:
        if (
            len(line) == len(journal.columns)
            and (at := seconds(line[column], journal.zone)) is not None
            and at >= since
        ):
            yield normal(dict(zip(journal.columns, line, strict=True)), journal)


async def tail(journal: PbxLog) -> list[Values]:
    """Return the last rows, for a look whether the log is what it should be; the latest is the last.

    Raises what `rows` raises.
    """
    if "://" not in journal.source:
        return await asyncio.to_thread(_last_lines, journal)
    return await last_rows(journal, _LAST)


def _last_lines(journal: PbxLog) -> list[Values]:
    try:
        with open_regular(Path(journal.source)) as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - _BLOCK_BYTES))
            text = stream.read().decode("utf-8", "replace")
    except OSError as error:
        message = _("{file}: can't be read: {why}")
        raise UnavailableError(message.format(file=journal.source, why=error.strerror or error)) from error
    lines: list[list[str]] = []
    with contextlib.suppress(csv.Error):
        lines += csv.reader(io.StringIO(text, newline=""))
    return list(_from(iter(lines), journal, 0.0))
