"""Gaps in the history, and the time up to which the history of each PBX is complete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.calls.record import HistoryGap, instant
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import News, tell
from pbxd.storage.tables import heard, outages


@dataclass(frozen=True, slots=True)
class StoredGap:
    """An outage as it is kept; `filled_from` says where calls of that time were found later (`cel`)."""

    id: int
    outage: HistoryGap
    filled: datetime | None = None
    filled_from: str | None = None
    filled_calls: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the public form."""
        return {
            "id": self.id,
            "pbx": self.outage.pbx,
            "from": instant(self.outage.since),
            "to": instant(self.outage.to),
            "why": self.outage.why,
            "calls": self.outage.calls,
            "filled": instant(self.filled),
            "filled_from": self.filled_from,
            "filled_calls": self.filled_calls,
        }


class HistoryGaps:
    """The outages of all PBXs, kept for good."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(
        self, since: datetime | None = None, until: datetime | None = None, limit: int = 2**31 - 1, offset: int = 0
    ) -> list[StoredGap]:
        """Return what `touching` does."""
        return await self._database.ask(touching, since, until, limit, offset)

    async def count(self) -> int:
        """Return how many there are."""
        return await self._database.ask(count_touching, None, None)

    async def unfilled(self, pbx: str, over: datetime) -> Sequence[StoredGap]:
        """Return the outages of a PBX that ended before a time and aren't filled, oldest first."""
        mine = (outages.c.pbx == pbx, outages.c.filled.is_(None), outages.c.until <= over)
        wanted = select(outages).where(*mine).order_by(outages.c.since, outages.c.id)
        async with self._database.reading() as connection:
            return [_kept(row) for row in await connection.execute(wanted)]

    async def note(self, outage_id: int, source: str | None, calls: int) -> None:
        """Note that more calls of an outage were found or completed; with a source it is filled, and the feed told."""
        values: dict[str, Any] = {"filled_calls": func.coalesce(outages.c.filled_calls, 0) + calls}
        if source is not None:
            values |= {"filled": datetime.now(UTC), "filled_from": source}
        changed = update(outages).where(outages.c.id == outage_id).values(values).returning(*outages.c)
        async with self._database.writing() as connection:
            row = (await connection.execute(changed)).one()
            if source is not None:
                await tell(connection, [News("gap.filled", row.pbx, _kept(row).to_json())])

    async def cursor(self, pbx: str) -> datetime | None:
        """Return the time, the PBX's own, up to which all it told is in the history; None: it was never heard."""
        wanted = select(heard.c.at).where(heard.c.pbx == pbx)
        async with self._database.reading() as connection:
            return (await connection.execute(wanted)).scalar()


def touching(
    connection: Connection, since: datetime | None, until: datetime | None, limit: int, offset: int = 0
) -> list[StoredGap]:
    """Return the outages that touch a time (None: without end on that side), newest first."""
    wanted = select(outages).where(*_touching(since, until)).order_by(outages.c.since.desc(), outages.c.id.desc())
    return [_kept(row) for row in connection.execute(wanted.limit(limit).offset(offset))]


def count_touching(connection: Connection, since: datetime | None, until: datetime | None) -> int:
    """Count the outages that touch a time."""
    return connection.execute(select(func.count()).select_from(outages).where(*_touching(since, until))).scalar_one()


def _touching(since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    needed = [] if since is None else [outages.c.until >= since]
    return needed if until is None else [*needed, outages.c.since < until]


async def keep(connection: AsyncConnection, found: Sequence[HistoryGap]) -> list[News]:
    """Write outages within a transaction; return what the feed is to be told of them.

    In it `calls` is null where nobody knows how many calls are missing.
    """
    news = []
    for each in found:
        row = {"pbx": each.pbx, "since": each.since, "until": each.to, "why": each.why, "calls": each.calls}
        key = (await connection.execute(insert(outages).values(row).returning(outages.c.id))).scalar_one()
        news.append(News("gap", each.pbx, StoredGap(key, each).to_json()))
    return news


async def keep_heard(connection: AsyncConnection, pbx: str, at: datetime) -> None:
    """Note that all the PBX told up to `at` is in the history, within the transaction that makes it so."""
    changed = await connection.execute(update(heard).where(heard.c.pbx == pbx).values(at=at))
    if not changed.rowcount:
        await connection.execute(insert(heard).values(pbx=pbx, at=at))


def _kept(row: Any) -> StoredGap:  # noqa: ANN401 - a row of the table
    outage = HistoryGap(row.pbx, row.since, row.until, row.why, row.calls)
    return StoredGap(row.id, outage, row.filled, row.filled_from, row.filled_calls)
