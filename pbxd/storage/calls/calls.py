"""Write calls as they change, and read single calls. `history` reads lists of them."""

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
from pbxd.storage.calls.call_news import Cards, Milestones, news_of, rings_of
from pbxd.storage.calls.call_rows import agents_of, record_of, row_of
from pbxd.storage.calls.gaps import add_gaps, set_cursor
from pbxd.storage.calls.missed_calls import write_missed
from pbxd.storage.engine.database import Database, in_parts
from pbxd.storage.engine.feed import News, tell
from pbxd.storage.tables import call_agents, calls, clean_text

_MOST_ENDED = 100_000


class Calls:
    """The recorded calls. A call that was merged into another one stays, and leads to that one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def upsert(
        self,
        records: Sequence[CallRecord],
        gaps: Sequence[HistoryGap] = (),
        cursor: tuple[str, datetime] | None = None,
        beside: Sequence[News] = (),
    ) -> None:
        """Write the current state of calls in one transaction; of several states of a call the last one counts.

        The feed gets phones that begin to ring, answers, joins, ends, merges and gaps, and what happened `beside` in
        queues. `cursor`: a PBX, and the time up to which its history is complete after this write.
        """
        latest = {record.id: record for record in records}
        if not latest and not gaps and cursor is None and not beside:
            return
        async with self._database.writing() as connection:
            news = await add_gaps(connection, gaps)
            if cursor is not None:
                await set_cursor(connection, *cursor)
            news += [each for each in beside if each.subject not in latest]
            known = await _write(connection, latest)
            cards = await Cards.of(connection, latest.values())
            for each in latest.values():
                before = known.get(each.id)
                its = [piece for piece in beside if piece.subject == each.id]
                news += news_of(each, before.milestones if before else None, cards.facts(each), its)
            await tell(connection, news)

    async def amend(self, amended: Mapping[str, tuple[CallRecord | None, CallRecord]], kind: str) -> Collection[str]:
        """Replace past calls in one transaction.

        `amended` has by id the record that was read (None: there was none) and the new one. Return the ids of those
        written. A call that changed since it was read, or was erased, stays as it is. `kind` is the feed's kind of
        event for each.
        """
        async with self._database.writing() as connection:
            now: dict[str, CallRecord] = {}
            for part in in_parts(amended):
                rows = await connection.execute(select(calls).where(calls.c.id.in_(part)))
                now |= {row.id: record_of(row) for row in rows}
            latest = {key: after for key, (before, after) in amended.items() if now.get(key) == before}
            await _write(connection, latest)
            cards = await Cards.of(connection, latest.values())
            await tell(connection, [News(kind, key, cards.facts(record)) for key, record in latest.items()])
        return latest.keys()

    async def get(self, call_id: str) -> dict[str, Any]:
        """Return a call in its public form; the id of a merged call leads to the one of which it became a part.

        Raises NotFoundError.
        """
        return (await self.record(call_id)).to_json()

    async def record(self, call_id: str) -> CallRecord:
        """Return a call's record, as `get` does."""
        async with self._database.reading() as connection:
            passed: set[str] = set()
            wanted = call_id
            while wanted not in passed:  # a circle would be a defect, but must not hang
                passed.add(wanted)
                row = (await connection.execute(select(calls).where(calls.c.id == wanted))).one_or_none()
                if row is None:
                    break
                if row.merged_into is None:
                    return record_of(row)
                wanted = row.merged_into
        raise unknown_call(call_id)

    async def open_calls(self, pbx: str) -> Sequence[CallRecord]:
        """Return the calls of a PBX without an end, oldest first, to be continued after a restart."""
        lasting = (calls.c.pbx == pbx, calls.c.ended.is_(None), calls.c.merged_into.is_(None))
        wanted = select(calls).where(*lasting).order_by(calls.c.started, calls.c.seq)
        async with self._database.reading() as connection:
            return [record_of(row) for row in await connection.execute(wanted)]

    async def ended_since(self, pbx: str, since: datetime) -> Collection[str]:
        """Return the linkedids of a PBX's calls that ended since a time; of very many, the most recent."""
        wanted = select(calls.c.linkedid).where(
            calls.c.pbx == pbx, calls.c.ended >= since, calls.c.merged_into.is_(None)
        )
        async with self._database.reading() as connection:
            return set(await connection.scalars(wanted.order_by(calls.c.ended.desc()).limit(_MOST_ENDED)))


class _Stored(NamedTuple):
    """What the database has of a call."""

    seq: int
    milestones: Milestones
    agents: set[tuple[str, datetime]]  # extension, and when the call began


@cache
def _upsert_into(table: Table, dialect: str, *keys: str) -> Insert:
    """Build INSERT … ON CONFLICT DO UPDATE. Both databases spell it alike, but SQLAlchemy has a construct for each."""
    if dialect == "sqlite":
        lite = sqlite_insert(table)
        changed = {c.name: c for c in lite.excluded if c.name not in {*keys, "seq"}}
        return lite.on_conflict_do_update(keys, set_=changed)
    from sqlalchemy.dialects.postgresql import insert as postgresql_insert  # noqa: PLC0415 - 2 MB, only where it is used

    full = postgresql_insert(table)
    changed = {c.name: c for c in full.excluded if c.name not in {*keys, "seq"}}
    return full.on_conflict_do_update(index_elements=keys, set_=changed)


_STORED = (
    select(calls.c.id, calls.c.seq, calls.c.answered, calls.c.ended, calls.c.merged_into)
    .add_columns(call_agents.c.extension, call_agents.c.started)
    .outerjoin(call_agents, call_agents.c.call_seq == calls.c.seq)
    .where(calls.c.id.in_(bindparam("ids", expanding=True)))
)
_SEQS = select(calls.c.id, calls.c.seq).where(calls.c.id.in_(bindparam("ids", expanding=True)))


_RECORDS = select(calls.c.id, calls.c.record).where(calls.c.id.in_(bindparam("ids", expanding=True)))


async def _told(connection: AsyncConnection, ids: Collection[str]) -> dict[str, tuple[list[str], dict[str, int]]]:
    """Return what the stored records of calls have in `joined`, and how often which phones had begun to ring."""
    rows = [row for part in in_parts(ids) for row in await connection.execute(_RECORDS, {"ids": part})]
    return {
        call_id: (
            record.get("joined", []),
            {agent["extension"]: agent["rings"] for agent in record.get("agents", ()) if "rings" in agent},
        )
        for call_id, record in rows
    }


async def _stored(connection: AsyncConnection, latest: Mapping[str, CallRecord]) -> dict[str, _Stored]:
    known: dict[str, _Stored] = {}
    told = await _told(connection, [key for key, record in latest.items() if record.joined or rings_of(record)])
    for part in in_parts(latest):
        rows = await connection.execute(_STORED, {"ids": part})
        for call_id, seq, answered, ended, into, extension, started in rows:
            joined, rings = told.get(call_id, ((), {}))
            milestones = Milestones(answered is not None, ended is not None, into, joined, rings)
            agents = known.setdefault(call_id, _Stored(seq, milestones, set())).agents
            if extension is not None:
                agents.add((extension, started))
    return known


async def _write(connection: AsyncConnection, latest: dict[str, CallRecord]) -> dict[str, _Stored]:
    """Write the calls; return what the database had of them before."""
    if not latest:
        return {}
    rows = [row_of(each) for each in latest.values()]
    known = await _stored(connection, latest)
    await connection.execute(_upsert_into(calls, connection.dialect.name, "id"), rows)
    await _write_agents(connection, rows, latest, known)
    return known


async def _write_agents(
    connection: AsyncConnection,
    rows: Sequence[dict[str, Any]],
    latest: dict[str, CallRecord],
    known: dict[str, _Stored],
) -> None:
    seqs = {call_id: each.seq for call_id, each in known.items()}
    for fresh in in_parts([call_id for call_id in latest if call_id not in known]):
        seqs |= {row.id: row.seq for row in await connection.execute(_SEQS, {"ids": fresh})}
    facets = ("direction", "outcome", "queue", "talk_seconds")
    agents: list[dict[str, Any]] = []
    left: list[int] = []  # calls that name fewer employees than before
    for row in rows:
        people = set() if row["merged_into"] is not None else agents_of(latest[row["id"]])
        seq, before = seqs[clean_text(row["id"])], known.get(row["id"])
        key = {"call_seq": seq, "started": row["started"], **{name: row[name] for name in facets}}
        agents += [{"extension": person, **key} for person in sorted(people)]
        if before and before.agents - {(person, row["started"]) for person in people}:
            left.append(seq)
    for part in in_parts(left):
        await connection.execute(delete(call_agents).where(call_agents.c.call_seq.in_(part)))
    ended = {call_id for call_id, each in known.items() if each.milestones.ended and call_id in latest}
    await write_missed(connection, latest, seqs, ended)
    if agents:
        keys = ("extension", "started", "call_seq")
        await connection.execute(_upsert_into(call_agents, connection.dialect.name, *keys), agents)


def unknown_call(call_id: str) -> NotFoundError:
    """Return the error of a call that there isn't, or that the actor may not know of."""
    return NotFoundError(_("there is no call {id}").format(id=call_id))
