"""Calls as rows: columns by which to find a call, and the rest of its record as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

from pydantic import TypeAdapter
from sqlalchemy import Row

from pbxd.calls.record import PARTS, CallRecord
from pbxd.storage.engine.feed import News
from pbxd.storage.tables import clean_text

_IN_COLUMNS = {"id", "pbx", "linkedid", "direction", "outcome", "started", "answered", "ended", "merged_into"}


class Milestones(NamedTuple):
    """How far a call was when it was stored."""

    answered: bool
    ended: bool
    into: str | None  # the call into which it was merged
    joined: Sequence[str]


def row_of(record: CallRecord) -> dict[str, Any]:
    """Return the values of a call's row, without its key."""
    return {
        **{name: getattr(record, name) for name in _IN_COLUMNS},
        "caller_number": record.caller.number,
        "callee_number": record.callee.number,
        "queue": record.queue,
        "talk_seconds": record.seconds["talk"],
        "record": _rest(record),
    }


def record_of(row: Row[Any]) -> CallRecord:
    """Return the stored record exactly; a field that was left out because it had its default gets the default."""
    values = row._mapping  # noqa: SLF001 - SQLAlchemy's own name for it, public
    kept = {**row.record, **{name: values[name] for name in _IN_COLUMNS}}
    kept["seconds"] = dict.fromkeys(PARTS, 0.0) | kept.get("seconds", {})
    return _records().validate_python(kept)


def agents_of(record: CallRecord) -> set[str]:
    """Return the extensions of all employees who took part."""
    people = {record.caller.extension, record.callee.extension}
    outside = {None, record.callee.number} if record.callee.extension is None else {None}  # 112 may be dialled outside
    people |= {person for person in record.answered_by if not person.startswith("+") and person not in outside}
    return {clean_text(person) for person in people if person}


def news_of(record: CallRecord, before: Milestones | None) -> Iterable[News]:
    """Return the feed events for a call, given how far it was when it was stored (None: it was not stored).

    The events have no facts of the call: those stand in its row, where they can be erased.
    """
    known = before or Milestones(answered=False, ended=False, into=None, joined=())
    if record.merged_into:
        if record.merged_into != known.into:
            yield News("call.merged", record.id, {"into": record.merged_into})
        return
    if before is None:
        yield News("call.ringing", record.id, {})
    if record.answered and not known.answered:
        yield News("call.answered", record.id, {})
    for other in record.joined:
        if other not in known.joined:
            yield News("call.joined", record.id, {"with": other})
    if record.ended and not known.ended:
        yield News("call.ended", record.id, {})


@cache
def _records() -> TypeAdapter[CallRecord]:
    return TypeAdapter(CallRecord)


def _rest(record: CallRecord) -> dict[str, Any]:
    """Return the fields without a column, as JSON types; defaults are left out."""
    kept: dict[str, Any] = _records().dump_python(record, mode="json", exclude_defaults=True, exclude=_IN_COLUMNS)
    if "seconds" in kept:
        kept["seconds"] = {part: seconds for part, seconds in kept["seconds"].items() if seconds}
    return kept
