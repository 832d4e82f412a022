"""What is older than it may be is deleted, a little at a time, so that nobody waits long for his turn to write."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import ColumnElement, Select, Table, delete, func, select

from pbxd.settings import RetentionSettings
from pbxd.storage.engine.database import Database
from pbxd.storage.tables import calls, feed

_AIM_SECONDS = 0.03  # of one deletion; no writer shall wait for more than 0.1 s
_FIRST, _MOST = 50, 2000  # rows in one deletion
_REST = 9.0  # times as long as a deletion took: a tenth of the time is enough to keep up with any PBX


class Retention:
    """Deletes calls and feed rows that have been kept long enough."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def clear(self, settings: RetentionSettings, now: datetime | None = None) -> dict[str, int]:
        """Delete all that is due, and return how many rows of what that were. Raises UnavailableError."""
        now = now or datetime.now(UTC)
        cleared = {"calls": 0, "feed": 0}
        if settings.calls_days:
            oldest = now - timedelta(days=settings.calls_days)
            for which in (calls.c.merged_into.is_(None), calls.c.merged_into.is_not(None)):
                due = select(calls.c.seq).where(which, calls.c.started < oldest).order_by(calls.c.started)
                async for count in self._cleared(calls, calls.c.seq, due.limit):
                    cleared["calls"] += count
        async for count in self._cleared(feed, feed.c.seq, partial(_told, now - timedelta(days=settings.feed_days))):
            cleared["feed"] += count
        return cleared

    async def _cleared(
        self, table: Table, key: ColumnElement[int], due: Callable[[int], Select[tuple[int]]]
    ) -> AsyncIterator[int]:
        """Delete in portions, each a transaction, as big as go in the time aimed at; yield how many each had."""
        portion = _FIRST
        while True:
            async with self._database.reading() as connection:
                keys = list((await connection.execute(due(portion))).scalars())
            if not keys:
                return
            async with self._database.writing() as connection:
                began = time.monotonic()
                await connection.execute(delete(table).where(key.in_(keys)))
            took = time.monotonic() - began
            yield len(keys)
            portion = max(1, min(_MOST, int(portion * min(2.0, _AIM_SECONDS / max(took, 0.001)))))
            await asyncio.sleep(took * _REST)


def _told(before: datetime, portion: int) -> Select[tuple[int]]:
    """Return the feed's first rows as far as they are that old; the newest stays, for its number must never go back."""
    first = select(feed.c.seq, feed.c.at).order_by(feed.c.seq).limit(portion).subquery()
    newest = select(func.max(feed.c.seq)).scalar_subquery()
    return select(first.c.seq).where(first.c.at < before, first.c.seq < newest)
