"""The columns of a table of calls, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pbxd.i18n import _, local_time

_SIDES = ("caller", "callee")
_PARTS = ("wait", "ring", "talk", "hold")


def heads() -> list[str]:
    """Return the headings of `cells`."""
    sides = [
        *(_("Caller"), _("Caller's name"), _("Caller's company"), _("Caller's extension")),
        *(_("Callee"), _("Callee's name"), _("Callee's company"), _("Callee's extension")),
    ]
    after = [_("Queue"), _("Outcome"), _("Answered by"), *_lengths(), _("Id")]
    return [_("Started"), _("Direction"), *sides, *after]


def _lengths() -> list[str]:
    return [_("{length}, s").format(length=text) for text in (_("Wait"), _("Ring"), _("Talk"), _("Hold"))]


def cells(call: Mapping[str, Any]) -> list[str | float]:
    """Return a call in its public form as a row: local times, lengths in whole seconds.

    Excel reads a fraction with a point as a text or as a date where fractions have a comma.
    """
    sides = [call[side][key] or "" for side in _SIDES for key in ("number", "name", "company", "extension")]
    return [
        time_text(call["started"]),
        direction_name(call["direction"]),
        *sides,
        call["queue"] or "",
        outcome_name(call["outcome"]),
        ", ".join(call["answered_by"]),
        *(round(call[f"{part}_seconds"]) for part in _PARTS),
        call["id"],
    ]


def direction_name(direction: str) -> str:
    """Return a direction in the reader's language."""
    return {"incoming": _("incoming"), "outgoing": _("outgoing"), "internal": _("internal")}[direction]


def outcome_name(outcome: str | None) -> str:
    """Return an outcome in the reader's language."""
    if outcome is None:
        return _("in progress")
    return {
        "answered": _("answered"),
        "voicemail": _("voicemail"),
        "abandoned": _("abandoned"),
        "missed": _("missed"),
        "busy": _("busy"),
        "no-answer": _("no answer"),
        "rejected": _("rejected"),
        "failed": _("failed"),
        "cancelled": _("cancelled"),
    }[outcome]


def time_text(instant: str | None) -> str:
    """Return a time of a call's public form as people read it; None is empty."""
    return local_time(datetime.fromisoformat(instant)) if instant else ""
