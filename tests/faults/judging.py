"""What Asterisk's own journal (CEL) says of calls, and what is wrong with a history beside it.

Nothing here knows pbxd's tracker: a call is the rows of one linkedid. Calls are simple, nobody transfers anything, so
that a linkedid stays what it is. Whatever an outage touched must carry it as a gap. Without back-fill a call may be
absent when it began and ended within an outage that is told, and may end as late as that. With it every call of CEL is
there, with its own end and outcome, whatever happened. An outage ends when pbxd is in step again, which is later than
the link is back: a call that began meanwhile was heard from its beginning and needs no gap.

CEL is written a moment late, so that whoever judges asks again until nothing is wrong. Of an Asterisk that is killed it
lacks the ends of all calls, which count as dead from then on, and may lack calls that AMI told of in the last moment.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from tests.faults.history import Call, epoch, sums_up
from tests.lab.cel import CelRow
from tests.lab.processor import allowance

_WITHIN = {"pbxd": {"pbxd"}, "asterisk": {"restart", "link"}, "reset": {"link"}, "silent": {"link"}}

HistoryGaps = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Allowed:
    """How far the two may be apart, seconds."""

    slack: float = 0.1  # CEL and channel events come from different threads
    led: float = 1.0  # how long before the moment of silence an outage is told to begin: what came then may be heard
    dying: float = 2.0  # within it Asterisk is killed, and not up again
    unwritten: float = 2.0  # what of CEL a killed Asterisk may not have written yet, though AMI told it
    back: float = 0.5  # so long before pbxd says that the link is back Asterisk may have begun to tell
    late: float = 1.5  # the end of an undisturbed call: AMI stamps an event when it gets round to it

    @classmethod
    def when_stalled(cls, seconds: float) -> Self:
        """Return what is allowed when each processor stood still for so long in all: stamps and lines may be late.

        A second at most: with more nothing would be found any more.
        """
        more, base = allowance(seconds), cls()
        stamps = {name: getattr(base, name) + more for name in ("dying", "unwritten", "back", "late")}
        return replace(base, **stamps)


@dataclass(frozen=True)
class Told:
    """A call as CEL tells it, epoch seconds; `ended` is infinite where CEL has no end."""

    linkedid: str
    number: str
    began: float
    ended: float
    answered: bool
    died: bool = False

    def touches(self, silence: Silence, may: Allowed) -> bool:
        """Tell whether a part of the call that matters wasn't heard."""
        begun = self.began < silence.back - may.back
        return begun and self.ended > silence.since + may.led + may.slack and not self.died

    def within(self, since: float, until: float, may: Allowed) -> bool:
        """Tell whether nobody can know of the call who heard nothing between the two."""
        over = self.died or self.ended <= until + may.slack
        return since - may.slack <= self.began <= until and over


@dataclass(frozen=True)
class Silence:
    """An outage that is told, epoch seconds: the link was `back` before pbxd was in step."""

    since: float
    back: float
    until: float


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


def _with_its_death(call: Told, crashes: list[float], dying: float) -> Told:
    """Return a call that has no end in the journal with that of the crash after its beginning, if there was one."""
    ends = [at for at in crashes if call.began <= at + dying]
    return replace(call, ended=min(ends) + dying, died=True) if call.ended == math.inf and ends else call


def _told(linkedid: str, rows: list[CelRow]) -> Told:
    first = next(row for row in rows if row.eventtype == "CHAN_START")
    over = any(row.eventtype == "LINKEDID_END" for row in rows)
    bridged = {row.channame for row in rows if row.eventtype == "BRIDGE_ENTER"}
    ended = max(row.eventtime for row in rows) if over else math.inf
    return Told(linkedid, f"+7{first.cid_num[1:]}", first.eventtime, ended, len(bridged) > 1)


def complaints(
    journal: Mapping[str, Told],
    history: Sequence[Call],
    outages: HistoryGaps,
    faults: Sequence[Fault],
    *,
    links: Sequence[float] = (),
    frozen: Sequence[tuple[float, float]] = (),
    filled: bool,
    may: Allowed = Allowed(),
) -> list[str]:
    """Return what is wrong with a history, one line each; nothing when it is what it should be.

    `links`: when pbxd said that it is connected. `frozen`: times in which the machine stood still for so long that the
    gaps, ends and outcomes of calls begun in them say nothing. `filled`: by the rule for one that is filled from CEL.
    `may`: what the machine is allowed.
    """
    crashes = [fault.at for fault in faults if fault.kind == "asterisk"]
    told = {linkedid: _with_its_death(call, crashes, may.dying) for linkedid, call in journal.items()}
    spans = [_silence(epoch(each["from"]), epoch(each["to"]), links) for each in outages]
    found = [f"{linkedid} twice" for linkedid, n in Counter(call["linkedid"] for call in history).items() if n > 1]
    recorded = {call["linkedid"]: call for call in history}
    found += [
        f"{linkedid} invented"
        for linkedid, call in recorded.items()
        if linkedid not in told and not any(-may.dying < at - epoch(call["started"]) < may.unwritten for at in crashes)
    ]
    for linkedid, call in told.items():
        if linkedid in recorded:
            timed = not any(since <= call.began <= until for since, until in frozen)
            found += [f"{linkedid} {wrong}" for wrong in _wrong(call, recorded[linkedid])]
            found += [f"{linkedid} {wrong}" for wrong in _late(call, recorded[linkedid], spans, filled, may) if timed]
        elif filled or not any(call.within(span.since, span.until, may) for span in spans):
            found.append(f"{linkedid} of {call.began:.3f} to {call.ended:.3f} lost")
    return found + [f"{fault} untold" for fault in faults if not _is_told(fault, outages, may.late)]


def _silence(since: float, until: float, links: Sequence[float]) -> Silence:
    back = max((at for at in links if since <= at <= until), default=until)  # the first may be older than the silence
    return Silence(since, back, until)


def _is_told(fault: Fault, outages: HistoryGaps, late: float) -> bool:
    return any(
        each["why"] in _WITHIN[fault.kind] and epoch(each["from"]) <= fault.at + late and epoch(each["to"]) >= fault.at
        for each in outages
    )


def _wrong(told: Told, call: Call) -> Iterator[str]:
    if call["caller"]["number"] != told.number:
        yield f"is of {call['caller']['number']}, not {told.number}"
    if call["ended"] is None:
        yield "never ends"
    elif not sums_up(call):
        yield f"has parts that don't sum up: {call}"


def _late(told: Told, call: Call, spans: list[Silence], filled: bool, may: Allowed) -> Iterator[str]:
    if call["ended"] is None:
        return
    near = [
        span.until for span in spans if span.since - may.slack <= told.ended and span.until + may.slack >= told.began
    ]
    yield from _wrong_gaps(told, call, [span for span in spans if told.touches(span, may)], near)
    if filled and any(gap["filled"] != "cel" for gap in call["gaps"]):
        yield f"has gaps that aren't filled: {call['gaps']}"
    if not told.died:
        yield from _wrong_facts(told, call, [] if filled else near, may.late)


def _wrong_gaps(told: Told, call: Call, touching: list[Silence], near: list[float]) -> Iterator[str]:
    gaps = [(epoch(gap["from"]), epoch(gap["to"])) for gap in call["gaps"] if gap["to"]]
    for silence in touching:
        if not any(begin <= silence.until and end >= silence.since for begin, end in gaps):
            there = f"{gaps}, begun {epoch(call['started']):.3f}, ended {epoch(call['ended']):.3f}"
            yield f"of {told.began:.3f} to {told.ended:.3f} has no gap for {silence}: {there}"
    if call["gaps"] and not near:
        yield f"has gaps without an outage: {call['gaps']}"


def _wrong_facts(told: Told, call: Call, near: list[float], late: float) -> Iterator[str]:
    """Judge end and outcome; `near`: the ends of outages that excuse a late end, and an outcome that nobody heard."""
    if not told.ended - late <= epoch(call["ended"]) <= max([told.ended, *near]) + late:
        yield f"ends at {epoch(call['ended']):.3f}, not {told.ended:.3f}"
    if not near and (call["outcome"] == "answered") != told.answered:
        yield f"is {call['outcome']}, but {'' if told.answered else 'nobody '}talked"
