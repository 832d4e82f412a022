"""The history of calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Insert, delete, func, insert, or_, select
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.calls.record import CallRecord, Direction, Outage, Outcome
from pbxd.errors import InvalidInputError, NotFoundError
from pbxd.i18n import _
from pbxd.storage.callrows import Milestones, agents_of, news_of, past_news, record_of, row_of
from pbxd.storage.database import Database, in_parts, possible
from pbxd.storage.feed import tell
from pbxd.storage.outages import keep, keep_heard
from pbxd.storage.tables import call_agents, calls

Page = tuple[int, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls are wanted; an empty field doesn't matter."""

    direction: Direction | None = None
    outcome: Outcome | None = None
    agent: str = ""  # extension of an employee who called, was called or talked
    number: str = ""  # of either side, as it stands in the record
    contact: int | None = None  # on either side
    numbers: tuple[str, ...] = ()  # of that contact: calls with them are his too, also those before he was in the book


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
                known = await _milestones(connection, list(latest))
                rows = [row_of(each) for each in latest.values()]
                await connection.execute(_upserting(connection.dialect.name), rows)
                await _write_agents(connection, latest)
                for each in latest.values():
                    news += [past_news(each, told_as)] if told_as else news_of(each, known.get(each.id))
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
                kept = (await connection.execute(select(calls.c.record).where(calls.c.id == wanted))).scalar()
                if kept is None:
                    break
                record = record_of(kept)
                if record.merged_into is None:
                    return record
                wanted = record.merged_into
        raise NotFoundError(_("there is no call {id}").format(id=call_id))

    async def list(
        self, wanted: CallFilter | None = None, *, limit: int | None = 100, offset: int = 0, before: str = ""
    ) -> Page:
        """Return how many calls match, and a page of them in their public form, newest first.

        `before`: the id of the last call of the page before; steadier than `offset` while calls come in. Raises
        InvalidInputError when there is no such call.
        """
        matching = _matching(wanted or CallFilter())
        async with self._database.reading() as connection:
            counted = select(func.count()).select_from(calls).where(*matching)
            total = (await connection.execute(counted)).scalar_one()
            if before:
                matching.append(await _older_than(connection, before))
            newest_first = select(calls.c.record).where(*matching).order_by(calls.c.started.desc(), calls.c.id.desc())
            rows = await connection.execute(newest_first.limit(limit).offset(offset))
            return total, [record_of(kept).to_json() for kept in rows.scalars()]

    async def open_calls(self, pbx: str) -> Sequence[CallRecord]:
        """Return the calls of that PBX that have no end yet, oldest first: to be put right after a restart."""
        lasting = (calls.c.pbx == pbx, calls.c.ended.is_(None), calls.c.merged_into.is_(None))
        wanted = select(calls.c.record).where(*lasting).order_by(calls.c.started, calls.c.id)
        async with self._database.reading() as connection:
            return [record_of(kept) for kept in (await connection.execute(wanted)).scalars()]


def _upserting(dialect: str) -> Insert:
    """Build INSERT … ON CONFLICT(id) DO UPDATE, which the two databases spell alike but SQLAlchemy keeps apart."""
    if dialect == "sqlite":
        lite = sqlite_insert(calls)
        return lite.on_conflict_do_update(["id"], set_={c.name: c for c in lite.excluded if c.name != "id"})
    from sqlalchemy.dialects.postgresql import insert as postgresql_insert  # noqa: PLC0415 - 2 MB, only where it is used

    full = postgresql_insert(calls)
    return full.on_conflict_do_update("pk_calls", set_={c.name: c for c in full.excluded if c.name != "id"})


async def _milestones(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, Milestones]:
    known: dict[str, Milestones] = {}
    for part in in_parts(ids):
        columns = (calls.c.id, calls.c.answered, calls.c.ended, calls.c.merged_into)
        rows = await connection.execute(select(*columns).where(calls.c.id.in_(part)))
        known |= {row.id: (row.answered is not None, row.ended is not None, row.merged_into) for row in rows}
    return known


async def _write_agents(connection: AsyncConnection, latest: dict[str, CallRecord]) -> None:
    for part in in_parts(latest):
        await connection.execute(delete(call_agents).where(call_agents.c.call_id.in_(part)))
    rows = [
        {"call_id": record.id, "extension": extension}
        for record in latest.values()
        for extension in sorted(agents_of(record))
    ]
    if rows:
        await connection.execute(insert(call_agents), rows)


async def _older_than(connection: AsyncConnection, call_id: str) -> ColumnElement[bool]:
    started = (await connection.execute(select(calls.c.started).where(calls.c.id == call_id))).scalar()
    if started is None:
        raise InvalidInputError("before", _("there is no call {id}").format(id=call_id))
    return or_(calls.c.started < started, (calls.c.started == started) & (calls.c.id < call_id))


def _matching(wanted: CallFilter) -> list[ColumnElement[bool]]:
    equal = {calls.c.direction: wanted.direction, calls.c.outcome: wanted.outcome}
    conditions = [calls.c.merged_into.is_(None), *(column == value for column, value in equal.items() if value)]
    if wanted.agent:
        took_part = select(call_agents.c.call_id).where(call_agents.c.extension == wanted.agent)
        conditions.append(calls.c.id.in_(took_part))
    if wanted.number:
        conditions.append(or_(calls.c.caller_number == wanted.number, calls.c.callee_number == wanted.number))
    if wanted.contact is not None:
        ids, numbers = possible([wanted.contact]), wanted.numbers
        his = [column.in_(ids) for column in (calls.c.caller_contact, calls.c.callee_contact)]
        his += [column.in_(numbers) for column in (calls.c.caller_number, calls.c.callee_number)]
        conditions.append(or_(*his))
    return conditions
