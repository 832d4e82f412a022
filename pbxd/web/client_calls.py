"""Calls with one client, as rows of a table: who of ours spoke, and how it ended. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Final, NamedTuple

from pbxd.i18n import local_time
from pbxd.services.calls.call_people import CallPeople
from pbxd.services.calls.call_texts import direction_name, outcome_name
from pbxd.web.call_rows import Call, employees_of

_ICONS: Final = {"incoming": "in", "outgoing": "out"}
_MISSED: Final = {"missed", "abandoned", "no-answer"}


class CallRow(NamedTuple):
    """One call in words."""

    id: str
    icon: str
    started: str
    direction: str
    ours: str  # who of ours talked, or whose phones rang; the queue if nobody's did
    outcome: str
    missed: bool
    length: str
    number: str  # the client's; empty: hidden
    heard: bool  # there is a recording that the visitor may hear


def rows_of(calls: Iterable[Call], people: CallPeople, heard: Collection[str] = ()) -> list[CallRow]:
    """Return calls in their public form as rows; `heard` are those with a recording that the visitor may hear."""
    return [_row(call, people, heard) for call in calls]


def _row(call: Call, people: CallPeople, heard: Collection[str]) -> CallRow:
    number = call["callee" if call["direction"] == "outgoing" else "caller"]["number"] or ""
    return CallRow(
        call["id"],
        _ICONS.get(call["direction"], "inside"),
        local_time(datetime.fromisoformat(call["started"])).rpartition(":")[0],  # without seconds
        direction_name(call["direction"]),
        ", ".join(employees_of(call, people)) or call["queue"] or "",
        outcome_name(call["outcome"]),
        call["outcome"] in _MISSED,
        _length(call["talk_seconds"]) if call["talk_seconds"] else "",
        number if number.lstrip("+").isdigit() else "",
        call["id"] in heard,
    )


def _length(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
