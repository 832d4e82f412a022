"""Calls as rows: columns by which to find a call, and the rest of its record as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Row

from pbxd.calls.record import PARTS, CallRecord
from pbxd.storage.tables import clean_text

_IN_COLUMNS = {"id", "pbx", "linkedid", "direction", "outcome", "started", "answered", "ended", "merged_into"}


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
    return _agents(record.caller.extension, record.callee.extension, record.callee.number, record.answered_by)


def agents_in(call: Mapping[str, Any]) -> set[str]:
    """Return the same of a call in its public form."""
    caller, callee = call["caller"], call["callee"]
    return _agents(caller["extension"], callee["extension"], callee["number"], call["answered_by"])


def _agents(caller: str | None, callee: str | None, number: str | None, answered_by: Iterable[str]) -> set[str]:
    outside = {None, number} if callee is None else {None}  # 112 may be dialled outside
    answered = {person for person in answered_by if not person.startswith("+") and person not in outside}
    return {clean_text(person) for person in {caller, callee, *answered} if person}


@cache
def _records() -> TypeAdapter[CallRecord]:
    return TypeAdapter(CallRecord)


def _rest(record: CallRecord) -> dict[str, Any]:
    """Return the fields without a column, as JSON types; defaults are left out."""
    kept: dict[str, Any] = _records().dump_python(record, mode="json", exclude_defaults=True, exclude=_IN_COLUMNS)
    if "seconds" in kept:
        kept["seconds"] = {part: seconds for part, seconds in kept["seconds"].items() if seconds}
    return kept
