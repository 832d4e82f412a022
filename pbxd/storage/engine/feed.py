"""The feed: one ordered, durable table of everything that happened. Each reader keeps a cursor of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.storage.engine.database import Database
from pbxd.storage.tables import feed

_TELLING = insert(feed)
_NEWEST = select(func.max(feed.c.seq))


@dataclass(frozen=True, slots=True)
class News:
    """An event for the feed: its kind, such as `contact.changed`, the subject's id, and facts that readers need."""

    kind: str
    subject: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class FeedRow:
    """An event in the feed, with its number in the order and the time when it was written."""

    seq: int
    at: datetime
    kind: str
    subject: str
    data: dict[str, Any]


class Feed:
    """One reader of the feed. `changed` remembers which rows this reader has seen."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._mark: object = None

    async def read(self, after: int, limit: int = 1000) -> list[FeedRow]:
        """Return the rows after a number, in order, at most `limit`."""
        return await self._database.ask(_rows_after, after, limit)

    async def last(self) -> int:
        """Return the number of the newest row, 0 if there is none."""
        async with self._database.reading() as connection:
            return await cursor(connection)

    async def span(self) -> tuple[int, int]:
        """Return the numbers of the oldest row that is kept and of the newest; 0 and 0 if there is none."""
        return await self._database.ask(_span)

    async def changed(self) -> bool:
        """Tell cheaply whether there may be new rows since the last call; True for the first call.

        Cheap enough for several calls a second. Call it before reading: then rows that arrive meanwhile count
        next time.
        """
        mark: object = await (self._database.commits_seen() if self._database.is_sqlite else self.last())
        known, self._mark = self._mark, mark
        return mark != known


def about_contact(what: str, contact_id: int, visibility: str, owner_id: int, manager_id: int, version: int) -> News:
    """Return the event of a contact, without its content: not every reader of the feed may see the contact."""
    facts = {"visibility": visibility, "owner_id": owner_id, "manager_id": manager_id, "version": version}
    return News(f"contact.{what}", str(contact_id), facts)


def _rows_after(connection: Connection, after: int, limit: int) -> list[FeedRow]:
    wanted = select(feed).where(feed.c.seq > after).order_by(feed.c.seq).limit(limit)
    return [FeedRow(row.seq, row.at, row.kind, row.subject, row.data) for row in connection.execute(wanted)]


def _span(connection: Connection) -> tuple[int, int]:
    oldest, newest = connection.execute(select(func.min(feed.c.seq), func.max(feed.c.seq))).one()
    return oldest or 0, newest or 0


async def cursor(connection: AsyncConnection) -> int:
    """Return the number of the newest row that this transaction sees, 0 if there is none."""
    return await connection.run_sync(newest)


def newest(connection: Connection) -> int:
    """Return what `cursor` returns."""
    return connection.execute(_NEWEST).scalar_one() or 0


async def tell(connection: AsyncConnection, news: Sequence[News]) -> None:
    """Append events to the feed, in the same transaction as the changes themselves."""
    if news:
        at = datetime.now(UTC)
        rows = [{"at": at, "kind": piece.kind, "subject": piece.subject, "data": piece.data} for piece in news]
        await connection.execute(_TELLING, rows)
