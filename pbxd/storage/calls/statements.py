"""Statements that select the keys of calls: when each began, and its number here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Select, select

from pbxd.storage.calls.call_filter import (
    CallFilter,
    CallKey,
    SeenCalls,
    Span,
    conditions,
    has_number,
    in_spans,
    is_seen,
    not_called_back,
    took_part,
    within,
)
from pbxd.storage.index_hints import read_by
from pbxd.storage.tables import call_agents, calls


def read_by_index(name: str) -> Select[Any]:
    """Select the keys of calls by the index of a column."""
    return read_by(select(calls.c.started, calls.c.seq), calls, f"ix_calls_{name}")


def listed(chosen: Select[Any], wanted: CallFilter, last: CallKey | None) -> Select[Any]:
    """Keep those that the filter means, that are older than `last` and that are part of no other call."""
    needed = [*conditions(calls, "seq", wanted, last), *took_part(calls, wanted)]
    needed += is_seen(calls.c.started, calls.c.seq, calls.c.queue, wanted)
    needed += not_called_back(calls.c.seq, wanted)
    return chosen.where(calls.c.merged_into.is_(None), *needed)


def calls_of_agent(wanted: CallFilter, last: CallKey | None) -> Select[Any]:
    """Select the keys of an employee's calls that the filter means and that are older than `last`."""
    return _calls_of_extension(Span(wanted.agent), wanted, last)


def calls_of_circle(circle: SeenCalls, wanted: CallFilter, last: CallKey | None) -> list[Select[Any]]:
    """Select the keys of the calls of people and queues, one after another: some calls are of several."""
    queues = [queue for queue in sorted(circle.queues) if wanted.queue in {"", queue}]
    return [
        *(_calls_of_extension(each, wanted, last) for each in circle.extensions),
        *(listed(read_by_index("queue"), replace(wanted, queue=queue), last) for queue in queues),
    ]


def _calls_of_extension(held: Span, wanted: CallFilter, last: CallKey | None) -> Select[Any]:
    mine = select(call_agents.c.started, call_agents.c.call_seq.label("seq"))
    mine = mine.where(call_agents.c.extension == held.number, *within(call_agents, held.since, held.until))
    mine = mine.where(*conditions(call_agents, "call_seq", wanted, last), *has_number(wanted))
    seen = is_seen(call_agents.c.started, call_agents.c.call_seq, call_agents.c.queue, wanted)
    return mine.where(*seen, *not_called_back(call_agents.c.call_seq, wanted))


def calls_of_side(side: str, spans: Sequence[Span], wanted: CallFilter, last: CallKey | None) -> Select[Any]:
    """Select the calls that had one of these numbers, in its time, on one side."""
    return listed(read_by_index(side), wanted, last).where(*in_spans(side, spans))


def newest_first(chosen: Select[Any]) -> Select[Any]:
    """Order by the first two columns, when a call began and its key."""
    started, seq, *_rest = chosen.selected_columns
    return chosen.order_by(started.desc(), seq.desc())
