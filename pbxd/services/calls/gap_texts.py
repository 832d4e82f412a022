"""Gaps among the calls of a list, as texts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pbxd.exchange.call_columns import time_text
from pbxd.i18n import _

Row = dict[str, Any]


def calls_and_gaps(found: Sequence[Row], gaps: Sequence[Row]) -> Iterator[tuple[Row | None, Row | None]]:
    """Yield calls and gaps, newest first by when they began: (call, None) or (None, gap)."""
    rest = list(gaps)
    for call in found:
        while rest and rest[0]["from"] > call["started"]:
            yield None, rest.pop(0)
        yield call, None
    for gap in rest:
        yield None, gap


def gap_text(gap: Row) -> str:
    """Describe a gap: until when, why, and what was filled."""
    parts = [_("until {time}").format(time=time_text(gap["to"])), why_text(gap["why"])]
    if gap["calls"] is not None:
        parts.append(_("calls missing: {count}").format(count=gap["calls"]))
    if gap["filled"]:
        parts.append(filled_text(gap))
    return ", ".join(parts)


def filled_text(gap: Row) -> str:
    """Return how many calls were filled in, and from what; empty where none were."""
    if not gap["filled"]:
        return ""
    return _("filled from {source}: {count}").format(source=gap["filled_from"].upper(), count=gap["filled_calls"])


def why_text(why: str) -> str:
    """Return why calls may be missing."""
    return {
        "link": _("no connection to the PBX"),
        "restart": _("the PBX was down"),
        "pbxd": _("pbxd was not running"),
        "overflow": _("pbxd could not keep up with the PBX's events"),
        "storage": _("the database was unavailable for too long"),
    }[why]
