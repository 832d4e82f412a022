"""The calls recorded: writing them as they change, and reading one of them. Lists of them: `history`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Insert, delete, insert, select
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.calls.record import CallRecord, Outage
from pbxd.errors import NotFoundError
from pbxd.i18n import _
from pbxd.storage.callrows import Milestones, agents_of, news_of, past_news, record_of, row_of
from pbxd.storage.database import Database, in_parts
from pbxd.storage.feed import tell
from pbxd.storage.outages import keep, keep_heard
from pbxd.storage.tables import call_agents, calls, harmless


class Calls:
    """The calls recorded. A call merged into another is kept, and leads to it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def upsert(
        self,
        records: Sequence[CallRecord],
        outages: Sequence[Outage] = (),
        heard: tuple[str, datetime] | None = None,
        *,
        told_as: str = "",
    ) -> None:
        """Write the calls as they stand now, all in one transaction; the last of several states of a call counts.

        The feed is told of new calls, answers, ends and merges, and of the outages. `heard`: a PBX, and until when all
        it told is in the history once this is. `told_as`: what the feed calls these changes instead, for they are past.
        """
        latest = {record.id: record for record in records}
        if not latest and not outages and heard is None:
            return
        async with self._database.writing() as connection:
            news = await keep(connection, outages)
            if heard is not None:
                await keep_heard(connection, *heard)
            if latest:
                known = await _known(connection, latest)
                rows = [row_of(each) for each in latest.values()]
                await connection.execute(_upserting(connection.dialect.name), rows)
                await _write_agents(connection, rows, latest, known)
                for each in latest.values():
                    before = known.get(each.id)
                    milestones = before.milestones if before else None
                    news += [past_news(each, told_as)] if told_as else news_of(each, milestones)
            await tell(connection, news)

    async def get(self, call_id: str) -> dict[str, Any]:
        """Return a call in its public form; the id of a merged one leads to the call it became part of.

        Raises NotFoundError.
        """
        return (await self.record(call_id)).to_json()

    async def record(self, call_id: str) -> CallRecord:
        """Return a call's record, likewise."""
        async with self._database.reading() as connection:
            passed: set[str] = set()
            wanted = call_id
            while wanted not in passed:  # a circle would be our mistake, but must not hang us
                passed.add(wanted)
                row = (await connection.execute(select(calls).where(calls.c.id == wanted))).one_or_none()
                if row is None:
                    break
                if row.merged_into is None:
                    return record_of(row)
                wanted = row.merged_into
        raise NotFoundError(_("there is no call {id}").format(id=call_id))

    async def open_calls(self, pbx: str) -> Sequence[CallRecord]:
        """Return the calls of that PBX that have no end yet, oldest first: to be put right after a restart."""
        lasting = (calls.c.pbx == pbx, calls.c.ended.is_(None), calls.c.merged_into.is_(None))
        wanted = select(calls).where(*lasting).order_by(calls.c.started, calls.c.seq)
        async with self._database.reading() as connection:
            return [record_of(row) for row in await connection.execute(wanted)]


class _Known(NamedTuple):
    """What was kept of a call before."""

    seq: int
    milestones: Milestones


def _upserting(dialect: str) -> Insert:
    """Build INSERT … ON CONFLICT(id) DO UPDATE, which the two databases spell alike but SQLAlchemy keeps apart."""
    keys = {"id", "seq"}
    if dialect == "sqlite":
        lite = sqlite_insert(calls)
        return lite.on_conflict_do_update(["id"], set_={c.name: c for c in lite.excluded if c.name not in keys})
    from sqlalchemy.dialects.postgresql import insert as postgresql_insert  # noqa: PLC0415 - 2 MB, only where it is used

    full = postgresql_insert(calls)
    return full.on_conflict_do_update("uq_calls_id", set_={c.name: c for c in full.excluded if c.name not in keys})


async def _known(connection: AsyncConnection, ids: Collection[str]) -> dict[str, _Known]:
    known: dict[str, _Known] = {}
    columns = (calls.c.id, calls.c.seq, calls.c.answered, calls.c.ended, calls.c.merged_into)
    for part in in_parts(ids):
        for call_id, seq, answered, ended, into in await connection.execute(
            select(*columns).where(calls.c.id.in_(part))
        ):
            known[call_id] = _Known(seq, (answered is not None, ended is not None, into))
    return known


async def _write_agents(
    connection: AsyncConnection,
    rows: Sequence[dict[str, Any]],
    latest: dict[str, CallRecord],
    known: dict[str, _Known],
) -> None:
    for part in in_parts([each.seq for each in known.values()]):
        await connection.execute(delete(call_agents).where(call_agents.c.call_seq.in_(part)))
    seqs = {call_id: each.seq for call_id, each in known.items()}
    for fresh in in_parts([call_id for call_id in latest if call_id not in known]):
        new = await connection.execute(select(calls.c.id, calls.c.seq).where(calls.c.id.in_(fresh)))
        seqs |= {row.id: row.seq for row in new}
    named = ("started", "direction", "outcome", "queue", "talk_seconds")
    agents = [
        {"extension": extension, "call_seq": seqs[harmless(row["id"])], **{name: row[name] for name in named}}
        for row in rows
        if row["merged_into"] is None
        for extension in sorted(agents_of(latest[row["id"]]))
    ]
    if agents:
        await connection.execute(insert(call_agents), agents)
