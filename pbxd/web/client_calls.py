"""Calls with one client, as rows of a table: who of ours spoke, and how it ended. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from pbxd.i18n import local_time
from pbxd.services.calls.call_texts import direction_name, outcome_name

_ICONS: Final = {"incoming": "in", "outgoing": "out"}
_MISSED: Final = {"missed", "abandoned", "no-answer"}


class CallRow(NamedTuple):
    """One call in words."""

    id: str
    icon: str
    started: str
    direction: str
    ours: str
    outcome: str
    missed: bool
    length: str
    number: str  # the client's; empty: hidden
    heard: bool  # there is a recording that the visitor may hear


def rows_of(calls: Iterable[Mapping[str, Any]], heard: Collection[str] = ()) -> list[CallRow]:
    """Return calls in their public form as rows; `heard` are those with a recording that the visitor may hear."""
    return [_row(call, heard) for call in calls]


def _row(call: Mapping[str, Any], heard: Collection[str]) -> CallRow:
    side, client = call["callee"], call["caller"]
    if call["direction"] == "outgoing":
        side, client = client, side
    number = client["number"] or ""
    return CallRow(
        call["id"],
        _ICONS.get(call["direction"], "inside"),
        local_time(datetime.fromisoformat(call["started"])).rpartition(":")[0],  # without seconds
        direction_name(call["direction"]),
        " · ".join(filter(None, (side["name"], side["extension"] or ""))) or (call["queue"] or ""),
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
