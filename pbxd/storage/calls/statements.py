"""Statements that select the keys of calls: when each began, and its number here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, select

from pbxd.storage.calls.call_filter import (
    CallFilter,
    CallKey,
    Span,
    conditions,
    has_number,
    in_spans,
    is_seen,
    took_part,
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
    return chosen.where(calls.c.merged_into.is_(None), *needed)


def calls_of_agent(wanted: CallFilter, last: CallKey | None) -> Select[Any]:
    """Select the keys of an employee's calls that the filter means and that are older than `last`."""
    mine = select(call_agents.c.started, call_agents.c.call_seq.label("seq"))
    mine = mine.where(call_agents.c.extension == wanted.agent, *conditions(call_agents, "call_seq", wanted, last))
    seen = is_seen(call_agents.c.started, call_agents.c.call_seq, call_agents.c.queue, wanted)
    return mine.where(*has_number(wanted), *seen)


def calls_of_side(side: str, spans: Sequence[Span], wanted: CallFilter, last: CallKey | None) -> Select[Any]:
    """Select the calls that had one of these numbers, in its time, on one side."""
    return listed(read_by_index(side), wanted, last).where(*in_spans(side, spans))


def newest_first(chosen: Select[Any]) -> Select[Any]:
    """Order by the first two columns, when a call began and its key."""
    started, seq, *_rest = chosen.selected_columns
    return chosen.order_by(started.desc(), seq.desc())
