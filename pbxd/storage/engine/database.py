"""One database, open: transactions for reading and for writing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import copy_context
from threading import Event, Lock
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, TypeVarTuple

from sqlalchemy import Connection, Engine, Row, Select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.book.fields import BUILT_IN, Fields
from pbxd.errors import LostError, ReplacedError, StorageError
from pbxd.i18n import _
from pbxd.storage.engine import schema
from pbxd.storage.engine.backups import Report
from pbxd.storage.engine.connections import (
    BEGIN,
    BUSY_SECONDS,
    connect,
    connect_threads,
    is_lock,
    parsed,
    place,
    sqlite_file,
    translated,
)
from pbxd.storage.engine.finishing import to_its_end
from pbxd.storage.engine.presence import remember
from pbxd.storage.engine.straight import Work, write_at_once
from pbxd.storage.engine.witnesses import witness
from pbxd.storage.tables import HIGHEST_KEY

_STEP_SECONDS = 0.1
_THREADS = 4  # that read at the same time; more would only compete for the processor
_MOST_PARAMETERS = 10_000  # of one statement: SQLite takes 32,766, PostgreSQL 32,767

Reading = Connection  # the connection that `Database.ask` gives to a question
Entry = TypeVar("Entry")
Answer = TypeVar("Answer")
Asked = TypeVarTuple("Asked")


def in_parts(entries: Collection[Entry]) -> Iterator[list[Entry]]:
    """Split the values of an `IN (…)` so that each statement can carry its part; no values, no parts."""
    rest = list(entries)
    for start in range(0, len(rest), _MOST_PARAMETERS):
        yield rest[start : start + _MOST_PARAMETERS]


def possible(ids: Collection[int]) -> list[int]:
    """Drop numbers that can't be an id: the drivers fail on more than 64 bits."""
    return [number for number in ids if 0 < number <= HIGHEST_KEY]


async def in_steps(
    connection: AsyncConnection, statement: Select[Any], step: int = 500
) -> AsyncIterator[Sequence[Row[Any]]]:
    """Read a big result some rows at a time, so that the event loop runs in between.

    Five hundred rows hold it for some milliseconds; who serves look-ups meanwhile asks for a smaller `step`.
    """
    result = await connection.stream(statement, execution_options={"yield_per": step})
    async for rows in result.partitions():
        yield rows


def _begin(connection: Connection) -> None:
    connection.begin()


async def _ended(future: asyncio.Future[Any]) -> None:
    await asyncio.wait({future})


class _Question(Generic[Answer, *Asked]):
    """A function that reads from SQLite in a thread."""

    def __init__(self, engine: Engine, question: Callable[[Connection, *Asked], Answer], args: tuple[*Asked]) -> None:
        self._engine = engine
        self._question = question
        self._args = args
        self._turn = Lock()  # a connection is interrupted only while this question uses it
        self._reading: Any = None  # the driver's connection, while in use
        self._given_up = False

    def answer(self) -> Answer:
        """Read the answer. Raises CancelledError if the question was cancelled."""
        with self._engine.begin() as connection:
            self._read_by(connection.connection.driver_connection)
            try:
                return self._question(connection, *self._args)
            finally:
                self._read_by(None)

    def interrupt(self) -> None:
        """Stop the reading, or prevent it. SQLite allows that from another thread."""
        with self._turn:
            self._given_up = True
            if self._reading is not None:
                self._reading.interrupt()

    def _read_by(self, reading: Any) -> None:  # noqa: ANN401 - the driver's
        with self._turn:
            if reading is not None and self._given_up:
                raise CancelledError
            self._reading = reading


class Database:
    """A database. `Database.open` returns an open one.

    Until `connect` has succeeded, every use raises UnavailableError. While SQLite's file is gone, every use raises
    LostError; if another file has its place, ReplacedError.

    Readers see one moment during their transaction and never wait. Writers go one after another, across all processes
    (SQLite: BEGIN IMMEDIATE; PostgreSQL: an advisory lock taken first), which keeps the feed in order.
    """

    def __init__(self, address: str, fields: Fields = BUILT_IN) -> None:
        """Raise ConfigurationError for an unusable URL. `fields` are those of its contacts."""
        url = parsed(address)
        self.address = address
        self.fields = fields
        self._usable = False
        self.is_new = False  # `connect` created it
        self.on_commit: list[Callable[[], None]] = []  # called on the event loop after each of our transactions
        self._lost: LostError | None = None  # why it can't be used
        self.place = place(url)
        self._file = sqlite_file(url)
        self._opened: tuple[int, int] | None = None  # device and inode of that file
        self.is_sqlite = self._file is not None
        self._engine = connect(url)
        reading = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        self._readers = self._engine.execution_options(**reading)
        self._thread_readers = connect_threads(self._file) if self._file else None
        self._threads = ThreadPoolExecutor(_THREADS, "pbxd-reading")  # the loop's own serve name look-ups
        self._writer_engine = connect(url, busy_seconds=_STEP_SECONDS)
        self._writers = self._writer_engine.execution_options(**{BEGIN: "BEGIN IMMEDIATE"})
        self._thread_writers = connect_threads(self._file, busy_seconds=_STEP_SECONDS) if self._file else None
        self._turn = asyncio.Lock()
        self._watch: AsyncConnection | None = None
        self._watches = 0
        self._watching = asyncio.Lock()

    @classmethod
    async def open(cls, url: str, *, create: bool, fields: Fields = BUILT_IN) -> Self:
        """Open the database. With `create`, create or upgrade it first.

        Raises ConfigurationError for an unusable URL or a missing folder, UnavailableError when the database can't be
        reached, SchemaError when it is newer than this version or, without `create`, absent or older, LostError when
        it was there before and is gone, with or without `create`. The message names the remedy.
        """
        database = cls(url, fields)
        await database.connect(create=create)
        return database

    async def connect(self, *, create: bool, report: Report | None = None) -> None:
        """Make the database ready for use. Raises what `open` raises; it may be tried again then.

        `report` is called with an upgrade's progress, see `schema.upgrade`.
        """
        self._lost = None
        try:
            if create:
                done = await schema.upgrade(self.address, report, replace_lost=False, fields=self.fields)
                self.is_new = done.before is None
            target = parsed(self.address)
            schema.refuse_absent(target)
            schema.refuse_outdated(target, await schema.revision(target))
        except LostError as error:
            self._lost = error
            raise
        self._opened = self._identity()
        self._usable = True

    def remember(self) -> None:
        """Note that the database exists, so that the next start notices its loss."""
        remember(self.address)

    async def close(self) -> None:
        """Close every connection."""
        async with self._watching:
            await self._stop_watching()
        self._threads.shutdown(wait=False, cancel_futures=True)
        for engine in (self._thread_readers, self._thread_writers):
            if engine:
                engine.dispose()
        await self._engine.dispose()
        await self._writer_engine.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that sees the database as of one moment. Raises UnavailableError."""
        self._refuse_unusable()
        with translated(self.place):
            async with self._readers.begin() as connection:
                yield connection

    async def ask(self, question: Callable[[Connection, *Asked], Answer], *args: *Asked) -> Answer:
        """Call `question` with a connection that reads in one transaction. Raises UnavailableError.

        On SQLite the call runs in a thread. With `reading`, each statement goes to the driver's thread and back four
        times, which takes longer than the database needs for a page of the book.
        """
        engine = self._thread_readers
        if engine is None:
            async with self.reading() as connection:
                return await connection.run_sync(question, *args)
        self._refuse_unusable()
        asked = _Question(engine, question, args)
        with translated(self.place):
            try:
                here = copy_context()  # errors are in the asker's language
                return await asyncio.get_running_loop().run_in_executor(self._threads, here.run, asked.answer)
            except asyncio.CancelledError:
                asked.interrupt()  # nobody waits for the answer
                raise

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that is the only writer. It is committed at the end, or undone by an exception.

        What is committed is on the disk. Cancelled while it commits, it has committed. Raises UnavailableError if the
        turn doesn't come within BUSY_SECONDS.
        """
        self._refuse_unusable()
        with translated(self.place):
            async with self._in_turn(), self._writers.connect() as connection:
                await self._become_writer(connection)
                yield connection
                await witness(connection)
                await to_its_end(self._commit(connection), BUSY_SECONDS)

    async def _commit(self, connection: AsyncConnection) -> None:
        await connection.commit()
        self._committed()

    def _committed(self) -> None:
        for committed in self.on_commit:
            committed()

    async def write(self, work: Work[Answer]) -> Answer:
        """Do `work` in a transaction as `writing` opens it; on SQLite in a thread, where it may wait for nothing else.

        For transactions of many statements: see `straight`.
        """
        if self._thread_writers is None:
            async with self.writing() as connection:
                return await work(connection)
        self._refuse_unusable()
        engine, given_up = self._thread_writers.execution_options(**{BEGIN: "BEGIN IMMEDIATE"}), Event()
        with translated(self.place):
            async with self._in_turn():
                here = copy_context()
                loop = asyncio.get_running_loop()
                writing = loop.run_in_executor(self._threads, here.run, write_at_once, engine, work, given_up)
                try:
                    answer: Answer = await asyncio.shield(writing)
                except asyncio.CancelledError:
                    given_up.set()
                    await to_its_end(_ended(writing), BUSY_SECONDS)  # it keeps the turn as long
                    if not (writing.cancelled() or writing.exception()):
                        self._committed()
                    raise
                self._committed()
        return answer

    async def commits_seen(self) -> tuple[int, int]:
        """Return a mark that changes with every commit. SQLite only.

        `PRAGMA data_version` reads a few bytes of shared memory. It counts commits by other connections, and its number
        has a meaning on its own connection only: one connection is kept open for it.
        """
        self._refuse_unusable()
        async with self._watching:
            try:
                with translated(self.place):
                    if self._watch is None:
                        self._watches += 1
                        self._watch = await self._engine.execution_options(**{BEGIN: ""}).connect()
                    version = (await self._watch.exec_driver_sql("PRAGMA data_version")).scalar_one()
                    return self._watches, int(version)
            except BaseException:
                await self._stop_watching()
                raise

    def _refuse_unusable(self) -> None:
        if self._lost:
            raise LostError(str(self._lost)) from self._lost
        if not self._usable:
            raise StorageError(_("the database {place} has not been reached yet").format(place=self.place))
        found = self._identity()
        if found == self._opened:
            return
        if found is None:  # a write now would be lost with the old file
            message = _("the database {place} is gone: its file was moved or deleted while pbxd used it; put it back")
            raise LostError(message.format(place=self.place))
        raise ReplacedError(_("the database {place} was replaced meanwhile").format(place=self.place))

    def _identity(self) -> tuple[int, int] | None:
        """Return which file is at SQLite's path now, None if there is none or an empty one."""
        if self._file is None:
            return None
        with translated(self.place):
            try:
                status = self._file.stat()
            except (FileNotFoundError, NotADirectoryError):
                return None
        return (status.st_dev, status.st_ino) if status.st_size else None

    async def _stop_watching(self) -> None:
        watch, self._watch = self._watch, None
        if watch is not None:
            await watch.close()

    async def _become_writer(self, connection: AsyncConnection) -> None:
        """Wait for writers of other processes; on SQLite in short steps, so that cancelling works at once."""
        if not self.is_sqlite:
            key = {"key": schema.WRITER_LOCK}
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), key)
            return
        clock = asyncio.get_running_loop().time
        end = clock() + BUSY_SECONDS
        while True:
            try:
                await connection.run_sync(_begin)
            except DBAPIError as error:
                if not is_lock(error) or clock() > end:
                    raise
            else:
                return

    @asynccontextmanager
    async def _in_turn(self) -> AsyncIterator[None]:
        """Queue this process's writers in order; the database would choose one by chance."""
        try:
            async with asyncio.timeout(BUSY_SECONDS):
                await self._turn.acquire()
        except TimeoutError as error:
            raise StorageError(_("the database {place} is busy").format(place=self.place)) from error
        try:
            yield
        finally:
            self._turn.release()
