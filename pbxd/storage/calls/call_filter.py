"""Which calls a request wants, and the conditions on rows that select them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    and_,
    case,
    exists,
    false,
    literal,
    literal_column,
    or_,
    select,
    true,
    tuple_,
)

from pbxd.calls.record import Direction, Outcome
from pbxd.storage.tables import CompactInstant, Key, call_agents, calls

SIDES = ("caller_number", "callee_number")
UNREACHED: tuple[Outcome, ...] = ("missed", "abandoned", "voicemail")  # what a client who didn't reach anybody had


class Span(NamedTuple):
    """The calls of a number (E.164, or as the PBX had it) from one instant until before another; None: no bound."""

    number: str
    since: datetime | None = None
    until: datetime | None = None

    def holds(self, started: datetime) -> bool:
        """Whether a call that began then is one of them."""
        return (self.since is None or started >= self.since) and (self.until is None or started < self.until)


class CallKey(NamedTuple):
    """A call's position among all; newest first is by both fields, descending."""

    started: datetime
    seq: int


class SeenCalls(NamedTuple):
    """The calls that somebody sees: of extensions, each in its time, and of queues."""

    extensions: tuple[Span, ...]
    queues: frozenset[str]

    def has(self, agents: Collection[str], queue: str, started: datetime) -> bool:
        """Whether a call is one of them."""
        return queue in self.queues or any(each.number in agents and each.holds(started) for each in self.extensions)


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls are wanted; an empty field does not restrict."""

    since: datetime | None = None  # calls that began then or later
    until: datetime | None = None  # and before this
    direction: Direction | None = None
    outcome: Outcome | None = None
    agent: str = ""  # extension of an employee who called, was called or talked
    queue: str = ""
    talk: float = 0  # seconds at least
    no_callback: bool = False  # clients who reached nobody, whom nobody called and who reached nobody since
    department: SeenCalls | None = None  # calls of its people and its queues; None: of everybody
    seen: SeenCalls | None = None  # only these; None: all
    spans: tuple[Span, ...] | None = None  # of either side's number, any of them; an empty tuple: no call
    keys: tuple[int, ...] | None = None  # these calls alone


def conditions(table: FromClause, key: str, wanted: CallFilter, last: CallKey | None) -> list[ColumnElement[bool]]:
    """Return the conditions of the filter on a table's facets and time, for calls that are older than `last`."""
    needed = [table.c[name] == value for name in ("direction", "outcome", "queue") if (value := getattr(wanted, name))]
    if wanted.no_callback:
        needed += [table.c.direction == "incoming", table.c.outcome.in_(UNREACHED)]
    if wanted.talk:
        needed += [table.c.talk_seconds >= wanted.talk, table.c.talk_seconds > literal_column("0")]  # the index's
    if wanted.keys is not None:
        needed.append(table.c[key].in_(wanted.keys))
    if last:
        older = tuple_(literal(last.started, CompactInstant()), literal(last.seq, Key))
        needed.append(tuple_(table.c.started, table.c[key]) < older)
    return [*needed, *within(table, wanted.since, wanted.until)]


def within(table: FromClause, since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    """Return the conditions for a call to have begun in that time."""
    bounds = [] if since is None else [table.c.started >= since]
    return bounds if until is None else [*bounds, table.c.started < until]


def in_spans(side: str, spans: Sequence[Span]) -> list[ColumnElement[bool]]:
    """Return the conditions for a call to have had one of these numbers on one side, in its time."""
    if len(spans) == 1:
        return [calls.c[side] == spans[0].number, *within(calls, spans[0].since, spans[0].until)]
    needed: list[ColumnElement[bool]] = [calls.c[side].in_(sorted({span.number for span in spans}))]
    turns: defaultdict[str, list[Span]] = defaultdict(list)
    for span in spans:
        turns[span.number].append(span)
    bound = [each for each in sorted(turns) if any(span.since or span.until for span in turns[each])]
    if bound:  # one CASE: SQLite nests at most a thousand ANDs
        cases = ((calls.c[side] == each, or_(*(_turn(span) for span in turns[each]))) for each in bound)
        needed.append(case(*cases, else_=true()))
    return needed


def _turn(span: Span) -> ColumnElement[bool]:
    return and_(true(), *within(calls, span.since, span.until))


def took_part(found: FromClause, wanted: CallFilter) -> list[ColumnElement[bool]]:
    """Return the conditions for the wanted agent to have taken part in a call."""
    if not wanted.agent:
        return []
    theirs = select(call_agents.c.call_seq).where(
        call_agents.c.extension == wanted.agent,
        call_agents.c.started == found.c.started,
        call_agents.c.call_seq == found.c.seq,
    )
    return [theirs.exists()]


def is_seen(
    started: ColumnElement[Any], key: ColumnElement[Any], queue: ColumnElement[Any], wanted: CallFilter
) -> list[ColumnElement[bool]]:
    """Return the conditions for a call to be one of those that may be seen, and one of the department's."""
    circles = (wanted.seen, wanted.department)
    return [_of_circle(started, key, queue, each, f"of_{place}") for place, each in enumerate(circles) if each]


def _of_circle(
    started: ColumnElement[Any], key: ColumnElement[Any], queue: ColumnElement[Any], circle: SeenCalls, name: str
) -> ColumnElement[bool]:
    part = call_agents.alias(name)
    plain = sorted({each.number for each in circle.extensions if each.since is None and each.until is None})
    others = [each for each in circle.extensions if each.since is not None or each.until is not None]
    turns = (and_(part.c.extension == each.number, *within(part, each.since, each.until)) for each in others)
    theirs = select(part.c.call_seq).where(
        part.c.started == started, part.c.call_seq == key, or_(part.c.extension.in_(plain), *turns)
    )
    return or_(queue.in_(sorted(circle.queues)), theirs.exists())


def not_called_back(key: ColumnElement[Any], wanted: CallFilter) -> list[ColumnElement[bool]]:
    """Return the condition for nobody to have called a call's client since, nor talked with them."""
    if not wanted.no_callback:
        return []
    call, later, again = calls.alias("unreached"), calls.alias("later"), calls.alias("again")
    called = _later(later, later.c.callee_number, call).where(later.c.direction == "outgoing")
    reached = _later(again, again.c.caller_number, call).where(again.c.outcome == "answered")
    number = call.c.caller_number
    alone = select(call.c.seq).where(call.c.seq == key, number.is_not(None), ~called.exists(), ~reached.exists())
    return [alone.exists()]


def _later(table: FromClause, number: ColumnElement[Any], call: FromClause) -> Select[Any]:
    found = select(table.c.seq).where(table.c.merged_into.is_(None), number == call.c.caller_number)
    return found.where(table.c.started > call.c.started)


def has_number(wanted: CallFilter) -> list[ColumnElement[bool]]:
    """Return the condition for one of an agent's calls to be in the spans."""
    if wanted.spans is None:
        return []
    either = or_(false(), *(and_(*in_spans(side, wanted.spans)) for side in SIDES if wanted.spans))
    return [exists().where(calls.c.seq == call_agents.c.call_seq, either)]
