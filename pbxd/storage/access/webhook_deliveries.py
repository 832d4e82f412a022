"""What is to be sent to webhooks, what was, and how it went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Select, bindparam, func, insert, select, update

from pbxd.calls.record import instant
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import FeedRow
from pbxd.storage.tables import feed, webhook_deliveries, webhooks

GIVEN_UP_AFTER = timedelta(days=3)  # after the first attempt
State = Literal["pending", "delivered", "dead"]


@dataclass(frozen=True, slots=True)
class Queued:
    """An event that is to be sent."""

    seq: int
    kind: str
    lane: str  # events of one lane are sent in order
    since: datetime
    attempts: int = 0
    due: datetime | None = None  # None: at once


@dataclass(frozen=True, slots=True)
class Attempt:
    """How an attempt to send an event went."""

    seq: int
    state: State
    attempts: int
    due: datetime
    last: datetime
    status: int | None
    milliseconds: int
    error: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """A line of the log."""

    queued: Queued
    state: State
    last: datetime | None
    status: int | None
    milliseconds: int | None
    error: str

    def to_json(self) -> dict[str, object]:
        """Return the public form."""
        return {
            "seq": self.queued.seq,
            "kind": self.queued.kind,
            "state": self.state,
            "attempts": self.queued.attempts,
            "since": instant(self.queued.since),
            "due": instant(self.queued.due) if self.state == "pending" else None,
            "last": instant(self.last),
            "status": self.status,
            "milliseconds": self.milliseconds,
            "error": self.error,
        }


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a webhook has still to send."""

    enabled: bool
    cursor: int  # the last number of the feed that was looked at
    pending: int
    dead: int
    oldest: datetime | None  # since when the first pending event waits


class Deliveries:
    """The deliveries of all webhooks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def queue(self, webhook_id: int, version: int, entries: Sequence[Queued], cursor: int) -> bool:
        """Keep what is to be sent, and the cursor up to which the feed was looked at, in one transaction.

        Return False, and keep nothing, if the webhook was changed meanwhile.
        """
        mine = (webhooks.c.id == webhook_id, webhooks.c.version == version)
        async with self._database.writing() as connection:
            if not (await connection.execute(update(webhooks).where(*mine).values(cursor=cursor))).rowcount:
                return False
            if entries:
                rows = [
                    {
                        "webhook_id": webhook_id,
                        "seq": each.seq,
                        "kind": each.kind,
                        "lane": each.lane,
                        "state": "pending",
                        "since": each.since,
                        "due": each.since,
                    }
                    for each in entries
                ]
                await connection.execute(insert(webhook_deliveries), rows)
        return True

    async def pending(self, webhook_id: int, after: int, limit: int) -> list[Queued]:
        """Return what is still to be sent, in order."""
        mine = (webhook_deliveries.c.webhook_id == webhook_id, webhook_deliveries.c.state == "pending")
        wanted = select(webhook_deliveries).where(*mine, webhook_deliveries.c.seq > after)
        async with self._database.reading() as connection:
            rows = await connection.execute(wanted.order_by(webhook_deliveries.c.seq).limit(limit))
            return [Queued(row.seq, row.kind, row.lane, row.since, row.attempts, row.due) for row in rows]

    async def events(self, seqs: Sequence[int]) -> dict[int, FeedRow]:
        """Return rows of the feed by their numbers; what retention deleted is not there."""
        async with self._database.reading() as connection:
            rows = await connection.execute(select(feed).where(feed.c.seq.in_(seqs)))
            return {row.seq: FeedRow(row.seq, row.at, row.kind, row.subject, row.data) for row in rows}

    async def note(self, webhook_id: int, attempts: Sequence[Attempt]) -> None:
        """Keep how attempts went."""
        changed = update(webhook_deliveries).where(
            webhook_deliveries.c.webhook_id == webhook_id, webhook_deliveries.c.seq == bindparam("which")
        )
        names = ("state", "attempts", "due", "last", "status", "milliseconds", "error")
        changed = changed.values({name: bindparam(f"new_{name}") for name in names})
        rows = [{"which": each.seq} | {f"new_{name}": getattr(each, name) for name in names} for each in attempts]
        async with self._database.writing() as connection:
            await connection.execute(changed, rows)

    async def log(self, webhook_id: int, state: State | None, before: int | None, limit: int | None) -> list[Delivery]:
        """Return deliveries, the newest event first; `before`: those with a lower number; `limit` None: all."""
        wanted = select(webhook_deliveries).where(webhook_deliveries.c.webhook_id == webhook_id)
        if state is not None:
            wanted = wanted.where(webhook_deliveries.c.state == state)
        if before is not None:
            wanted = wanted.where(webhook_deliveries.c.seq < before)
        async with self._database.reading() as connection:
            rows = await connection.execute(wanted.order_by(webhook_deliveries.c.seq.desc()).limit(limit))
            return [_delivery(row) for row in rows]

    async def backlogs(self) -> dict[int, Backlog]:
        """Return what each webhook, by id, has still to send. Cheap however long the log is."""
        async with self._database.reading() as connection:
            rows = list(await connection.execute(_BACKLOGS))
        return {row.id: Backlog(row.disabled is None, row.cursor, row.pending, row.dead, row.oldest) for row in rows}


def _of(state: State, wanted: Select[Any]) -> Select[Any]:
    """Narrow to the deliveries of the webhook at hand in this state. One range of an index."""
    return wanted.where(webhook_deliveries.c.webhook_id == webhooks.c.id, webhook_deliveries.c.state == state)


_MANY = select(func.count()).select_from(webhook_deliveries)
_FIRST = select(webhook_deliveries.c.since).order_by(webhook_deliveries.c.seq).limit(1)
_BACKLOGS = select(
    webhooks.c.id,
    webhooks.c.disabled,
    webhooks.c.cursor,
    _of("pending", _MANY).scalar_subquery().label("pending"),
    _of("dead", _MANY).scalar_subquery().label("dead"),
    _of("pending", _FIRST).scalar_subquery().label("oldest"),
)


def _delivery(row: Any) -> Delivery:  # noqa: ANN401 - a row of the table
    queued = Queued(row.seq, row.kind, row.lane, row.since, row.attempts, row.due)
    return Delivery(queued, row.state, row.last, row.status, row.milliseconds, row.error)


def now() -> datetime:
    """Return the time as the tables have it."""
    return datetime.now(UTC)
