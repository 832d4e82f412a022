"""Run in one thread what is written for an asynchronous connection.

With aiosqlite each statement goes to the driver's thread and back four times, which takes longer than SQLite needs for
a small one. A transaction of many statements that waits for nothing else is done in a thread as a whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from threading import Event
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from sqlalchemy import Connection, CursorResult, Dialect, Engine, Executable
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.storage.engine.connections import BUSY_SECONDS, is_lock
from pbxd.storage.engine.witnesses import witness

Answer = TypeVar("Answer")
Arguments = ParamSpec("Arguments")
Work = Callable[[AsyncConnection], Coroutine[Any, Any, Answer]]


class StraightConnection:
    """Stands in for an AsyncConnection: has what transactions of ours use of one, and never waits for another task."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @property
    def dialect(self) -> Dialect:
        """The connection's dialect."""
        return self._connection.dialect

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:  # noqa: ANN401 - SQLAlchemy's
        """Execute a statement, for one row or many."""
        return self._connection.execute(statement, parameters)

    async def exec_driver_sql(self, statement: str, parameters: Any = None) -> CursorResult[Any]:  # noqa: ANN401 - SQLAlchemy's
        """Execute a statement of the driver's."""
        return self._connection.exec_driver_sql(statement, parameters)

    async def run_sync(
        self,
        function: Callable[Concatenate[Connection, Arguments], Answer],
        *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Answer:
        """Call a function with the connection."""
        return function(self._connection, *arguments, **named)


def write_at_once(engine: Engine, work: Work[Answer], given_up: Event) -> Answer:
    """Do `work` in a writing transaction, in this thread. Raises CancelledError once `given_up` is set."""
    end = time.monotonic() + BUSY_SECONDS
    with engine.connect() as connection:
        while True:
            try:
                connection.begin()
                break
            except DBAPIError as error:
                if not is_lock(error) or time.monotonic() > end:
                    raise
                if given_up.is_set():
                    raise CancelledError from error
        straight = cast("AsyncConnection", StraightConnection(connection))
        answer = _finished(work(straight))
        _finished(witness(straight))
        if given_up.is_set():
            raise CancelledError
        connection.commit()
        return answer


def _finished(work: Coroutine[Any, Any, Answer]) -> Answer:
    """Run a coroutine to its end. Nothing in it may wait."""
    try:
        work.send(None)
    except StopIteration as end:
        answer: Answer = end.value
        return answer
    work.close()
    raise RuntimeError("a transaction in a thread waited for something else")
