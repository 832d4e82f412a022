"""Calls as rows: the whole record as JSON, and beside it the columns it is found by."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from pbxd.calls.record import CallRecord
from pbxd.storage.feed import News
from pbxd.storage.tables import harmless

_AS_THEY_ARE = frozenset({str, int, float, bool, type(None)})
_LEFT_OUT_OF_NEWS = ("story", "gaps")


def row_of(record: CallRecord) -> dict[str, Any]:
    """Return the values of a call's row."""
    return {
        "id": record.id,
        "pbx": record.pbx,
        "linkedid": record.linkedid,
        "direction": record.direction,
        "origin": record.origin,
        "outcome": record.outcome,
        "started": record.started,
        "answered": record.answered,
        "ended": record.ended,
        "caller_number": record.caller.number,
        "caller_extension": record.caller.extension,
        "caller_contact": record.caller.contact,
        "callee_number": record.callee.number,
        "callee_extension": record.callee.extension,
        "callee_contact": record.callee.contact,
        "queue": record.queue,
        "talk_seconds": record.seconds["talk"],
        "merged_into": record.merged_into,
        "record": _plain(record),
    }


def record_of(kept: dict[str, Any]) -> CallRecord:
    """Return the record as it was kept, exactly; fields it didn't have yet when it was kept get their defaults."""
    return _records().validate_python(kept)


def agents_of(record: CallRecord) -> set[str]:
    """Return the extensions of all employees that took part."""
    people = {record.caller.extension, record.callee.extension}
    people |= {person for person in record.answered_by if not person.startswith("+")}
    return {harmless(person) for person in people if person}


def news_of(record: CallRecord, before: Milestones | None) -> Iterable[News]:
    """Tell what is new about a call, given how far it was when last kept (None: not known at all)."""
    known = before or (False, False, None)
    if record.merged_into:
        if record.merged_into != known[2]:
            yield News("call.merged", record.id, {"into": record.merged_into})
        return
    data = {key: value for key, value in record.to_json().items() if key not in _LEFT_OUT_OF_NEWS}
    if before is None:
        yield News("call.ringing", record.id, data)
    if record.answered and not known[0]:
        yield News("call.answered", record.id, data)
    if record.ended and not known[1]:
        yield News("call.ended", record.id, data)


def past_news(record: CallRecord, kind: str) -> News:
    """Tell of a call that was found, or corrected, long after it happened."""
    return News(kind, record.id, {key: part for key, part in record.to_json().items() if key not in _LEFT_OUT_OF_NEWS})


Milestones = tuple[bool, bool, str | None]  # answered, ended, merged into


@cache
def _records() -> TypeAdapter[CallRecord]:
    return TypeAdapter(CallRecord)


def _plain(value: Any) -> Any:  # noqa: ANN401 - any part of a record
    """Write a record as JSON's types: times as ISO 8601 with their full precision.

    `dataclasses.asdict` does the same with deep copies, ten times as slow: this is what recording a call costs most.
    """
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if kind is datetime:
        return value.isoformat()
    if kind is dict:
        return {key: _plain(part) for key, part in value.items()}
    if kind is list:
        return [_plain(part) for part in value]
    return {name: _plain(getattr(value, name)) for name in kind.__slots__}
