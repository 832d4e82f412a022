"""What Asterisk's own journal (CEL) says of calls, and what is wrong with a history beside it.

Nothing here knows pbxd's tracker: a call is the rows of one linkedid. Calls are simple, nobody transfers anything, so
that a linkedid stays what it is. Whatever an outage touched must carry it as a gap. Without back-fill a call may be
absent when it began and ended within an outage that is told, and may end as late as that. With it every call of CEL is
there, with its own end and outcome, whatever happened.

CEL is written a moment late, so that whoever judges asks again until nothing is wrong. Of an Asterisk that is killed it
lacks the ends of all calls, which count as dead from then on, and may lack calls that AMI told of in the last moment.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.faults.history import Call, epoch, sums_up
from tests.lab.cel import CelRow

SLACK = 0.1  # seconds: CEL and channel events come from different threads
LED = 1.0  # how long before the moment of silence an outage is told to begin: what came then may have been heard
DYING = 2.0  # within it Asterisk is killed, and not up again
UNWRITTEN = 2.0  # what of CEL a killed Asterisk may not have written yet, though AMI told it
BACK = 1.0  # before an outage's end the link is back, and whole calls are heard
LATE = 1.5  # how far the end of an undisturbed call may be from CEL's: AMI stamps an event when it gets round to it
_WITHIN = {"pbxd": {"pbxd"}, "asterisk": {"restart", "link"}, "reset": {"link"}, "silent": {"link"}}

Outages = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Told:
    """A call as CEL tells it, epoch seconds; `ended` is infinite where CEL has no end."""

    linkedid: str
    number: str
    began: float
    ended: float
    answered: bool
    died: bool = False

    def touches(self, since: float, until: float) -> bool:
        """Tell whether a part of the call that matters lies between the two."""
        return self.began < until - BACK and self.ended > since + LED + SLACK and not self.died

    def within(self, since: float, until: float) -> bool:
        """Tell whether nobody can know of the call who heard nothing between the two."""
        return self.began >= since - SLACK and self.began <= until and (self.died or self.ended <= until + SLACK)


@dataclass(frozen=True)
class Fault:
    """What was done, and when."""

    kind: str
    at: float


def told_by(rows: Iterable[CelRow]) -> dict[str, Told]:
    """Return the calls of a journal, by linkedid; what the PBX does with itself (the guard's trials) is no call."""
    calls: dict[str, list[CelRow]] = defaultdict(list)
    for row in rows:
        calls[row.linkedid].append(row)
    return {
        linkedid: _told(linkedid, sorted(rows, key=lambda row: row.eventtime))
        for linkedid, rows in calls.items()
        if not all(row.channame.startswith("Local/") for row in rows)
    }


def _with_its_death(call: Told, crashes: list[float]) -> Told:
    """Return a call that has no end in the journal with that of the crash after its beginning, if there was one."""
    ends = [at for at in crashes if call.began <= at + DYING]
    return replace(call, ended=min(ends) + DYING, died=True) if call.ended == math.inf and ends else call


def _told(linkedid: str, rows: list[CelRow]) -> Told:
    first = next(row for row in rows if row.eventtype == "CHAN_START")
    over = any(row.eventtype == "LINKEDID_END" for row in rows)
    bridged = {row.channame for row in rows if row.eventtype == "BRIDGE_ENTER"}
    ended = max(row.eventtime for row in rows) if over else math.inf
    return Told(linkedid, f"+7{first.cid_num[1:]}", first.eventtime, ended, len(bridged) > 1)


def complaints(
    journal: Mapping[str, Told], history: Sequence[Call], outages: Outages, faults: Sequence[Fault], *, filled: bool
) -> list[str]:
    """Return what is wrong with a history, one line each; nothing when it is what it should be.

    `filled`: by the rule for one that is filled from CEL.
    """
    crashes = [fault.at for fault in faults if fault.kind == "asterisk"]
    told = {linkedid: _with_its_death(call, crashes) for linkedid, call in journal.items()}
    spans = [(epoch(each["from"]), epoch(each["to"])) for each in outages]
    found = [f"{linkedid} twice" for linkedid, n in Counter(call["linkedid"] for call in history).items() if n > 1]
    recorded = {call["linkedid"]: call for call in history}
    found += [
        f"{linkedid} invented"
        for linkedid, call in recorded.items()
        if linkedid not in told and not any(-DYING < at - epoch(call["started"]) < UNWRITTEN for at in crashes)
    ]
    for linkedid, call in told.items():
        if linkedid in recorded:
            found += [f"{linkedid} {wrong}" for wrong in _wrong(call, recorded[linkedid], spans, filled=filled)]
        elif filled or not any(call.within(*span) for span in spans):
            found.append(f"{linkedid} of {call.began:.3f} to {call.ended:.3f} lost")
    return found + [f"{fault} untold" for fault in faults if not _is_told(fault, outages)]


def _is_told(fault: Fault, outages: Outages) -> bool:
    return any(
        each["why"] in _WITHIN[fault.kind] and epoch(each["from"]) <= fault.at + LATE and epoch(each["to"]) >= fault.at
        for each in outages
    )


def _wrong(told: Told, call: Call, spans: list[tuple[float, float]], *, filled: bool) -> Iterator[str]:
    if call["caller"]["number"] != told.number:
        yield f"is of {call['caller']['number']}, not {told.number}"
    if call["ended"] is None:
        yield "never ends"
        return
    if not sums_up(call):
        yield f"has parts that don't sum up: {call}"
    near = [until for since, until in spans if since - SLACK <= told.ended and until + SLACK >= told.began]
    yield from _wrong_gaps(told, call, [span for span in spans if told.touches(*span)], near)
    if filled and any(gap["filled"] != "cel" for gap in call["gaps"]):
        yield f"has gaps that aren't filled: {call['gaps']}"
    if not told.died:
        yield from _wrong_facts(told, call, [] if filled else near)


def _wrong_gaps(told: Told, call: Call, touching: list[tuple[float, float]], near: list[float]) -> Iterator[str]:
    gaps = [(epoch(gap["from"]), epoch(gap["to"])) for gap in call["gaps"] if gap["to"]]
    for since, until in touching:
        if not any(begin <= until and end >= since for begin, end in gaps):
            yield f"of {told.began:.3f} to {told.ended:.3f} has no gap for {since:.3f} to {until:.3f}: {gaps}"
    if call["gaps"] and not near:
        yield f"has gaps without an outage: {call['gaps']}"


def _wrong_facts(told: Told, call: Call, near: list[float]) -> Iterator[str]:
    """Judge end and outcome; `near`: the ends of outages that excuse a late end, and an outcome that nobody heard."""
    if not told.ended - LATE <= epoch(call["ended"]) <= max([told.ended, *near]) + LATE:
        yield f"ends at {epoch(call['ended']):.3f}, not {told.ended:.3f}"
    if not near and (call["outcome"] == "answered") != told.answered:
        yield f"is {call['outcome']}, but {'' if told.answered else 'nobody '}talked"
