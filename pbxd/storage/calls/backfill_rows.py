"""The stored calls that back-fill compares with the PBX's log."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, or_, select

from pbxd.calls.record import CallRecord
from pbxd.storage.calls.call_rows import record_of
from pbxd.storage.engine.database import Database, in_parts
from pbxd.storage.tables import calls


class BackfillRows:
    """Reads stored calls for back-fill."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def calls_between(self, pbx: str, since: datetime, to: datetime) -> list[CallRecord]:
        """Return the calls that lasted at some moment between two times, and those that still last."""
        lasted = (calls.c.pbx == pbx, calls.c.started <= to, or_(calls.c.ended.is_(None), calls.c.ended >= since))
        wanted = select(calls).where(*lasted, calls.c.merged_into.is_(None))
        async with self._database.reading() as connection:
            return [record_of(row) for row in await connection.execute(wanted)]

    async def earliest_start(self, pbx: str, at: datetime) -> datetime:
        """Return the start of the oldest call that lasted at a time; that time itself if none did."""
        lasted = (calls.c.pbx == pbx, calls.c.started <= at, or_(calls.c.ended.is_(None), calls.c.ended >= at))
        async with self._database.reading() as connection:
            found: datetime | None = (
                await connection.execute(select(func.min(calls.c.started)).where(*lasted))
            ).scalar()
        return found or at

    async def has_open_call(self, pbx: str, begun: datetime) -> bool:
        """Whether a call that began before a time still lasts."""
        lasts = (calls.c.pbx == pbx, calls.c.ended.is_(None), calls.c.merged_into.is_(None))
        wanted = select(calls.c.id).where(*lasts, calls.c.started <= begun).limit(1)
        async with self._database.reading() as connection:
            return (await connection.execute(wanted)).scalar() is not None

    async def find(self, ids: Collection[str]) -> dict[str, CallRecord]:
        """Return the stored calls with these ids, merged ones too."""
        found: dict[str, CallRecord] = {}
        async with self._database.reading() as connection:
            for part in in_parts(ids):
                for row in await connection.execute(select(calls).where(calls.c.id.in_(part))):
                    found[row.id] = record_of(row)
        return found
