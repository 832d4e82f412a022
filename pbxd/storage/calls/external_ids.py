"""What other programs call calls. A call may be called so before it has a row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, delete, insert, select

from pbxd.book.external_ids import ExternalId
from pbxd.storage.calls.call_filter import CallFilter
from pbxd.storage.engine.database import Database, in_parts
from pbxd.storage.tables import call_external, calls

_MOST: Final = 5_000  # calls that one id names


def external_of_calls(connection: Connection, ids: Collection[str]) -> dict[str, dict[str, str]]:
    """Return the ids that other programs have for these calls."""
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for part in in_parts(ids):
        wanted = select(call_external).where(call_external.c.call_id.in_(part)).order_by(call_external.c.system)
        for row in connection.execute(wanted):
            found[row.call_id][row.system] = row.key
    return found


def calls_named(connection: Connection, wanted: CallFilter, external: ExternalId) -> CallFilter:
    """Return a filter with only the calls that a program calls so, the newest of them, and with their time."""
    named = select(call_external.c.call_id).where(
        call_external.c.system == external.system, call_external.c.key == external.key
    )
    found = select(calls.c.seq, calls.c.started).where(calls.c.id.in_(named)).order_by(calls.c.started.desc())
    rows = connection.execute(found.limit(_MOST)).all()
    if not rows:
        return replace(wanted, keys=())
    first = rows[-1].started if wanted.since is None else max(wanted.since, rows[-1].started)
    return replace(wanted, keys=tuple(row.seq for row in rows), since=first)


async def name_call(database: Database, call_id: str, external: Mapping[str, str | None]) -> dict[str, str]:
    """Change what other programs call a call (None takes a name away); return all its names.

    One key may be that of several calls: a deal has many.
    """
    async with database.writing() as connection:
        before = (await connection.run_sync(external_of_calls, [call_id])).get(call_id, {})
        after = {system: key for system, key in {**before, **external}.items() if key is not None}
        await connection.execute(delete(call_external).where(call_external.c.call_id == call_id))
        if after:
            now = datetime.now(UTC)
            rows = [{"call_id": call_id, "system": system, "key": key, "at": now} for system, key in after.items()]
            await connection.execute(insert(call_external), rows)
        return after
