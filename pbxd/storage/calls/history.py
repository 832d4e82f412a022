"""The history as a list: which calls a filter means, newest first, a page at a time.

`plan` chooses the index that the calls are read by. A page ends as soon as it is full, and no more than COUNTED calls
are looked at for its total.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    func,
    select,
    union_all,
)

from pbxd.calls.record import CallRecord
from pbxd.errors import InvalidInputError
from pbxd.i18n import _
from pbxd.storage.calls import plan
from pbxd.storage.calls.call_filter import (
    SIDES,
    UNREACHED,
    CallFilter,
    CallKey,
    SeenCalls,
    Span,
    conditions,
    has_number,
    is_seen,
    not_called_back,
    took_part,
)
from pbxd.storage.calls.call_rows import record_of
from pbxd.storage.calls.statements import (
    calls_of_agent,
    calls_of_circle,
    calls_of_side,
    listed,
    newest_first,
    read_by_index,
)
from pbxd.storage.engine.database import Database, in_parts
from pbxd.storage.tables import call_agents, calls

COUNTED = 5_000  # calls that are looked at for a total; of a longer list it is what they have
_COSTLY = 5  # with `no_callback` examine only a fifth of COUNTED: each call needs two more searches
_SPANS_AT_ONCE = 4  # more are not asked for one by one
_LISTS_AT_ONCE = 60  # more lists are not put together in one statement
_BACK = (timedelta(days=30), timedelta(days=365))  # how far back their calls are looked for, before all are


class Page(NamedTuple):
    """Some calls of a list, newest first, and how many the whole list has; that or more where `more`."""

    total: int
    more: bool
    records: list[CallRecord]
    since: datetime | None  # the time the page tells of: from its last call on, None where nothing older is left out
    until: datetime | None  # until before the call that stands above it, None at the top
    older: bool = False  # whether there is a next page


class History:
    """Lists of the calls recorded; those that became part of another call are not in them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, wanted: CallFilter | None = None, *, limit: int = 100, offset: int = 0, before: str = ""
    ) -> Page:
        """Return what `page` does."""
        return await self._database.ask(page, wanted or CallFilter(), limit, offset, before)

    async def began(self) -> datetime | None:
        """Return when the oldest call began."""
        async with self._database.reading() as connection:
            found: datetime | None = (await connection.execute(select(func.min(calls.c.started)))).scalar_one()
        return found

    async def every(self, wanted: CallFilter, portion: int = 1000) -> AsyncIterator[list[CallRecord]]:
        """Yield all calls that match, newest first; each portion as of its own moment."""
        last: CallKey | None = None
        while True:
            keys, records = await self._database.ask(_portion, wanted, last, portion)
            if records:
                yield records
            if len(keys) < portion:
                return
            last = keys[-1]


def page(connection: Connection, wanted: CallFilter, limit: int, offset: int = 0, before: str = "") -> Page:
    """Return a page of the calls that match.

    `before`: the id of the last call of the page before; steadier and faster than `offset`. Raises
    InvalidInputError when there is no such call.
    """
    last = _key(connection, before) if before else None
    leader = plan.choose(connection, wanted)
    skipped = max(offset - 1, 0)  # the call above the page says where its time ends
    keys = _keys(connection, wanted, last, offset - skipped + limit + 1, leader, skipped)  # one more: are there more
    above, found = keys[: offset - skipped], keys[offset - skipped :]
    shown, rest = found[:limit], found[limit:]
    total, more = skipped + len(keys), False
    if last is not None or rest or not keys:
        total, more = _count(connection, wanted, leader)
    return Page(
        max(total, offset + len(shown)) if shown else total,
        more,
        _records(connection, shown),
        shown[-1].started if rest else wanted.since,
        above[-1].started if above else last.started if last else wanted.until,
        bool(rest),
    )


def newest(connection: Connection, wanted: CallFilter, limit: int) -> list[CallRecord]:
    """Return the newest calls that match, uncounted."""
    return _portion(connection, wanted, None, limit)[1]


def _portion(
    connection: Connection, wanted: CallFilter, last: CallKey | None, length: int
) -> tuple[list[CallKey], list[CallRecord]]:
    keys = _keys(connection, wanted, last, length, plan.choose(connection, wanted))
    return keys, _records(connection, keys)


def _key(connection: Connection, call_id: str) -> CallKey:
    found = connection.execute(select(calls.c.started, calls.c.seq).where(calls.c.id == call_id)).one_or_none()
    if found is None:
        raise InvalidInputError("before", _("there is no call {id}").format(id=call_id))
    return CallKey(found.started, found.seq)


_ROWS = select(calls).where(calls.c.seq.in_(bindparam("seqs", expanding=True)))


def _records(connection: Connection, keys: Sequence[CallKey]) -> list[CallRecord]:
    found: dict[int, CallRecord] = {}
    for part in in_parts([key.seq for key in keys]):
        rows = connection.execute(_ROWS, {"seqs": part})
        found |= {row.seq: record_of(row) for row in rows}
    return [found[key.seq] for key in keys]


def _keys(
    connection: Connection, wanted: CallFilter, last: CallKey | None, limit: int, leader: plan.Plan, skipped: int = 0
) -> list[CallKey]:
    """Return the newest of the matching calls that are older than `last`, but for the first `skipped` of them."""
    if leader in {"circle", "unreached"}:
        return _newest_of(connection, _lists(wanted, wanted, leader, last), limit, skipped)
    if wanted.spans is not None and leader != "agent":
        if len(wanted.spans) > _SPANS_AT_ONCE:
            return _of_many(connection, wanted, wanted.spans, last, limit + skipped)[skipped:]
        parts = [calls_of_side(side, (span,), wanted, last) for span in wanted.spans for side in SIDES]
        return _newest_of(connection, parts, limit, skipped)
    found = calls_of_agent(wanted, last) if leader == "agent" else listed(read_by_index(leader), wanted, last)
    ordered = newest_first(found)
    return [CallKey(*row) for row in connection.execute(ordered.limit(limit).offset(skipped))]


def _lists(wanted: CallFilter, meant: CallFilter, leader: plan.Plan, last: CallKey | None) -> list[Select[Any]]:
    """Return the lists that a circle's calls, or those of clients who reached nobody, are in."""
    if leader == "circle" and (circle := plan.circle_of(wanted)):
        return calls_of_circle(circle, _without(circle, meant), last)
    outcomes = (replace(meant, outcome=each) for each in UNREACHED)
    return [listed(read_by_index("outcome"), each, last) for each in outcomes]


def _without(circle: SeenCalls | None, wanted: CallFilter) -> CallFilter:
    """Drop the circle's own condition: the lists already contain only its calls."""
    department = None if wanted.department is circle else wanted.department
    return replace(wanted, department=department, seen=None if wanted.seen is circle else wanted.seen)


def _of_many(
    connection: Connection, wanted: CallFilter, spans: Sequence[Span], last: CallKey | None, limit: int
) -> list[CallKey]:
    """Return the newest calls of many numbers, such as a company's: of so short a time that few are sorted."""
    newest = last.started if last else wanted.until or datetime.now(UTC)
    for since in (newest - back for back in _BACK):
        if wanted.since is None or wanted.since < since:
            recent = replace(wanted, since=since)
            keys = _newest_of(connection, [calls_of_side(side, spans, recent, last) for side in SIDES], limit)
            if len(keys) == limit:
                return keys
    return _newest_of(connection, [calls_of_side(side, spans, wanted, last) for side in SIDES], limit)


def _newest_of(connection: Connection, parts: Sequence[Select[Any]], limit: int, skipped: int = 0) -> list[CallKey]:
    if not parts:
        return []
    if len(parts) > _LISTS_AT_ONCE:
        some = (_newest_of(connection, each, limit + skipped) for each in _batches(parts))
        return sorted({key for keys in some for key in keys}, reverse=True)[skipped : skipped + limit]
    both = union_all(*(select(newest_first(part).limit(limit + skipped).subquery()) for part in parts)).subquery()
    chosen = newest_first(select(both.c.started, both.c.seq).distinct())
    return [CallKey(*row) for row in connection.execute(chosen.limit(limit).offset(skipped))]


def _count(connection: Connection, wanted: CallFilter, leader: plan.Plan) -> tuple[int, bool]:
    """Count the matching calls among the first COUNTED of the leading filter; and tell whether it has more.

    Whether a client was called back is asked of fewer: of each such call, that is two more searches and its row.
    """
    most = COUNTED // _COSTLY if wanted.no_callback else COUNTED
    period = CallFilter(wanted.since, wanted.until)
    if leader in {"circle", "unreached"}:
        parts = _lists(wanted, period, leader, None)
        wanted = _without(plan.circle_of(wanted), wanted) if leader == "circle" else wanted
    elif wanted.spans is not None and leader != "agent":
        parts = [calls_of_side(side, wanted.spans, period, None) for side in SIDES if wanted.spans]
    else:
        always = wanted.talk and not wanted.since and not wanted.until
        parts = [plan.alone("talk_seconds" if leader == "started" and always else leader, wanted)]
    if not parts:
        return 0, False
    looked_at = [part.with_only_columns(_if_meant(wanted, part)) for part in parts]
    if len(parts) > _LISTS_AT_ONCE:
        return _count_in_batches(connection, looked_at, most)
    some = (union_all(*looked_at) if len(parts) > 1 else looked_at[0]).limit(most + 1)
    key = some.subquery().c.found
    counted = select(func.count(), func.count(key.distinct() if len(parts) > 1 else key)).select_from(key.table)
    seen, hits = connection.execute(counted).one()
    return min(hits, most), seen > most


def _count_in_batches(connection: Connection, looked_at: Sequence[Select[Any]], most: int) -> tuple[int, bool]:
    seen, hits = 0, set[int]()
    for some in _batches(looked_at):
        found = union_all(*some).limit(most + 1 - seen).subquery()
        keys = list(connection.execute(select(found.c.found)).scalars())
        seen += len(keys)
        hits |= {key for key in keys if key is not None}
        if seen > most:
            break
    return min(len(hits), most), seen > most


def _batches(parts: Sequence[Select[Any]]) -> Iterator[Sequence[Select[Any]]]:
    return (parts[place : place + _LISTS_AT_ONCE] for place in range(0, len(parts), _LISTS_AT_ONCE))


def _if_meant(wanted: CallFilter, part: Select[Any]) -> ColumnElement[Any]:
    """Select a call's key if the whole filter means it. `part`: a list of calls, or of an employee's calls."""
    if call_agents in part.get_final_froms():
        key = call_agents.c.call_seq
        needed = [*conditions(call_agents, "call_seq", wanted, None), *has_number(wanted)]
        needed += is_seen(call_agents.c.started, key, call_agents.c.queue, wanted)
    else:
        key, needed = calls.c.seq, [*conditions(calls, "seq", wanted, None), *took_part(calls, wanted)]
        needed += is_seen(calls.c.started, key, calls.c.queue, wanted)
    needed += not_called_back(key, wanted)
    return (case((and_(*needed), key)) if needed else key).label("found")
