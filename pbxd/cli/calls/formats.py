"""A call in words: the columns of a list and the lines of a card."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pbxd.calls.record import PARTS
from pbxd.cli.output import length, print_table
from pbxd.exchange.call_columns import direction_name, outcome_name, time_text
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
        time_text(call["started"]),
        direction_name(call["direction"]),
        party(call["caller"]),
        party(call["callee"]),
        call["queue"] or "",
        outcome_name(call["outcome"]),
        length(call["wait_seconds"] + call["ring_seconds"]),
        length(call["talk_seconds"]),
        call["id"],
    ]


def part_names() -> dict[str, str]:
    """Return what the parts of a call's time are called."""
    return {
        "menu": _("Menu"),
        "wait": _("Wait"),
        "ring": _("Ring"),
        "talk": _("Talk"),
        "hold": _("Hold"),
        "voicemail": _("Voicemail"),
    }


def print_last_calls(found: Iterable[Call]) -> None:
    """Print the last calls with somebody, if there are any."""
    rows = [cells(call) for call in found]
    if rows:
        print_table(heads(), rows)


def lines(call: Call) -> Iterable[tuple[str, str]]:
    """Yield what is known of a call, by name."""
    yield _("Id"), call["id"]
    yield _("Direction"), direction_name(call["direction"])
    yield _("Origin"), _origin(call["origin"])
    yield _("Caller"), party(call["caller"])
    yield _("Callee"), party(call["callee"])
    yield _("Queues"), ", ".join(call["queues"])
    yield _("Started"), time_text(call["started"])
    yield _("Answered"), time_text(call["answered"])
    yield _("Ended"), time_text(call["ended"])
    yield _("Answered by"), ", ".join(call["answered_by"])
    for agent in call["agents"]:
        times = _("rang {ring}, talked {talk}").format(
            ring=length(agent["ring_seconds"]), talk=length(agent["talk_seconds"])
        )
        yield _("Employee {extension}").format(extension=agent["extension"]), times
    for recording in call["recordings"]:
        yield _("Recording"), recording
    yield _("Outcome"), outcome_name(call["outcome"])
    yield _("Cause"), str(call["cause"] or "")
    names = part_names()
    for part in PARTS:
        if call[f"{part}_seconds"]:
            yield names[part], length(call[f"{part}_seconds"])
    for other in call["joined"]:
        yield _("Joined with"), other
    for gap in call["gaps"]:
        yield _("Gap"), f"{time_text(gap['from'])} – {time_text(gap['to'])}"


def _origin(origin: str) -> str:
    return {
        "dialled": _("dialled by hand"),
        "click-to-call": _("made by click-to-call"),
        "originated": _("made by another program"),
    }.get(origin, origin)


def fact_name(name: str) -> str:
    """Return what a fact of a call is called, in the reader's language."""
    return {
        "started": _("Started"),
        "answered": _("Answered"),
        "ended": _("Ended"),
        "direction": _("Direction"),
        "caller": _("Caller"),
        "callee": _("Callee"),
        "queues": _("Queues"),
        "answered_by": _("Answered by"),
        "outcome": _("Outcome"),
    }.get(name, name)


def fact_text(name: str, value: str | None) -> str:
    """Write a fact of a call for people."""
    if not value:
        return ""
    if name in {"started", "answered", "ended"}:
        return time_text(value)
    if name == "direction":
        return direction_name(value)
    if name == "outcome":
        return outcome_name(value)
    return display(value) if value.startswith("+") else value


def party(side: dict[str, Any]) -> str:
    """Return who that side is: name, company and number."""
    number = side["number"] or ""
    shown = side["extension"] or (display(number) if number.startswith("+") else number)
    if not side["name"]:
        return shown
    company = side["company"]
    name = f"{side['name']}, {company}" if company and company not in side["name"] else side["name"]
    return f"{name} {shown}".rstrip()
