"""Much to write, in transactions so short that nobody else who writes has to wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.storage.database import Database

_LOCK_SECONDS = 0.04  # aimed at; the promise is 0.1
_REST_SECONDS = 0.03  # between two: longer than SQLite's waiting writers sleep between two attempts
_FIRST, _MOST = 20, 500  # rows


class Pace:
    """Finds how many rows fit into one transaction; `size` is the next one's."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ended = 0.0
        self.size = _FIRST

    @asynccontextmanager
    async def writing(self, rows: int) -> AsyncIterator[AsyncConnection]:
        """Open a writing transaction for so many rows, after a rest."""
        await asyncio.sleep(max(0.0, self._ended + _REST_SECONDS - time.monotonic()))
        began = self._ended
        try:
            async with self._database.writing() as connection:
                began = time.monotonic()
                yield connection
        finally:
            self._ended = time.monotonic()
        took = (self._ended - began) / max(rows, 1)
        self.size = max(1, min(_MOST, 2 * self.size, int(_LOCK_SECONDS / max(took, 1e-6))))
