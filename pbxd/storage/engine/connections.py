"""Database URLs, engines and connections, and the errors that the drivers' failures become."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic_core import PydanticSerializationError, from_json, to_json
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from pbxd.errors import ConfigurationError, StorageError
from pbxd.i18n import _
from pbxd.storage.index_hints import HintedCompiler
from pbxd.storage.search.fulltext import lend_tokens
from pbxd.storage.tables import add_postgresql_conditions, clean_text

BUSY_SECONDS = 10.0  # that a writer waits for another one, in this process or elsewhere
DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}
_CACHE = -8000  # kB instead of 2 MB: the inner pages of a big book's tables stay in memory
_PASSWORD = re.compile("(://[^:/]*):.*@", re.DOTALL)
_IN_QUERY = re.compile("([?&][^=&]*passw[^=&]*=)[^&]+", re.IGNORECASE)
BEGIN = "pbxd_begin"  # execution option: the statement that opens a transaction on SQLite; empty: none


def _json(value: object) -> str:
    try:
        return to_json(value).decode()  # three times as fast as Python's json
    except PydanticSerializationError:  # single surrogates
        return clean_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


_COMMON: dict[str, Any] = {
    "json_serializer": _json,
    "json_deserializer": from_json,
    "hide_parameters": True,  # an error in a log shows no names and numbers of people
    "pool_timeout": BUSY_SECONDS,
}

# Bugs of pbxd, not failures of the database: they are not translated.
_OUR_MISTAKES = (IntegrityError, DataError, ProgrammingError, NotSupportedError)


def parsed(url: str) -> URL:
    """Return the URL with the driver we use. Raises ConfigurationError for anything but SQLite and PostgreSQL."""
    try:
        parts = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise ConfigurationError(_("database.url: not a database URL")) from error
    driver = DRIVERS.get(parts.drivername)
    if driver is None:
        raise ConfigurationError(
            _("database.url: {scheme} is neither sqlite+aiosqlite nor postgresql+asyncpg").format(
                scheme=parts.drivername
            )
        )
    if driver.startswith("postgresql"):
        return parts.set(drivername=driver)
    path = url.partition(":///")[2]  # as written: SQLAlchemy would read %41 in it as A
    if path in {"", ":memory:"} or "?" in path:
        raise ConfigurationError(_("database.url: SQLite needs the path of a file and nothing after it"))
    return URL.create(driver, database=path)


def sqlite_file(url: URL) -> Path | None:
    """Return the file of a SQLite database, None for PostgreSQL."""
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


def place(url: URL) -> str:
    """Name the database for people: a path, or a URL without its password."""
    return str(sqlite_file(url) or without_password(url.render_as_string(hide_password=True)))


def without_password(url: str) -> str:
    """Hide the password in a URL as a person wrote it, for logs.

    The password is everything up to the last @, more than SQLAlchemy takes for it: people don't write %40.
    """
    return _IN_QUERY.sub(r"\1***", _PASSWORD.sub(r"\1:***@", url, count=1))


def connect(url: URL, *, foreign_keys: bool = True, busy_seconds: float | None = None) -> AsyncEngine:
    """Return an engine. It opens nothing yet, and never creates a SQLite file.

    `busy_seconds`: how long SQLite's thread waits for a lock and can't be interrupted; by default BUSY_SECONDS.
    """
    file = sqlite_file(url)
    if file is None:
        add_postgresql_conditions()
        limit = f"{int(BUSY_SECONDS * 1000)}ms"
        return create_async_engine(
            url,
            pool_pre_ping=True,  # the server may have been restarted since
            connect_args={
                "timeout": BUSY_SECONDS,
                "server_settings": {"application_name": "pbxd", "lock_timeout": limit},
            },
            **_COMMON,
        )
    patience = BUSY_SECONDS if busy_seconds is None else busy_seconds
    engine = create_async_engine(_address(file, "sqlite+aiosqlite"), connect_args=_arguments(patience), **_COMMON)
    _prepared(engine.sync_engine, foreign_keys=foreign_keys)
    event.listen(engine.sync_engine, "invalidate", _roll_back)
    return engine


def connect_mysql(url: URL) -> AsyncEngine:
    """Return an engine for a log in MariaDB or MySQL. It opens nothing yet, and can only read."""
    limits = {"connect_timeout": BUSY_SECONDS, "charset": "utf8mb4"}
    readonly = {"init_command": "SET SESSION TRANSACTION READ ONLY"}
    return create_async_engine(url, connect_args={**limits, **readonly}, **_COMMON)


def connect_threads(file: Path, *, busy_seconds: float = BUSY_SECONDS) -> Engine:
    """Return an engine for threads that use a SQLite file. It opens nothing yet."""
    engine = create_engine(_address(file, "sqlite"), connect_args=_arguments(busy_seconds), **_COMMON)
    event.listen(engine, "connect", lambda connection, _record: connection.execute(f"PRAGMA cache_size={_CACHE}"))
    return _prepared(engine)


def _address(file: Path, driver: str) -> URL:
    return URL.create(driver, database=f"file:{quote(str(file.absolute()))}", query={"mode": "rw", "uri": "true"})


def _arguments(busy_seconds: float) -> dict[str, Any]:
    # isolation_level None: Python's sqlite3 opens no transactions by itself, `_begin` does.
    return {"timeout": busy_seconds, "isolation_level": None}


def _prepared(engine: Engine, *, foreign_keys: bool = True) -> Engine:
    engine.dialect.statement_compiler = HintedCompiler
    event.listen(engine, "connect", partial(_prepare, foreign_keys))
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(foreign_keys: bool, connection: Any, _record: object) -> None:  # noqa: ANN401, FBT001 - SQLAlchemy calls it so
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA foreign_keys={'ON' if foreign_keys else 'OFF'}")
    cursor.execute("PRAGMA synchronous=FULL")  # what is committed is on the disk
    cursor.close()
    lend_tokens(connection)


def _roll_back(connection: Any, _record: object, _error: BaseException | None) -> None:  # noqa: ANN401 - SQLAlchemy's
    """End the transaction of a connection that is given up, as when a task is cancelled in the middle of a statement.

    SQLAlchemy then closes it. But SQLite keeps a closed connection, with its locks, until Python has forgotten the last
    cursor of an unfinished statement; the task's traceback can hold that for long. The rollback is queued behind that
    statement in any case, and waited for unless the task is cancelled once more.
    """
    with suppress(BaseException):  # what gave the connection up is raised already
        connection.rollback()


def _begin(connection: Connection) -> None:
    statement = connection.get_execution_options().get(BEGIN, "BEGIN")
    if statement:
        connection.exec_driver_sql(statement)


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn the drivers' failures (locked, gone, full, unreachable) into UnavailableError; the only place that does."""
    try:
        yield
    except _OUR_MISTAKES:
        raise
    except DBAPIError as error:
        if _refuses(error):
            raise
        raise _unavailable(where, error.orig.__cause__ or error.orig if error.orig else error) from error
    except (PoolTimeoutError, OSError, TimeoutError) as error:
        raise _unavailable(where, error) from error
    except Exception as error:
        # A failed connection attempt reaches us as asyncpg's own exception; asyncpg is loaded for PostgreSQL only.
        if type(error).__module__.startswith("asyncpg."):
            raise _unavailable(where, error) from error
        raise


def _refuses(error: DBAPIError) -> bool:
    """Tell whether the database refuses the data itself, so that a retry is no use.

    PostgreSQL's classes of errors: 22 data, 54 a limit, such as the length of an index's row. The drivers have errors
    of their own for values that they can't send.
    """
    if isinstance(error.orig, sqlite3.Error):
        return isinstance(error.orig, sqlite3.InterfaceError)
    state = str(getattr(error.orig, "sqlstate", None) or "")
    cause = error.orig.__cause__ if error.orig else None
    return state[:2] in {"22", "54"} or (isinstance(cause, ValueError) and type(cause).__name__ == "DataError")


def is_lock(error: DBAPIError) -> bool:
    """Tell whether SQLite refused only because somebody else is writing."""
    return isinstance(error.orig, sqlite3.OperationalError) and error.orig.sqlite_errorcode & 0xFF in (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    )


def _unavailable(where: str, error: BaseException) -> StorageError:
    why = (str(error) or type(error).__name__).splitlines()[0]
    return StorageError(_("the database {place} can't be used now: {why}").format(place=where, why=why))
