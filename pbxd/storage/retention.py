"""Delete old calls, feed rows and rows of the audit log, a few at a time, so that no writer waits long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import ColumnElement, Select, Table, delete, func, not_, or_, select

from pbxd.settings import RetentionSettings
from pbxd.storage.access.webhook_deliveries import GIVEN_UP_AFTER
from pbxd.storage.engine.database import Database
from pbxd.storage.tables import audit, call_external, calls, feed, webhook_deliveries, webhooks

_AIM_SECONDS = 0.03  # of one deletion; no writer waits longer than 0.1 s
_FIRST, _MOST = 50, 2000  # rows in one deletion
_SENT_WITHIN = GIVEN_UP_AFTER + timedelta(days=1)  # after an event; it may be taken in late
_PAUSE_TIMES = 9.0  # pause, in times of a deletion: a tenth of the time is enough for any PBX


class Retention:
    """Deletes calls, feed rows and rows of the audit log that are older than the settings allow."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def clear(self, settings: RetentionSettings, now: datetime | None = None) -> dict[str, int]:
        """Delete everything that is due. Return how many rows, by table. Raises UnavailableError."""
        now = now or datetime.now(UTC)
        cleared = {"calls": 0, "feed": 0, "audit": 0, "webhook_deliveries": 0}
        if settings.calls_days:
            oldest = now - timedelta(days=settings.calls_days)
            for which in (calls.c.merged_into.is_(None), calls.c.merged_into.is_not(None)):
                due = select(calls.c.seq).where(which, calls.c.started < oldest).order_by(calls.c.started)
                async for count in self._delete(calls, calls.c.seq, due.limit):
                    cleared["calls"] += count
            async with self._database.writing() as connection:
                gone = call_external.c.call_id.not_in(select(calls.c.id))
                await connection.execute(delete(call_external).where(call_external.c.at < oldest, gone))
        async for count in self._delete(
            feed, feed.c.seq, partial(_old_feed_rows, now - timedelta(days=settings.feed_days), now - _SENT_WITHIN)
        ):
            cleared["feed"] += count
        oldest = now - timedelta(days=settings.audit_days)
        old = select(audit.c.id).where(audit.c.at < oldest).order_by(audit.c.at)
        async for count in self._delete(audit, audit.c.id, old.limit):
            cleared["audit"] += count
        log = webhook_deliveries
        sent = select(log.c.id).where(log.c.since < now - timedelta(days=settings.feed_days), log.c.state != "pending")
        async for count in self._delete(log, log.c.id, sent.limit):
            cleared["webhook_deliveries"] += count
        return cleared

    async def _delete(
        self, table: Table, key: ColumnElement[int], due: Callable[[int], Select[tuple[int]]]
    ) -> AsyncIterator[int]:
        """Delete in portions of one transaction each, sized by the time they take; yield each portion's size."""
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
            await asyncio.sleep(took * _PAUSE_TIMES)


def _old_feed_rows(before: datetime, given_up: datetime, portion: int) -> Select[tuple[int]]:
    """Select the feed's first rows that are old. The newest row stays, so that numbers are never used twice.

    Keep every row from the oldest one that a webhook still needs, because readers assume no gap after the oldest row.
    Rows older than `given_up` are deleted in any case.
    """
    first = select(feed.c.seq, feed.c.at).order_by(feed.c.seq).limit(portion).subquery()
    newest = select(func.max(feed.c.seq)).scalar_subquery()
    due = select(first.c.seq).where(first.c.at < before, first.c.seq < newest)
    if before <= given_up:
        return due
    log = webhook_deliveries
    unsent = select(func.min(log.c.seq)).where(log.c.state == "pending", log.c.since >= given_up)
    unread = select(func.min(webhooks.c.cursor)).where(webhooks.c.disabled.is_(None))
    needed = (
        first.c.seq >= func.coalesce(unsent.scalar_subquery(), newest),
        first.c.seq > func.coalesce(unread.scalar_subquery(), newest),
    )
    return due.where(or_(first.c.at < given_up, not_(or_(*needed))))
