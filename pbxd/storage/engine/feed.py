"""The feed: one ordered, durable table of everything worth telling; its readers keep a cursor each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.storage.engine.database import Database
from pbxd.storage.tables import feed

_TELLING = insert(feed)


@dataclass(frozen=True, slots=True)
class News:
    """A thing to tell: a kind such as `contact.changed`, the subject's id, and the facts its readers need."""

    kind: str
    subject: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class FeedRow:
    """A thing told: its place in the order of all of them, and when it was written."""

    seq: int
    at: datetime
    kind: str
    subject: str
    data: dict[str, Any]


class Feed:
    """One reader's view of the feed; `changed` remembers what this reader has been told."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._mark: object = None

    async def read(self, after: int, limit: int = 1000) -> list[FeedRow]:
        """Return the rows after that number, in order, at most `limit`."""
        wanted = select(feed).where(feed.c.seq > after).order_by(feed.c.seq).limit(limit)
        async with self._database.reading() as connection:
            return [
                FeedRow(row.seq, row.at, row.kind, row.subject, row.data) for row in await connection.execute(wanted)
            ]

    async def last(self) -> int:
        """Return the number of the newest row, 0 when there is none."""
        async with self._database.reading() as connection:
            return await cursor(connection)

    async def changed(self) -> bool:
        """Tell cheaply whether rows may have come since this was last asked; true at the first asking.

        Meant to be asked several times a second. Ask before reading: what comes meanwhile is then told next time.
        """
        mark: object = await (self._database.commits_seen() if self._database.is_sqlite else self.last())
        known, self._mark = self._mark, mark
        return mark != known


def about_contact(what: str, contact_id: int, visibility: str, owner_id: int, version: int) -> News:
    """Tell of a contact without telling what stands in it: the feed is read by more than those who may see it."""
    return News(
        f"contact.{what}", str(contact_id), {"visibility": visibility, "owner_id": owner_id, "version": version}
    )


async def cursor(connection: AsyncConnection) -> int:
    """Return the number of the newest row this transaction sees, 0 when there is none."""
    return (await connection.execute(select(func.max(feed.c.seq)))).scalar_one() or 0


async def tell(connection: AsyncConnection, news: Sequence[News]) -> None:
    """Append to the feed, within the writing transaction that does what is told."""
    if news:
        at = datetime.now(UTC)
        rows = [{"at": at, "kind": piece.kind, "subject": piece.subject, "data": piece.data} for piece in news]
        await connection.execute(_TELLING, rows)
