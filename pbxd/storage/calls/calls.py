"""The calls recorded: writing them as they change, and reading one of them. Lists of them: `history`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Insert, Table, bindparam, delete, select
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.calls.record import CallRecord, HistoryGap
from pbxd.errors import NotFoundError
from pbxd.i18n import _
from pbxd.storage.calls.call_rows import Milestones, agents_of, news_of, record_of, row_of
from pbxd.storage.calls.gaps import keep, keep_heard
from pbxd.storage.engine.database import Database, in_parts
from pbxd.storage.engine.feed import News, tell
from pbxd.storage.tables import call_agents, calls, clean_text

_MOST_ENDED = 100_000


class Calls:
    """The calls recorded. A call merged into another is kept, and leads to it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def upsert(
        self,
        records: Sequence[CallRecord],
        outages: Sequence[HistoryGap] = (),
        heard: tuple[str, datetime] | None = None,
    ) -> None:
        """Write the calls as they stand now, all in one transaction; the last of several states of a call counts.

        The feed is told of new calls, answers, joinings, ends and merges, and of the outages. `heard`: a PBX, and until
        when all it told is in the history once this is.
        """
        latest = {record.id: record for record in records}
        if not latest and not outages and heard is None:
            return
        async with self._database.writing() as connection:
            news = await keep(connection, outages)
            if heard is not None:
                await keep_heard(connection, *heard)
            known = await _write(connection, latest)
            for each in latest.values():
                before = known.get(each.id)
                news += news_of(each, before.milestones if before else None)
            await tell(connection, news)

    async def amend(self, amended: Mapping[str, tuple[CallRecord | None, CallRecord]], told_as: str) -> Collection[str]:
        """Write past calls anew: by id what was read (None: nothing) and what stands in its place, in one transaction.

        Return the ids of those that were written: one that changed since it was read, or was erased, stays as it is.
        """
        async with self._database.writing() as connection:
            now: dict[str, CallRecord] = {}
            for part in in_parts(amended):
                rows = await connection.execute(select(calls).where(calls.c.id.in_(part)))
                now |= {row.id: record_of(row) for row in rows}
            latest = {key: after for key, (before, after) in amended.items() if now.get(key) == before}
            await _write(connection, latest)
            await tell(connection, [News(told_as, key, {}) for key in latest])
        return latest.keys()

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

    async def ended_since(self, pbx: str, since: datetime) -> Collection[str]:
        """Return the linkedids of that PBX's calls that ended since then; of very many, the last ones."""
        wanted = select(calls.c.linkedid).where(
            calls.c.pbx == pbx, calls.c.ended >= since, calls.c.merged_into.is_(None)
        )
        async with self._database.reading() as connection:
            return set(await connection.scalars(wanted.order_by(calls.c.ended.desc()).limit(_MOST_ENDED)))


class _Known(NamedTuple):
    """What was kept of a call before."""

    seq: int
    milestones: Milestones
    agents: set[tuple[str, datetime]]  # extension, and when the call began


@cache
def _keeping(table: Table, dialect: str, *keys: str) -> Insert:
    """Build INSERT … ON CONFLICT DO UPDATE, which the two databases spell alike but SQLAlchemy keeps apart."""
    if dialect == "sqlite":
        lite = sqlite_insert(table)
        changed = {c.name: c for c in lite.excluded if c.name not in {*keys, "seq"}}
        return lite.on_conflict_do_update(keys, set_=changed)
    from sqlalchemy.dialects.postgresql import insert as postgresql_insert  # noqa: PLC0415 - 2 MB, only where it is used

    full = postgresql_insert(table)
    changed = {c.name: c for c in full.excluded if c.name not in {*keys, "seq"}}
    return full.on_conflict_do_update(index_elements=keys, set_=changed)


_KNOWN = (
    select(calls.c.id, calls.c.seq, calls.c.answered, calls.c.ended, calls.c.merged_into)
    .add_columns(call_agents.c.extension, call_agents.c.started)
    .outerjoin(call_agents, call_agents.c.call_seq == calls.c.seq)
    .where(calls.c.id.in_(bindparam("ids", expanding=True)))
)
_SEQS = select(calls.c.id, calls.c.seq).where(calls.c.id.in_(bindparam("ids", expanding=True)))


async def _joined(connection: AsyncConnection, ids: Collection[str]) -> dict[str, list[str]]:
    """Return the calls that these were known to be joined to; few calls are, so that few records are read for it."""
    wanted = select(calls.c.id, calls.c.record).where(calls.c.id.in_(bindparam("ids", expanding=True)))
    rows = [row for part in in_parts(ids) for row in await connection.execute(wanted, {"ids": part})]
    return {call_id: record.get("joined", []) for call_id, record in rows}


async def _known(connection: AsyncConnection, latest: Mapping[str, CallRecord]) -> dict[str, _Known]:
    known: dict[str, _Known] = {}
    joined = await _joined(connection, [call_id for call_id, record in latest.items() if record.joined])
    for part in in_parts(latest):
        rows = await connection.execute(_KNOWN, {"ids": part})
        for call_id, seq, answered, ended, into, extension, started in rows:
            milestones = Milestones(answered is not None, ended is not None, into, joined.get(call_id, ()))
            agents = known.setdefault(call_id, _Known(seq, milestones, set())).agents
            if extension is not None:
                agents.add((extension, started))
    return known


async def _write(connection: AsyncConnection, latest: dict[str, CallRecord]) -> dict[str, _Known]:
    """Write the calls; return what was kept of them before."""
    if not latest:
        return {}
    rows = [row_of(each) for each in latest.values()]
    known = await _known(connection, latest)
    await connection.execute(_keeping(calls, connection.dialect.name, "id"), rows)
    await _write_agents(connection, rows, latest, known)
    return known


async def _write_agents(
    connection: AsyncConnection,
    rows: Sequence[dict[str, Any]],
    latest: dict[str, CallRecord],
    known: dict[str, _Known],
) -> None:
    seqs = {call_id: each.seq for call_id, each in known.items()}
    for fresh in in_parts([call_id for call_id in latest if call_id not in known]):
        seqs |= {row.id: row.seq for row in await connection.execute(_SEQS, {"ids": fresh})}
    facets = ("direction", "outcome", "queue", "talk_seconds")
    agents: list[dict[str, Any]] = []
    left: list[int] = []  # calls in which somebody was named who isn't any more
    for row in rows:
        people = set() if row["merged_into"] is not None else agents_of(latest[row["id"]])
        seq, before = seqs[clean_text(row["id"])], known.get(row["id"])
        key = {"call_seq": seq, "started": row["started"], **{name: row[name] for name in facets}}
        agents += [{"extension": person, **key} for person in sorted(people)]
        if before and before.agents - {(person, row["started"]) for person in people}:
            left.append(seq)
    for part in in_parts(left):
        await connection.execute(delete(call_agents).where(call_agents.c.call_seq.in_(part)))
    if agents:
        keys = ("extension", "started", "call_seq")
        await connection.execute(_keeping(call_agents, connection.dialect.name, *keys), agents)
