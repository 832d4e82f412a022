"""A log of the PBX as a database table: SQLite, PostgreSQL, or MariaDB (MySQL), where FreePBX keeps its logs.

FreePBX's times are dates in whole seconds, often local, and its CDR has a start with two lengths instead of three
times.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    DateTime,
    Float,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    cast,
    make_url,
    or_,
    select,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, NoSuchTableError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import NullType

from pbxd.errors import ConfigurationError, UnavailableError
from pbxd.i18n import _
from pbxd.storage.engine.connections import connect, connect_mysql, parsed, place, translated
from pbxd.storage.pbx_log.columns import PbxLog, Values, normal

_BATCH = 1000  # rows read at once: about 10 ms
_MYSQL = frozenset({"mysql", "mariadb"})
# FreePBX's cdr table has the start, and lengths in seconds. Rows are found by the start, so the search begins that much
# earlier.
_BEGAN, _LENGTHS, _LONGEST = "calldate", frozenset({"calldate", "duration", "billsec"}), timedelta(days=1)


async def last_rows(log: PbxLog, limit: int) -> list[Values]:
    """Return the last rows, newest last. Raises UnavailableError, ConfigurationError."""
    async with _connected(log) as connection:
        table = await connection.run_sync(_reflected, log)
        wanted = select(table).order_by(*(each.desc() for each in _order(table, log))).limit(limit)
        found = (await connection.execute(wanted)).mappings().all()
    return [normal(_values(row, log), log) for row in reversed(found)]


@contextlib.asynccontextmanager
async def _connected(log: PbxLog) -> AsyncIterator[AsyncConnection]:
    """Open a read-only connection."""
    url = _url(log)
    mysql, sqlite = url.get_backend_name() == "mysql", url.get_backend_name() == "sqlite"
    engine = connect_mysql(url) if mysql else connect(url, foreign_keys=False)
    try:
        with translated(place(url)):
            options = {} if sqlite or mysql else {"postgresql_readonly": True}
            async with engine.execution_options(**options).connect() as connection:
                if sqlite:
                    await connection.exec_driver_sql("PRAGMA query_only=ON")
                yield connection
    finally:
        await engine.dispose()


def _url(log: PbxLog) -> URL:
    """Return the URL with the driver that pbxd uses. A log may be in MariaDB, pbxd's own database can't."""
    scheme = log.source.partition("://")[0].partition("+")[0]
    if scheme not in _MYSQL:
        return parsed(log.source)
    try:
        return make_url(log.source).set(drivername="mysql+aiomysql")
    except (ArgumentError, ValueError) as error:
        raise ConfigurationError(_("backfill: not a database URL")) from error


async def table_rows(log: PbxLog, since: float) -> AsyncGenerator[list[Values], None]:
    """Yield the rows from a time (epoch seconds) on, in the order of writing. Raises what `last_rows` raises."""
    async with _connected(log) as connection:
        async for part in _selected(connection, log, since):
            yield part


async def _selected(connection: AsyncConnection, log: PbxLog, since: float) -> AsyncGenerator[list[Values], None]:
    table = await connection.run_sync(_reflected, log)
    time = table.c[_time(table, log)]
    mysql = connection.dialect.name in _MYSQL
    if time.name == _BEGAN:
        began = _from_then_on(time, since - _LONGEST.total_seconds(), log.zone, mysql=mysql)
    else:
        began = _from_then_on(time, since, log.zone, mysql=mysql)
    result = await connection.stream(
        select(table).where(began).order_by(*_order(table, log)), execution_options={"yield_per": _BATCH}
    )
    async for part in result.mappings().partitions():
        found = [normal(_values(row, log), log) for row in part]
        yield [row for row in found if time.name != _BEGAN or float(row[log.order] or 0) >= since]


def _time(table: Table, log: PbxLog) -> str:
    return log.order if log.order in table.c else _BEGAN


def _order(table: Table, log: PbxLog) -> list[Column[Any]]:
    """Order by the id, in which rows were written: times may be whole seconds, or go back."""
    ids = [column for column in table.primary_key.columns if isinstance(column.type, Integer)]
    return ids or [table.c[_time(table, log)], *table.primary_key.columns]


def _from_then_on(time: Column[Any], since: float, zone: tzinfo, *, mysql: bool) -> ColumnElement[bool]:
    began = datetime.fromtimestamp(max(0.0, since), zone)
    number = cast(time, Numeric(20, 6) if mysql else Float(53))
    if isinstance(time.type, DateTime):
        return time >= (began if time.type.timezone else began.replace(tzinfo=None))
    if isinstance(time.type, String | NullType):  # SQLite compares and casts whatever the column has
        return or_(time >= f"{began:%Y-%m-%d %H:%M:%S}", number >= since)
    return number >= since


def _reflected(connection: Connection, log: PbxLog) -> Table:
    try:
        table = Table(log.table, MetaData(), autoload_with=connection)
    except NoSuchTableError as error:
        message = _("{place}: there is no table {table}")
        raise UnavailableError(message.format(place=_place(log), table=log.table)) from error
    columns = set(table.c.keys())
    lengths = len(log.times) > 1 and columns >= _LENGTHS
    needed = log.needed - set(log.times) if lengths else log.needed
    if missing := needed - columns:
        message = _("{place}: the table {table} has no column {columns}")
        named = ", ".join(sorted(missing))
        raise UnavailableError(message.format(place=_place(log), table=log.table, columns=named))
    return table


def _place(log: PbxLog) -> str:
    return place(_url(log))


def _values(row: Mapping[Any, Any], log: PbxLog) -> Values:
    values = {str(name): _text(value, log.zone) for name, value in row.items()}
    if "extra" not in values and "eventextra" in values:  # its name in older tables of FreePBX
        values["extra"] = values["eventextra"]
    if log.order not in values and values.keys() >= _LENGTHS:
        values |= _three_times(values)
    return values


def _three_times(values: Values) -> Values:
    """Return when a call began, was answered and ended, from its start and its lengths."""
    began, whole, talk = (_number(values[name]) for name in ("calldate", "duration", "billsec"))
    answered = values.get("disposition", "").upper() == "ANSWERED"
    answer = f"{began + whole - talk:.6f}" if answered else ""
    return {"start": f"{began:.6f}", "answer": answer, "end": f"{began + whole:.6f}"}


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _text(value: object, zone: tzinfo) -> str:
    if isinstance(value, datetime):
        return f"{(value if value.tzinfo else value.replace(tzinfo=zone)).timestamp():.6f}"
    return "" if value is None else str(value)
