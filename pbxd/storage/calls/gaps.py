"""Gaps in the history, and the time up to which the history of each PBX is complete.

The tables are called `outages` and `heard`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.calls.record import HistoryGap, instant
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import News, tell
from pbxd.storage.tables import heard, outages


@dataclass(frozen=True, slots=True)
class StoredGap:
    """A gap as it is stored. `filled_from` names the PBX log from which calls were added later (`cel`, `cdr`)."""

    id: int
    gap: HistoryGap
    filled: datetime | None = None
    filled_from: str | None = None
    filled_calls: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the public form."""
        return {
            "id": self.id,
            "pbx": self.gap.pbx,
            "from": instant(self.gap.since),
            "to": instant(self.gap.to),
            "why": self.gap.why,
            "calls": self.gap.calls,
            "filled": instant(self.filled),
            "filled_from": self.filled_from,
            "filled_calls": self.filled_calls,
        }


class HistoryGaps:
    """The gaps of all PBXs; they are never deleted."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(
        self, since: datetime | None = None, until: datetime | None = None, limit: int = 2**31 - 1, offset: int = 0
    ) -> list[StoredGap]:
        """Return the gaps of a time, as `gaps_between` does."""
        return await self._database.ask(gaps_between, since, until, limit, offset)

    async def count(self) -> int:
        """Return the number of gaps."""
        return await self._database.ask(count_gaps_between, None, None)

    async def unfilled(self, pbx: str, ended_before: datetime) -> Sequence[StoredGap]:
        """Return the gaps of a PBX that ended before a time and are not filled, oldest first."""
        conditions = (outages.c.pbx == pbx, outages.c.filled.is_(None), outages.c.until <= ended_before)
        wanted = select(outages).where(*conditions).order_by(outages.c.since, outages.c.id)
        async with self._database.reading() as connection:
            return [_gap_of(row) for row in await connection.execute(wanted)]

    async def note_filled(self, gap_id: int, source: str | None, calls: int) -> None:
        """Note that so many more calls of a gap are in the history. With a source the gap is filled, a feed event."""
        values: dict[str, Any] = {"filled_calls": func.coalesce(outages.c.filled_calls, 0) + calls}
        if source is not None:
            values |= {"filled": datetime.now(UTC), "filled_from": source}
        changed = update(outages).where(outages.c.id == gap_id).values(values).returning(*outages.c)
        async with self._database.writing() as connection:
            row = (await connection.execute(changed)).one()
            if source is not None:
                await tell(connection, [News("gap.filled", row.pbx, _gap_of(row).to_json())])

    async def cursor(self, pbx: str) -> datetime | None:
        """Return the time, by the PBX's clock, up to which its history is complete; None: there is no history yet."""
        wanted = select(heard.c.at).where(heard.c.pbx == pbx)
        async with self._database.reading() as connection:
            return (await connection.execute(wanted)).scalar()


def gaps_between(
    connection: Connection, since: datetime | None, until: datetime | None, limit: int, offset: int = 0, last: int = 0
) -> list[StoredGap]:
    """Return the gaps that overlap a time (None: no bound on that side), newest first; `last`: those after this one."""
    wanted = select(outages).where(*_overlapping(since, until)).order_by(outages.c.since.desc(), outages.c.id.desc())
    if last:
        one = outages.alias()
        since_last = select(one.c.since).where(one.c.id == last).scalar_subquery()
        older = or_(outages.c.since < since_last, and_(outages.c.since == since_last, outages.c.id < last))
        wanted = wanted.where(older)
    return [_gap_of(row) for row in connection.execute(wanted.limit(limit).offset(offset))]


def count_gaps_between(connection: Connection, since: datetime | None, until: datetime | None) -> int:
    """Count the gaps that overlap a time."""
    counted = select(func.count()).select_from(outages).where(*_overlapping(since, until))
    return connection.execute(counted).scalar_one()


def _overlapping(since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    needed = [] if since is None else [outages.c.until >= since]
    return needed if until is None else [*needed, outages.c.since < until]


async def add_gaps(connection: AsyncConnection, gaps: Sequence[HistoryGap]) -> list[News]:
    """Write gaps within a transaction; return the feed events for them.

    `calls` is null if nobody knows how many calls are missing.
    """
    news = []
    for gap in gaps:
        row = {"pbx": gap.pbx, "since": gap.since, "until": gap.to, "why": gap.why, "calls": gap.calls}
        key = (await connection.execute(insert(outages).values(row).returning(outages.c.id))).scalar_one()
        news.append(News("gap", gap.pbx, StoredGap(key, gap).to_json()))
    return news


async def set_cursor(connection: AsyncConnection, pbx: str, at: datetime) -> None:
    """Note that the history is complete up to `at`, within the transaction that makes it so."""
    changed = await connection.execute(update(heard).where(heard.c.pbx == pbx).values(at=at))
    if not changed.rowcount:
        await connection.execute(insert(heard).values(pbx=pbx, at=at))


def _gap_of(row: Any) -> StoredGap:  # noqa: ANN401 - a row of the table
    gap = HistoryGap(row.pbx, row.since, row.until, row.why, row.calls)
    return StoredGap(row.id, gap, row.filled, row.filled_from, row.filled_calls)
