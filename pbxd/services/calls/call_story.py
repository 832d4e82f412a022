"""A call's story, told in sentences; the record itself keeps codes, which are the same in every language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pbxd.i18n import _
from pbxd.numbers import display

Call = Mapping[str, Any]


def sentence(step: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Tell one step of a story; `names` are the people of the call, as `people` returns them."""
    told = _told(step["what"], ended_by_somebody=bool(step["who"]))
    if (step["what"], step["detail"]) == ("ended", "unheard"):
        told = _("the call is over; when it ended is unknown")
    elif (step["what"], step["who"]) == ("moved", None):
        told = _("the caller was moved to the front of the queue {detail}")
    elif (step["what"], step["detail"]) == ("called", None):
        told = _("{who} called")
    elif (step["what"], step["detail"]) == ("forwarded", None):
        told = _("the call of {who} was forwarded to another number")
    said = told.format(
        what=step["what"], who=_person(step["who"], names), detail=_person(step["detail"], names) or "?"
    ).strip()
    return f"{said} (×{step['times']})" if step.get("times", 1) > 1 else said


def people(call: Call) -> dict[str, str]:
    """Return how those are called whom the record names, by number and extension."""
    named = {}
    for party in (call["caller"], call["callee"]):
        name = party.get("name")
        for number in (party["number"], party["extension"]):
            if name and number:
                named[number] = f"{name} ({_shown(number)})"
    return named


def _person(text: str | None, names: Mapping[str, str]) -> str:
    return names.get(text, _shown(text)) if text else ""


def _shown(number: str) -> str:
    return display(number) if number.startswith("+") else number


def _told(what: str, *, ended_by_somebody: bool) -> str:
    """Return the sentence of a code, with places for `who` and `detail`; an unknown code stands for itself."""
    sentences = {
        "called": _("{who} called {detail}"),
        "rang": _("the phone of {who} rang"),
        "dialled": _("dialled {who}"),
        "queued": _("{who} joined the queue {detail}"),
        "left-queue": _("{who} left the queue {detail}"),
        "moved": _("{who} moved the caller to the front of the queue {detail}"),
        "answered": _("{who} answered"),
        "conference": _("{who} entered the conference"),
        "met": _("{who} was in the conference"),
        "held": _("{who} put the call on hold"),
        "resumed": _("{who} took the call off hold"),
        "blind-transfer": _("{who} transferred the call to {detail}"),
        "attended-transfer": _("{who} transferred the call to {detail} after talking to them"),
        "parked": _("{who} parked the call at {detail}"),
        "unparked": _("{who} took the parked call"),
        "parking-timed-out": _("nobody took the parked call in time"),
        "picked-up": _("{who} picked up the call ringing at {detail}"),
        "voicemail": _("the voicemail of {detail} answered"),
        "recorded": _("recorded: {detail}"),
        "forwarded": _("the phone of {who} forwarded the call to {detail}"),
        "busy": _("{who} was busy"),
        "rejected": _("{who} declined"),
        "no-answer": _("{who} did not answer"),
        "cancelled": _("the phone of {who} stopped ringing"),
        "unreachable": _("{who} could not be reached"),
        "left": _("{who} left"),
        "ended": _("{who} hung up") if ended_by_somebody else _("the PBX ended the call"),
    }
    return sentences.get(what, "{what} {who} {detail}")
