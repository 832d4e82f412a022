"""Read what the PBX writes down of its calls (CEL, CDR): a CSV file, or a table of a database. Read only.

pbxd does not store how far it has read. It finds rows by their time: in a file by binary search, in a table by its
index. So a restart, a rotated file and a restored file are all the same.
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

_BATCH = 1000  # rows read at once: about 10 ms
_BLOCK_BYTES = 65536
_LAST = 500  # rows that `tail` returns at most


def configured_log(settings: Settings) -> PbxLog:
    """Return the log that the settings name; there must be one."""
    backfill = settings.backfill
    source = backfill.source if "://" in backfill.source else str(settings.folder / backfill.source)
    zone = ZoneInfo(backfill.time_zone)
    if backfill.cel:
        return PbxLog(source, backfill.cel_columns, backfill.cel_table, zone=zone)
    return PbxLog(source, backfill.cdr_columns, backfill.cdr_table, ("end", "start", "answer"), CDR_NEEDED, zone)


async def rows(log: PbxLog, since: float) -> AsyncGenerator[list[Values], None]:
    """Yield the rows from a time (epoch seconds) on, in batches, in the order of writing.

    Raises UnavailableError if the log can't be read, ConfigurationError for an invalid URL.
    """
    read = table_rows if "://" in log.source else _file_rows
    async for part in read(log, since):
        yield part


async def _file_rows(log: PbxLog, since: float) -> AsyncGenerator[list[Values], None]:
    """Read the file from that time on; before it, if needed, the file that rotation put aside."""
    older, file = Path(f"{log.source}.1"), Path(log.source)
    where = _("{file}: can't be read: {why}")
    try:
        files = await asyncio.to_thread(_files, log, older, file, since)
        for each in files:
            async for part in _lines(each, log, since):
                yield part
    except (OSError, csv.Error) as error:
        why = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        raise UnavailableError(where.format(file=log.source, why=why)) from error


def _files(log: PbxLog, older: Path, file: Path, since: float) -> list[Path]:
    with open_regular(file) as stream:
        first = _latest(stream.read(_BLOCK_BYTES), log)
    return [older, file] if (first is None or first >= since) and older.exists() else [file]


async def _lines(file: Path, log: PbxLog, since: float) -> AsyncGenerator[list[Values], None]:
    with closing(await asyncio.to_thread(open_regular, file)) as stream:
        size = os.fstat(stream.fileno()).st_size
        await asyncio.to_thread(_seek, stream, log, since)
        text = io.TextIOWrapper(stream, encoding="utf-8", errors="replace", newline="")
        lines = _from(csv.reader(line for line in text if line.endswith("\n")), log, since)
        while part := await asyncio.to_thread(list, islice(lines, _BATCH)):
            yield part
        status = await asyncio.to_thread(file.stat)
        if status.st_size < size or status.st_ino != os.fstat(stream.fileno()).st_ino:
            raise OSError(_("it was rotated while it was read"))


def _seek(stream: BinaryIO, log: PbxLog, since: float) -> None:
    """Go to a line before which all rows are older than `since`, by binary search: such files grow to gigabytes.

    Rows are in the order of writing, which is that of their times except for the few seconds that some are late (a path
    of a call: except for its length). Therefore the latest time of a block counts, and one more block is read.
    """
    low, high = 0, os.fstat(stream.fileno()).st_size // _BLOCK_BYTES
    while low < high:
        middle = (low + high) // 2
        stream.seek(middle * _BLOCK_BYTES)
        latest = _latest(stream.read(_BLOCK_BYTES), log)
        low, high = (middle + 1, high) if latest is not None and latest < since else (low, middle)
    start = max(0, low - 2) * _BLOCK_BYTES
    stream.seek(start)
    if start:
        stream.readline()


def _latest(block: bytes, log: PbxLog) -> float | None:
    """Return the latest time in a part of the file."""
    lines = csv.reader(io.StringIO(block.decode("utf-8", "replace"), newline=""))
    at = log.columns.index(log.order)
    found: list[float] = []
    with contextlib.suppress(csv.Error):
        found += [time for line in lines if len(line) == len(log.columns) and (time := seconds(line[at], log.zone))]
    return max(found, default=None)


def _from(lines: Iterator[list[str]], log: PbxLog, since: float) -> Iterator[Values]:
    """Name the values of each line; skip older lines, and lines of another form."""
    column = log.columns.index(log.order)
    for line in lines:
        if len(line) == len(log.columns) and (at := seconds(line[column], log.zone)) is not None and at >= since:
            yield normal(dict(zip(log.columns, line, strict=True)), log)


async def tail(log: PbxLog) -> list[Values]:
    """Return the last rows, newest last, to check whether the log is as expected.

    Raises what `rows` raises.
    """
    if "://" not in log.source:
        return await asyncio.to_thread(_last_lines, log)
    return await last_rows(log, _LAST)


def _last_lines(log: PbxLog) -> list[Values]:
    try:
        with open_regular(Path(log.source)) as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - _BLOCK_BYTES))
            text = stream.read().decode("utf-8", "replace")
    except OSError as error:
        message = _("{file}: can't be read: {why}")
        raise UnavailableError(message.format(file=log.source, why=error.strerror or error)) from error
    lines: list[list[str]] = []
    with contextlib.suppress(csv.Error):
        lines += csv.reader(io.StringIO(text, newline=""))
    return list(_from(iter(lines), log, 0.0))
