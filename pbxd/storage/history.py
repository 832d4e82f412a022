"""The history as a list: which calls a filter means, newest first, a page at a time.

Every filter has an index that holds all the others' columns too, so that no rows are read but those shown. Which
of several filters leads is decided here for SQLite, which only knows averages: the one whose calls lie furthest back.
"""

from __future__ import annotations

import heapq
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, Table, func, literal, literal_column, select, tuple_, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.calls.record import CallRecord, Direction, Outcome
from pbxd.errors import InvalidInputError
from pbxd.i18n import _
from pbxd.storage.callrows import record_of
from pbxd.storage.database import Database, in_parts
from pbxd.storage.tables import Key, Moment, call_agents, calls

COUNTED = 10_000  # calls; a total of more is not counted to its end
_FEW = 2_000  # a filter with no more calls than that leads
_SPANS_AT_ONCE = 4  # more are not asked for one by one


class Span(NamedTuple):
    """The calls of a number (E.164, or as the PBX had it) from an instant on until before another; None: no bound."""

    number: str
    since: datetime | None = None
    until: datetime | None = None

    def holds(self, started: datetime) -> bool:
        """Tell whether a call that began then is one of them."""
        return (self.since is None or started >= self.since) and (self.until is None or started < self.until)


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls are wanted; an empty field doesn't matter."""

    since: datetime | None = None  # calls that began then or later
    until: datetime | None = None  # and before this
    direction: Direction | None = None
    outcome: Outcome | None = None
    agent: str = ""  # extension of an employee who called, was called or talked
    queue: str = ""
    talk: float = 0  # seconds at least
    spans: tuple[Span, ...] | None = None  # of either side's number, any of them; none of them: no call


class Page(NamedTuple):
    """Some calls of a list, newest first, and how many the whole list has, or COUNTED when `more` than those."""

    total: int
    more: bool
    records: list[CallRecord]
    since: datetime | None  # the time the page tells of: from its last call on, None where nothing older is left out
    until: datetime | None  # until before the call that stands above it, None at the top


class _Key(NamedTuple):
    started: datetime
    seq: int


class History:
    """Lists of the calls recorded; those that became part of another call are not in them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, wanted: CallFilter | None = None, *, limit: int = 100, offset: int = 0, before: str = ""
    ) -> Page:
        """Return a page of the calls that match.

        `before`: the id of the last call of the page before; steadier and faster than `offset`. Raises
        InvalidInputError when there is no such call.
        """
        wanted = wanted or CallFilter()
        async with self._database.reading() as connection:
            last = await _key(connection, before) if before else None
            keys = await _keys(connection, wanted, last, offset + limit + 1)  # one more tells whether there are more
            above, shown, rest = keys[:offset], keys[offset : offset + limit], keys[offset + limit :]
            counted = last is None and not rest
            total = len(keys) if counted else await _count(connection, wanted)
            return Page(
                min(total, COUNTED),
                total > COUNTED,
                await _records(connection, shown),
                shown[-1].started if rest else wanted.since,
                above[-1].started if above else last.started if last else wanted.until,
            )

    async def every(self, wanted: CallFilter, portion: int = 1000) -> AsyncIterator[list[CallRecord]]:
        """Yield all calls that match, newest first; each portion as of its own moment."""
        last: _Key | None = None
        while True:
            async with self._database.reading() as connection:
                keys = await _keys(connection, wanted, last, portion)
                records = await _records(connection, keys)
            if records:
                yield records
            if len(keys) < portion:
                return
            last = keys[-1]

    async def newest(self, wanted: CallFilter, limit: int) -> list[CallRecord]:
        """Return the newest calls that match, uncounted."""
        async with self._database.reading() as connection:
            return await _records(connection, await _keys(connection, wanted, None, limit))


async def _key(connection: AsyncConnection, call_id: str) -> _Key:
    found = (await connection.execute(select(calls.c.started, calls.c.seq).where(calls.c.id == call_id))).one_or_none()
    if found is None:
        raise InvalidInputError("before", _("there is no call {id}").format(id=call_id))
    return _Key(found.started, found.seq)


async def _records(connection: AsyncConnection, keys: Sequence[_Key]) -> list[CallRecord]:
    found: dict[int, CallRecord] = {}
    for part in in_parts([key.seq for key in keys]):
        rows = await connection.execute(select(calls).where(calls.c.seq.in_(part)))
        found |= {row.seq: record_of(row) for row in rows}
    return [found[key.seq] for key in keys]


async def _keys(connection: AsyncConnection, wanted: CallFilter, last: _Key | None, limit: int) -> list[_Key]:
    """Return the newest of the matching calls that are older than `last`."""
    if wanted.spans is not None and len(wanted.spans) > _SPANS_AT_ONCE:
        return heapq.nlargest(limit, await _of_spans(connection, wanted, wanted.spans, last))
    ordered = (await _selection(connection, wanted, last, limit)).limit(limit)
    return [_Key(*row) for row in await connection.execute(ordered)]


async def _count(connection: AsyncConnection, wanted: CallFilter) -> int:
    """Count the matching calls, COUNTED + 1 at most."""
    if wanted.spans is not None and len(wanted.spans) > _SPANS_AT_ONCE:
        return len(await _of_spans(connection, wanted, wanted.spans, None))
    some = (await _selection(connection, wanted, None, COUNTED + 1)).limit(COUNTED + 1).subquery()
    return (await connection.execute(select(func.count()).select_from(some))).scalar_one()


async def _selection(connection: AsyncConnection, wanted: CallFilter, last: _Key | None, limit: int) -> Select[Any]:
    """Return the keys of the matching calls, newest first, with the index chosen; `limit`: of each part at most."""
    if wanted.spans is not None:
        parts = [
            select(_newest_first(_side(side, span, wanted, last)).limit(limit).subquery())
            for span in wanted.spans
            for side in ("caller_number", "callee_number")
        ]
        if not parts:
            return select(calls.c.started, calls.c.seq).where(calls.c.seq.is_(None))
        both = union_all(*parts).subquery()
        return select(both.c.started, both.c.seq).distinct().order_by(both.c.started.desc(), both.c.seq.desc())
    if connection.dialect.name == "sqlite":
        leader = await _leader(connection, wanted)
        if leader == "agent":
            return _newest_first(_agent_s(wanted, last))
        chosen = select(calls.c.started, calls.c.seq).with_hint(calls, f"INDEXED BY ix_calls_{leader}", "sqlite")
        return _newest_first(_whole(chosen, wanted, last))
    if wanted.agent:
        return _newest_first(_agent_s(wanted, last))
    return _newest_first(_whole(select(calls.c.started, calls.c.seq), wanted, last))


async def _leader(connection: AsyncConnection, wanted: CallFilter) -> str:
    """Return the filter whose calls are the fewest: whose `_FEW`th newest lies furthest back, or isn't there at all."""
    if wanted.talk and await _reaches_to(connection, "talk_seconds", CallFilter(talk=wanted.talk)) is None:
        return "talk_seconds"
    asked = {
        name: CallFilter(wanted.since, wanted.until, **{name: getattr(wanted, name)})
        for name in ("agent", "queue", "outcome", "direction")
        if getattr(wanted, name)
    }
    if len(asked) < 2:  # noqa: PLR2004 - no choice
        return next(iter(asked), "started")
    reach = {name: await _reaches_to(connection, name, alone) for name, alone in asked.items()}
    rare = [name for name, start in reach.items() if start is None]
    return rare[0] if rare else min(reach, key=lambda name: str(reach[name]))


async def _reaches_to(connection: AsyncConnection, name: str, alone: CallFilter) -> datetime | None:
    """Return when the `_FEW`th newest call of one filter began, of talk just any instant; None when it has fewer."""
    if name == "agent":
        chosen = _newest_first(_agent_s(alone, None))
    else:
        table = select(calls.c.started, calls.c.seq).with_hint(calls, f"INDEXED BY ix_calls_{name}", "sqlite")
        chosen = _whole(table, alone, None)
        chosen = chosen if name == "talk_seconds" else _newest_first(chosen)
    row = (await connection.execute(chosen.limit(1).offset(_FEW))).first()
    return row[0] if row else None


def _whole(chosen: Select[Any], wanted: CallFilter, last: _Key | None) -> Select[Any]:
    chosen = chosen.where(calls.c.merged_into.is_(None), *_conditions(calls, "seq", wanted, last))
    if wanted.agent:
        took_part = select(call_agents.c.call_seq).where(
            call_agents.c.extension == wanted.agent,
            call_agents.c.started == calls.c.started,
            call_agents.c.call_seq == calls.c.seq,
        )
        chosen = chosen.where(took_part.exists())
    return chosen


def _agent_s(wanted: CallFilter, last: _Key | None) -> Select[Any]:
    mine = select(call_agents.c.started, call_agents.c.call_seq.label("seq"))
    return mine.where(call_agents.c.extension == wanted.agent, *_conditions(call_agents, "call_seq", wanted, last))


def _side(side: str, span: Span, wanted: CallFilter, last: _Key | None) -> Select[Any]:
    chosen = _whole(select(calls.c.started, calls.c.seq), wanted, last)
    return chosen.where(calls.c[side] == span.number, *_within(calls, span.since, span.until))


async def _of_spans(
    connection: AsyncConnection, wanted: CallFilter, spans: Sequence[Span], last: _Key | None
) -> set[_Key]:
    """Return the keys of all calls of many numbers, such as a company's."""
    by_number: dict[str, list[Span]] = {}
    for span in spans:
        by_number.setdefault(span.number, []).append(span)
    found: set[_Key] = set()
    for part in in_parts(by_number):
        for side in (calls.c.caller_number, calls.c.callee_number):
            chosen = _whole(select(calls.c.started, calls.c.seq, side), wanted, last).where(side.in_(part))
            for started, seq, number in await connection.execute(chosen):
                if any(span.holds(started) for span in by_number[number]):
                    found.add(_Key(started, seq))
    return found


def _conditions(table: Table, key: str, wanted: CallFilter, last: _Key | None) -> list[ColumnElement[bool]]:
    conditions = [
        table.c[name] == value for name in ("direction", "outcome", "queue") if (value := getattr(wanted, name))
    ]
    if wanted.talk:
        conditions += [table.c.talk_seconds >= wanted.talk, table.c.talk_seconds > literal_column("0")]  # the index's
    if last:
        older = tuple_(literal(last.started, Moment()), literal(last.seq, Key))
        conditions.append(tuple_(table.c.started, table.c[key]) < older)
    return [*conditions, *_within(table, wanted.since, wanted.until)]


def _within(table: Table, since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    bounds = [] if since is None else [table.c.started >= since]
    return bounds if until is None else [*bounds, table.c.started < until]


def _newest_first(chosen: Select[Any]) -> Select[Any]:
    started, seq = chosen.selected_columns
    return chosen.order_by(started.desc(), seq.desc())
