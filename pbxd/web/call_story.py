"""The story of a call as a person would tell it: a line a step, with how long what lasted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pbxd.i18n import _
from pbxd.numbers import display
from pbxd.services.calls.call_people import CallPeople

Call = Mapping[str, Any]
Step = Mapping[str, Any]
_TOGETHER_SECONDS: Final = 2  # phones that begin to ring within that time are told of in one line
_WAIT_ENDS: Final = {"answered", "left-queue", "queued", "ended", "voicemail", "left"}
# What goes without saying: the phones of those who did not answer stop ringing, and a hold is told of with its length.
_UNTOLD: Final = {"cancelled", "resumed", "left-queue", "recorded"}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the story."""

    clock: str
    text: str
    gap: bool = False


def lines_of(call: Call, people: CallPeople) -> list[Line]:
    """Tell a call from its beginning to its end, with the times in which the PBX was not heard."""
    names = _names(call, people)
    told = [(step["at"], Line(_clock(step["at"]), text)) for step, text in _told(call, names) if text]
    told += [(gap["from"], Line(_clock(gap["from"]), _gap_text(gap), gap=True)) for gap in call["gaps"]]
    lines = [line for _at, line in sorted(told, key=lambda each: str(each[0]))]
    # Who transfers a call after a consultation leaves with two legs.
    return [line for place, line in enumerate(lines) if not place or line != lines[place - 1]]


def duration_text(seconds: float) -> str:
    """Write a duration in words."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return _("{hours} h {minutes} min").format(hours=hours, minutes=minutes)
    if minutes:
        return _("{minutes} min {seconds} s").format(minutes=minutes, seconds=rest)
    return _("{seconds} s").format(seconds=rest)


def _names(call: Call, people: CallPeople) -> dict[str, str]:
    """Return how those are called whom the story names, by number and extension."""
    named = dict(people.employees.get(call["id"], {}))
    for party in (call["caller"], call["callee"]):
        if party["name"] and party["number"] and not party["extension"]:
            named[party["number"]] = f"{party['name']} ({display(party['number'])})"
    return named


def _told(call: Call, names: Mapping[str, str]) -> list[tuple[Step, str]]:
    steps: list[Step] = call["story"]
    told: list[tuple[Step, str]] = []
    for place, step in enumerate(steps):
        who, detail = _shown(step["who"], names), _shown(step["detail"], names)
        text = ""
        if step["what"] == "rang":
            if not (place and _rings_with(steps[place - 1], step)):
                text = _ringing(steps[place:], names)
        elif step["what"] == "queued":
            text = _waiting(call, steps, place, who or _("The caller"), detail)
        elif step["what"] == "held":
            text = _held(call, steps, place, who)
        elif step["what"] not in _UNTOLD:
            text = _sentence(call, step, who, detail)
        times = f" (×{step['times']})" if text and step.get("times", 1) > 1 else ""
        told.append((step, text + times))
        if step["what"] == "called" and not place and call["menu_seconds"] >= 1 and call["direction"] == "incoming":
            length = duration_text(call["menu_seconds"])
            told.append((step, _("The caller listens to the menu for {length}").format(length=length)))
    return told


def _rings_with(before: Step, step: Step) -> bool:
    return before["what"] == "rang" and _seconds(before, step) <= _TOGETHER_SECONDS


def _ringing(steps: Sequence[Step], names: Mapping[str, str]) -> str:
    ringing = [steps[0]]
    for step in steps[1:]:
        if not _rings_with(ringing[-1], step):
            break
        ringing.append(step)
    phones = list(dict.fromkeys(_shown(each["who"], names) for each in ringing))
    rest = steps[len(ringing) :]
    length = duration_text(_seconds(ringing[0], rest[0])) if rest else ""
    text = _("The phone rings: {who}") if len(phones) == 1 else _("The phones ring: {who}")
    told = text.format(who=", ".join(phones))
    return f"{told}, {length}" if rest and _seconds(ringing[0], rest[0]) >= 1 else told


def _waiting(call: Call, steps: Sequence[Step], place: int, who: str, queue: str) -> str:
    end = next((each["at"] for each in steps[place + 1 :] if each["what"] in _WAIT_ENDS), call["ended"])
    if end is None:
        return _("{who} waits in the queue {queue}").format(who=who, queue=queue)
    length = duration_text(_between(steps[place]["at"], end))
    return _("{who} waits in the queue {queue} for {length}").format(who=who, queue=queue, length=length)


def _held(call: Call, steps: Sequence[Step], place: int, who: str) -> str:
    later = (each["at"] for each in steps[place + 1 :] if each["what"] in {"resumed", "ended"})
    end = next(later, call["ended"])
    if end is None:
        return _("{who} puts the call on hold").format(who=who)
    length = duration_text(_between(steps[place]["at"], end))
    return _("{who} puts the call on hold for {length}").format(who=who, length=length)


def _sentence(call: Call, step: Step, who: str, detail: str) -> str:
    what = step["what"]
    called_name = detail != _shown(step["detail"], {})  # Russian calls "at" a number, but not "at" a person
    if what == "called" and detail and (call["direction"] != "incoming" or called_name):
        return _("{who} calls: {detail}").format(who=who, detail=detail)
    if what == "ended":
        return _end(step, who)
    if what == "called" and not detail:
        what = "called nobody"
    sentences = {
        "called": _("{who} calls {detail}"),
        "called nobody": _("{who} calls"),
        "dialled": _("Dialled: {who}"),
        "moved": _("The caller is moved to the front of the queue {detail}"),
        "answered": _("Answers: {who}"),
        "conference": _("{who} enters the conference"),
        "met": _("{who} is in the conference"),
        "blind-transfer": _("{who} transfers the call to: {detail}"),
        "attended-transfer": _("{who} asks first, then transfers the call to: {detail}"),
        "parked": _("{who} parks the call at {detail}"),
        "unparked": _("The parked call is taken by {who}"),
        "parking-timed-out": _("Nobody takes the parked call in time"),
        "picked-up": _("{who} picks up the call that rings at: {detail}"),
        "voicemail": _("The voicemail answers: {detail}"),
        "forwarded": _("The phone forwards the call: {who} → {detail}"),
        "busy": _("Busy: {who}"),
        "rejected": _("Declined by {who}"),
        "no-answer": _("No answer: {who}"),
        "unreachable": _("Not reached: {who}"),
        "left": _("{who} leaves the call"),
    }
    return sentences.get(what, "{what} {who} {detail}").format(what=what, who=who, detail=detail).strip()


def _end(step: Step, who: str) -> str:
    if step["detail"] == "unheard":
        return _("The call is over; when it ended is unknown")
    return _("{who} hangs up").format(who=who) if who else _("The PBX ends the call")


def _gap_text(gap: Mapping[str, Any]) -> str:
    if gap["to"] is None:
        return _("From here on the PBX is not heard")
    told = _("Until {time} the PBX was not heard").format(time=_clock(gap["to"]))
    if gap["filled"]:
        filled = _("filled from {source}").format(source=gap["filled"].upper())
        return f"{told}; {filled}"
    perhaps = _("something may be missing here")
    return f"{told}; {perhaps}"


def _shown(text: str | None, names: Mapping[str, str]) -> str:
    if not text:
        return ""
    return names.get(text) or (display(text) if text.startswith("+") else text)


def _seconds(step: Step, later: Step) -> float:
    return _between(step["at"], later["at"])


def _between(since: str, until: str) -> float:
    return max((datetime.fromisoformat(until) - datetime.fromisoformat(since)).total_seconds(), 0.0)


def _clock(instant: str) -> str:
    return f"{datetime.fromisoformat(instant).astimezone():%H:%M:%S}"
