"""Write many rows in short transactions, so that no other writer waits long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.storage.engine.database import Answer, Database
from pbxd.storage.engine.straight import Work

_LOCK_SECONDS = 0.05  # the aim; the promise is 0.1
_REST_SECONDS = 0.03  # between two transactions: longer than SQLite's waiting writers sleep between two attempts
_FEWEST, _MOST = 50, 500  # rows; with fewer, the transaction itself is most of the cost
# Kilobytes instead of 2,000: the pages of all indexes that one transaction changes stay in memory until its end.
_CACHE = "PRAGMA cache_size=-32000"
_STEP = 25  # rows: the driver caches a statement for each size


class BatchWriter:
    """Finds how many rows fit into one short transaction. `size` is the number for the next one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ended = 0.0
        self.size = _FEWEST

    @asynccontextmanager
    async def writing(self, rows: int) -> AsyncIterator[AsyncConnection]:
        """Open a writing transaction for this many rows, after a pause."""
        await asyncio.sleep(max(0.0, self._ended + _REST_SECONDS - time.monotonic()))
        began = self._ended
        try:
            async with self._database.writing() as connection:
                began = time.monotonic()
                if self._database.is_sqlite:
                    await connection.exec_driver_sql(_CACHE)
                yield connection
        finally:
            self._ended = time.monotonic()
        self._fit(rows, self._ended - began)

    async def write(self, rows: int, work: Work[Answer]) -> Answer:
        """Do `work` in a writing transaction for this many rows, after a pause, as `Database.write` does."""
        await asyncio.sleep(max(0.0, self._ended + _REST_SECONDS - time.monotonic()))
        began = self._ended

        async def timed(connection: AsyncConnection) -> Answer:
            nonlocal began
            began = time.monotonic()
            if self._database.is_sqlite:
                await connection.exec_driver_sql(_CACHE)
            return await work(connection)

        try:
            answer = await self._database.write(timed)
        finally:
            self._ended = time.monotonic()
        self._fit(rows, self._ended - began)
        return answer

    def _fit(self, rows: int, held: float) -> None:
        """Choose the next size by how long the lock was held for these rows."""
        if held > _LOCK_SECONDS:
            self.size = max(_FEWEST, int(self.size * max(_LOCK_SECONDS / held, 0.3)) // _STEP * _STEP)
        elif rows >= self.size:
            self.size = min(_MOST, max(self.size + _STEP, int(self.size * 1.3) // _STEP * _STEP))
