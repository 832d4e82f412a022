"""Calls that employees missed: their phones rang, and nobody answered. Counted in the menu of the pages."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.calls.record import CallRecord
from pbxd.storage.calls.call_filter import UNREACHED
from pbxd.storage.engine.database import Database, in_parts
from pbxd.storage.tables import clean_text, missed_calls, users

MOST_COUNTED = 100
_OUTCOMES: Mapping[str, Collection[str]] = {"incoming": UNREACHED, "internal": ("no-answer", "cancelled", "busy")}


def missed_by(record: CallRecord) -> set[str]:
    """Return the extensions whose people missed a call: it ended, and nobody of ours answered."""
    outcomes = _OUTCOMES.get(record.direction, ())
    if record.ended is None or record.merged_into is not None or record.outcome not in outcomes:
        return set()
    rang = {agent.extension for agent in record.agents if agent.rings or agent.ring_seconds > 0}
    called = {record.callee.extension} if record.callee.extension else set()
    return {clean_text(each) for each in (rang | called) - {record.caller.extension or ""}}


async def write_missed(
    connection: AsyncConnection, latest: Mapping[str, CallRecord], seqs: Mapping[str, int], ended: set[str]
) -> None:
    """Note who missed calls that are written in this transaction. `ended`: the ids of those that had ended before."""
    for part in in_parts([seqs[clean_text(call_id)] for call_id in ended]):
        await connection.execute(delete(missed_calls).where(missed_calls.c.call_seq.in_(part)))
    rows: list[dict[str, Any]] = [
        {"extension": extension, "started": record.started, "call_seq": seqs[clean_text(call_id)]}
        for call_id, record in latest.items()
        for extension in sorted(missed_by(record))
    ]
    if rows:
        await connection.execute(insert(missed_calls), rows)


def count_missed(connection: Connection, user_id: int, extension: str) -> int:
    """Count the calls that an extension missed since its user looked at the history; at most MOST_COUNTED."""
    seen: datetime | None = connection.execute(
        select(func.coalesce(users.c.history_seen, users.c.created)).where(users.c.id == user_id)
    ).scalar()
    if seen is None or not extension:
        return 0
    theirs = select(missed_calls.c.call_seq).where(missed_calls.c.extension == extension, missed_calls.c.started > seen)
    return connection.execute(select(func.count()).select_from(theirs.limit(MOST_COUNTED).subquery())).scalar_one()


async def note_seen(database: Database, user_id: int, at: datetime) -> None:
    """Note that a user looked at the history."""
    async with database.writing() as connection:
        await connection.execute(update(users).where(users.c.id == user_id).values(history_seen=at))
