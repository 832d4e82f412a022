"""A call in words: the columns of a list and the lines of a card."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pbxd.calls.record import PARTS
from pbxd.cli.output import length, local_time, print_table
from pbxd.i18n import _
from pbxd.numbers import display

Call = dict[str, Any]


def heads() -> list[str]:
    """Return the headings of `cells`."""
    return [
        _("Started"),
        _("Direction"),
        _("Caller"),
        _("Callee"),
        _("Queue"),
        _("Outcome"),
        _("Wait"),
        _("Talk"),
        _("Id"),
    ]


def cells(call: Call) -> list[str]:
    """Return a line of the list."""
    return [
        at(call["started"]),
        direction(call["direction"]),
        party(call["caller"]),
        party(call["callee"]),
        call["queue"] or "",
        outcome(call["outcome"]),
        length(call["wait_seconds"] + call["ring_seconds"]),
        length(call["talk_seconds"]),
        call["id"],
    ]


def print_last_calls(found: Iterable[Call]) -> None:
    """Print the last calls with somebody, if there are any."""
    rows = [cells(call) for call in found]
    if rows:
        print_table(heads(), rows)


def lines(call: Call) -> Iterable[tuple[str, str]]:
    """Yield what is known of a call, by name."""
    yield _("Id"), call["id"]
    yield _("Direction"), direction(call["direction"])
    yield _("Origin"), call["origin"]
    yield _("Caller"), party(call["caller"])
    yield _("Callee"), party(call["callee"])
    yield _("Queues"), ", ".join(call["queues"])
    yield _("Started"), at(call["started"])
    yield _("Answered"), at(call["answered"])
    yield _("Ended"), at(call["ended"])
    yield _("Answered by"), ", ".join(call["answered_by"])
    for agent in call["agents"]:
        times = _("rang {ring}, talked {talk}").format(
            ring=length(agent["ring_seconds"]), talk=length(agent["talk_seconds"])
        )
        yield _("Employee {extension}").format(extension=agent["extension"]), times
    for recording in call["recordings"]:
        yield _("Recording"), recording
    yield _("Outcome"), outcome(call["outcome"])
    yield _("Cause"), str(call["cause"] or "")
    names = {
        "menu": _("Menu"),
        "wait": _("Wait"),
        "ring": _("Ring"),
        "talk": _("Talk"),
        "hold": _("Hold"),
        "voicemail": _("Voicemail"),
    }
    for part in PARTS:
        if call[f"{part}_seconds"]:
            yield names[part], length(call[f"{part}_seconds"])
    for other in call["joined"]:
        yield _("Joined with"), other
    for gap in call["gaps"]:
        yield _("Not heard"), f"{at(gap['from'])} – {at(gap['to'])}"


def party(side: dict[str, Any]) -> str:
    """Return who that side is: name, company and number."""
    number = side["number"] or ""
    shown = side["extension"] or (display(number) if number.startswith("+") else number)
    if not side["name"]:
        return shown
    company = side["company"]
    name = f"{side['name']}, {company}" if company and company not in side["name"] else side["name"]
    return f"{name} {shown}".rstrip()


def direction(name: str) -> str:
    """Return a direction in the user's language."""
    return {"incoming": _("incoming"), "outgoing": _("outgoing"), "internal": _("internal")}[name]


def outcome(name: str | None) -> str:
    """Return an outcome in the user's language."""
    if name is None:
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
    }[name]


def at(instant: str | None) -> str:
    """Return a time of a call's public form as people read it; None is empty."""
    return local_time(datetime.fromisoformat(instant)) if instant else ""
