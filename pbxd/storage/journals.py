"""What the PBX itself writes down of its calls (CEL, CDR): a CSV file, or a table in SQLite or PostgreSQL. Only read.

Nothing is kept of how far it was read: rows are found by their time, in a file by halves and in a table by its index,
so that a restart, a rotated and a restored file are the same to us.
"""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import os
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import Column, ColumnElement, Connection, DateTime, Float, MetaData, String, Table, cast, or_, select
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import NullType

from pbxd.errors import UnavailableError
from pbxd.files import open_regular
from pbxd.i18n import _
from pbxd.settings import CEL_NEEDED
from pbxd.storage.engine import connect, parsed, place, translated

Values = dict[str, str]
_BATCH = 1000  # rows read at a time: some 10 ms
_BLOCK_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Journal:
    """Where the log is: a path, or the URL of a database with the name of its table.

    `columns`: those of the CSV file, in their order, by the names Asterisk's SQL back ends give them. `times`: which of
    them are times; the first one orders the rows.
    """

    source: str
    columns: Sequence[str]
    table: str = "cel"
    times: Sequence[str] = ("eventtime",)
    needed: frozenset[str] = CEL_NEEDED

    @property
    def order(self) -> str:
        """The column of the time by which rows are found."""
        return self.times[0]


async def rows(journal: Journal, since: float) -> AsyncGenerator[list[Values], None]:
    """Yield the rows from a time (epoch seconds) on, some at a time, in the order of their writing.

    Raises UnavailableError when the journal can't be read, ConfigurationError for a URL that isn't one.
    """
    read = _table_rows if "://" in journal.source else _file_rows
    async for part in read(journal, since):
        yield part


async def _file_rows(journal: Journal, since: float) -> AsyncGenerator[list[Values], None]:
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


def _files(journal: Journal, older: Path, file: Path, since: float) -> list[Path]:
    with open_regular(file) as stream:
        first = _latest(stream.read(_BLOCK_BYTES), journal)
    return [older, file] if (first is None or first >= since) and older.exists() else [file]


async def _lines(file: Path, journal: Journal, since: float) -> AsyncGenerator[list[Values], None]:
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


def _seek(stream: BinaryIO, journal: Journal, since: float) -> None:
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


def _latest(block: bytes, journal: Journal) -> float | None:
    """Return the latest time in a piece of the file."""
    lines = csv.reader(io.StringIO(block.decode("utf-8", "replace"), newline=""))
    at = journal.columns.index(journal.order)
    found: list[float] = []
    with contextlib.suppress(csv.Error):
        found += [time for line in lines if len(line) == len(journal.columns) and (time := _seconds(line[at]))]
    return max(found, default=None)


def _from(lines: Iterator[list[str]], journal: Journal, since: float) -> Iterator[Values]:
    """Give the values of a line their names; leave out what is older, and lines that are none of ours."""
    column = journal.columns.index(journal.order)
    for line in lines:
        if len(line) == len(journal.columns) and (at := _seconds(line[column])) is not None and at >= since:
            yield _normal(dict(zip(journal.columns, line, strict=True)), journal)


def _seconds(text: str) -> float | None:
    """Read a time: seconds since the epoch, or a date with a time of day in UTC (`usegmtime=yes`)."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() if "-" in text else float(text)
    except ValueError:
        return None


def _normal(values: Values, journal: Journal) -> Values:
    """Let every time be seconds since the epoch; what is none, as that of an answer that never came, is empty."""
    for name in journal.times:
        if "-" in values.get(name, ""):
            at = _seconds(values[name])
            values[name] = "" if at is None else f"{at:.6f}"
    return values


async def _table_rows(journal: Journal, since: float) -> AsyncGenerator[list[Values], None]:
    url = parsed(journal.source)
    engine = connect(url, foreign_keys=False)
    sqlite = url.get_backend_name() == "sqlite"
    try:
        with translated(place(url)):
            options = {} if sqlite else {"postgresql_readonly": True}
            async with engine.execution_options(**options).connect() as connection:
                if sqlite:
                    await connection.exec_driver_sql("PRAGMA query_only=ON")
                async for part in _selected(connection, journal, since):
                    yield part
    finally:
        await engine.dispose()


async def _selected(connection: AsyncConnection, journal: Journal, since: float) -> AsyncGenerator[list[Values], None]:
    table = await connection.run_sync(_reflected, journal)
    time = table.c[journal.order]
    wanted = select(table).where(_from_then_on(time, since)).order_by(time, *table.primary_key.columns)
    result = await connection.stream(wanted, execution_options={"yield_per": _BATCH})
    async for part in result.mappings().partitions():
        yield [_normal(_values(row), journal) for row in part]


def _from_then_on(time: Column[Any], since: float) -> ColumnElement[bool]:
    began = datetime.fromtimestamp(since, UTC)
    if isinstance(time.type, DateTime):
        return time >= (began if time.type.timezone else began.replace(tzinfo=None))
    if isinstance(time.type, String | NullType):  # SQLite compares and casts whatever stands there
        return or_(time >= f"{began:%Y-%m-%d %H:%M:%S}", cast(time, Float(53)) >= since)
    return cast(time, Float(53)) >= since


def _reflected(connection: Connection, journal: Journal) -> Table:
    try:
        table = Table(journal.table, MetaData(), autoload_with=connection)
    except NoSuchTableError as error:
        message = _("{place}: there is no table {table}")
        raise UnavailableError(message.format(place=_place(journal), table=journal.table)) from error
    if missing := journal.needed - set(table.c.keys()):
        message = _("{place}: the table {table} has no column {columns}")
        columns = ", ".join(sorted(missing))
        raise UnavailableError(message.format(place=_place(journal), table=journal.table, columns=columns))
    return table


def _place(journal: Journal) -> str:
    return place(parsed(journal.source))


def _values(row: Mapping[Any, Any]) -> Values:
    return {str(name): _text(value) for name, value in row.items()}


def _text(value: object) -> str:
    if isinstance(value, datetime):  # usegmtime=yes: UTC
        return f"{(value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp():.6f}"
    return "" if value is None else str(value)
