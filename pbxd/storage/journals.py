"""What the PBX itself writes down of its calls (CEL): a CSV file, or a table in SQLite or PostgreSQL. Only read."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, DateTime, Float, MetaData, Table, cast, select
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.errors import UnavailableError
from pbxd.i18n import _
from pbxd.storage.engine import connect, parsed, place, translated

Values = dict[str, str]
_BATCH = 1000  # rows read at a time: some 10 ms
_NEEDED = frozenset({"eventtype", "eventtime", "channame", "uniqueid", "linkedid"})


@dataclass(frozen=True, slots=True)
class Journal:
    """Where the log is: a path, or the URL of a database with the name of its table.

    `columns`: those of the CSV file, in their order, by the names Asterisk's SQL back ends give them.
    """

    source: str
    columns: Sequence[str]
    table: str = "cel"


async def rows(journal: Journal, since: float) -> AsyncGenerator[list[Values], None]:
    """Yield the rows from a time (epoch seconds) on, some at a time, in the order of their writing.

    Raises UnavailableError when the journal can't be read, ConfigurationError for a URL that isn't one.
    """
    read = _table_rows if "://" in journal.source else _file_rows
    async for part in read(journal, since):
        yield part


async def _file_rows(journal: Journal, since: float) -> AsyncGenerator[list[Values], None]:
    where = _("{file}: can't be read: {why}")
    try:
        stream = await asyncio.to_thread(Path(journal.source).open, encoding="utf-8", errors="replace", newline="")
        with closing(stream):
            lines = _from(csv.reader(line for line in stream if line.endswith("\n")), journal.columns, since)
            while part := await asyncio.to_thread(list, islice(lines, _BATCH)):
                yield part
    except (OSError, csv.Error) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise UnavailableError(where.format(file=journal.source, why=why)) from error


def _from(lines: Iterator[list[str]], columns: Sequence[str], since: float) -> Iterator[Values]:
    """Give the values of a line their names; leave out what is older, and lines that are none of ours."""
    at = columns.index("eventtime")
    for line in lines:
        if len(line) != len(columns):
            continue
        try:
            if float(line[at]) < since:
                continue
        except ValueError:
            continue
        yield dict(zip(columns, line, strict=True))


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
    time = table.c.eventtime
    if isinstance(time.type, DateTime):
        began = datetime.fromtimestamp(since, UTC)
        condition = time >= (began if time.type.timezone else began.replace(tzinfo=None))
    else:
        condition = cast(time, Float(53)) >= since
    wanted = select(table).where(condition).order_by(time, *table.primary_key.columns)
    result = await connection.stream(wanted, execution_options={"yield_per": _BATCH})
    async for part in result.mappings().partitions():
        yield [_values(row) for row in part]


def _reflected(connection: Connection, journal: Journal) -> Table:
    try:
        table = Table(journal.table, MetaData(), autoload_with=connection)
    except NoSuchTableError as error:
        message = _("{place}: there is no table {table}")
        raise UnavailableError(message.format(place=_place(journal), table=journal.table)) from error
    if missing := _NEEDED - set(table.c.keys()):
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
