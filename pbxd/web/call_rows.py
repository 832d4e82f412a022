"""Calls and gaps as the rows of a page."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

from pbxd.i18n import _, local_day
from pbxd.numbers import display
from pbxd.services.calls.call_people import CallPeople
from pbxd.services.calls.call_texts import direction_name, outcome_name
from pbxd.services.calls.gap_texts import calls_and_gaps, filled_text, why_text

Call = Mapping[str, Any]
_UNREACHED = {"missed", "abandoned", "voicemail"}
_ICONS = {"incoming": "in", "outgoing": "out", "internal": "inside"}


@dataclass(frozen=True, slots=True)
class Client:
    """The other side of a call: a number, and whose it is as far as that is known."""

    number: str
    name: str
    company: str
    contact: int = 0  # that the visitor may open; 0: none
    vip: bool = False
    favourite: bool = False

    @property
    def shown(self) -> str:
        """The name, else the number."""
        return self.name or display(self.number) or _("hidden number")

    @property
    def may_be_called(self) -> bool:
        """Whether there is a number to call."""
        return self.number.lstrip("+").isdigit()


@dataclass(frozen=True, slots=True)
class CallRow:
    """A call as a row."""

    id: str
    started: datetime
    direction: str
    icon: str
    client: Client | None  # None: the call was among ourselves
    employees: str
    queue: str
    outcome: str
    unreached: bool
    running: bool
    length: str
    colleagues: Sequence[str] = ()  # of a call among ourselves: the extensions of both sides

    @property
    def clock(self) -> str:
        """When the call began, on its day."""
        return clock(self.started)


@dataclass(frozen=True, slots=True)
class GapRow:
    """A time in which the PBX was not heard, as a row."""

    started: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Day:
    """The rows of a day."""

    name: str
    rows: Sequence[CallRow | GapRow]


def days_of(
    calls: Sequence[Call], gaps: Sequence[dict[str, Any]], people: CallPeople, favourites: Collection[int]
) -> list[Day]:
    """Return a page of the history, newest first, by days."""
    rows = _rows(calls, gaps, people, favourites)
    return [Day(day_name(day), list(some)) for day, some in groupby(rows, lambda row: row.started.date())]


def _rows(
    calls: Sequence[Call], gaps: Sequence[dict[str, Any]], people: CallPeople, favourites: Collection[int]
) -> Iterator[CallRow | GapRow]:
    for call, gap in calls_and_gaps([dict(call) for call in calls], gaps):
        if call:
            yield row_of(call, people, favourites)
        elif gap:
            yield GapRow(local_of(gap["from"]), gap_sentence(gap))


def row_of(call: Call, people: CallPeople, favourites: Collection[int]) -> CallRow:
    """Return a call as a row."""
    outcome = call["outcome"]
    return CallRow(
        call["id"],
        local_of(call["started"]),
        direction_name(call["direction"]),
        _ICONS[call["direction"]],
        client_of(call, people, favourites),
        ", ".join(employees_of(call, people)),
        call["queue"] or "",
        outcome_name(outcome),
        outcome in _UNREACHED,
        call["ended"] is None,
        length_text(call["talk_seconds"]) if call["talk_seconds"] else "",
        _colleagues(call),
    )


def _colleagues(call: Call) -> list[str]:
    sides = [call[side]["extension"] for side in ("caller", "callee")] if call["direction"] == "internal" else []
    return [each for each in sides if each]


def client_of(call: Call, people: CallPeople, favourites: Collection[int]) -> Client | None:
    """Return the other side of a call; None if it is a colleague."""
    if call["direction"] == "internal":
        return None
    party = call["caller" if call["direction"] == "incoming" else "callee"]
    contact = party["contact"] or 0
    card = people.clients.get(contact)
    return Client(
        party["number"] or "",
        party["name"] or "",
        party["company"] or "",
        contact if card else 0,
        vip=card is not None and card.vip,
        favourite=contact in favourites,
    )


def employees_of(call: Call, people: CallPeople) -> list[str]:
    """Return who of ours talked, else who called or was called, else whose phones rang."""
    if call["direction"] == "internal":
        sides = (call["caller"], call["callee"])
        both = [person_text(call, each["extension"] or each["number"] or "", people) for each in sides]
        return [" → ".join(filter(None, both))]
    outside = {call["caller"]["number"], call["callee"]["number"]} if call["direction"] == "outgoing" else set()
    talked = [each for each in call["answered_by"] if not each.startswith("+") and each not in outside]
    ours = call["caller" if call["direction"] == "outgoing" else "callee"]["extension"]
    rang = [each["extension"] for each in call["agents"]]
    found = talked or ([ours] if ours else rang)
    return [person_text(call, each, people) for each in dict.fromkeys(found)]


def person_text(call: Call, extension: str, people: CallPeople) -> str:
    """Return who had an extension at the time of the call, else the extension or number itself."""
    named = people.employees.get(call["id"], {}).get(extension)
    return named or (display(extension) if extension.startswith("+") else extension)


def gap_sentence(gap: Mapping[str, Any]) -> str:
    """Say when the PBX was not heard, why, and whether the calls of that time were found later."""
    since, until = local_of(gap["from"]), local_of(gap["to"])
    begin, end = clock(since), clock(until)
    if since.date() != until.date():
        end = f"{local_day(until)} {end}"
    elif begin == end:
        begin, end = f"{since:%H:%M:%S}", f"{until:%H:%M:%S}"
    told = _("The PBX was not heard from {since} to {until} ({why})").format(
        since=begin, until=end, why=why_text(gap["why"])
    )
    if gap["filled"]:
        return f"{told}; {filled_text(dict(gap))}"
    if gap["calls"] is not None:
        missing = _("calls missing: {count}").format(count=gap["calls"])
        return f"{told}; {missing}"
    perhaps = _("calls of this time may be missing")
    return f"{told}; {perhaps}"


def day_name(day: date) -> str:
    """Name a day: today and yesterday by these words."""
    today = datetime.now().astimezone().date()
    words = {today: _("Today"), today - timedelta(days=1): _("Yesterday")}
    return words.get(day, local_day(day))


def clock(at: datetime) -> str:
    """Write the time of a day."""
    return f"{at:%H:%M}"


def length_text(seconds: float) -> str:
    """Write a duration as M:SS or H:MM:SS."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def local_of(instant: str) -> datetime:
    """Return an instant of a call's public form in local time."""
    return datetime.fromisoformat(instant).astimezone()
