"""What the PBX's own log tells of a call, beside what we heard of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from pbxd.calls.record import PARTS, CallRecord, Gap, instant

_ERASED = "****"
_SAME_SECONDS = 0.1  # two times nearer than that are one: the log and the events come from different threads


def filled(told: CallRecord, since: datetime, to: datetime) -> CallRecord:
    """Return the record of a call that nobody heard, with the outage it comes from as its gap."""
    record = told.copy()
    record.gaps = [Gap(max(record.started, since), min(record.ended or to, to), told.source)]
    return record


def touches(gap: Gap, since: datetime, to: datetime) -> bool:
    """Whether a call's gap is (part of) this outage and isn't filled."""
    return gap.filled is None and gap.since <= to and (gap.to is None or gap.to >= since)


def completed(known: CallRecord, told: CallRecord, since: datetime, to: datetime) -> CallRecord:
    """Return a record in which what the log tells stands for what wasn't heard between two times.

    What was heard stays: names, parties, how the call began, the steps outside the gap; the gap stays, as filled. A
    call that became part of another one in the gap leads to that. A log that breaks off, as that of a PBX which died,
    tells nothing that wasn't heard; nor does a CDR of a call whose end was heard.
    """
    if told.merged_into is not None:
        return replace(known.copy(), merged_into=told.merged_into)
    gaps = [replace(gap, filled=told.source) if touches(gap, since, to) else gap for gap in known.gaps]
    if _breaks_off(told) or (told.source == "cdr" and not _breaks_off(known)):
        return replace(known.copy(), gaps=gaps)
    record = replaced(known, told)
    record.source, record.gaps = known.source, gaps
    unheard = [gap for gap in known.gaps if touches(gap, since, to)]
    began = any(gap.since <= known.started for gap in unheard)
    record.started = told.started if began else known.started
    record.answered = known.answered or told.answered
    if not began:
        record.direction, record.caller, record.callee = known.direction, known.caller, known.callee
    heard = [step for step in known.story if not any(_within(step.at, gap) for gap in unheard)]
    read = [step for step in told.story if any(_within(step.at, gap) for gap in unheard)]
    if began:  # who called was found out later, and told as of a whole second
        heard = [step for step in heard if step.at > known.started]
        read = [step for step in told.story if step.at == told.started or step in read]
    record.story = sorted([*heard, *read], key=lambda step: step.at)
    record.ended = max([told.ended or record.started, *(step.at for step in heard)])  # a CDR knows whole seconds
    _balance(record)
    return record


def _breaks_off(record: CallRecord) -> bool:
    """Whether nobody heard, or wrote down, the call's end: a log breaks off when the PBX dies."""
    return record.ended is not None and any(step.detail == "unheard" for step in record.story[-1:])


def _balance(record: CallRecord) -> None:
    """Let the parts sum up to the call's length again.

    Where it began is told by the events, all else by the log, and the two come from different threads of the PBX: some
    milliseconds, on a busy machine more. What is missing or too much belongs to the beginning.
    """
    if record.ended is None:
        return
    rest = (record.ended - record.started).total_seconds() - sum(record.seconds.values())
    record.seconds["menu"] += max(0.0, rest)
    for part in PARTS:
        surplus = min(record.seconds[part], max(0.0, -rest))
        record.seconds[part] -= surplus
        rest += surplus


def forgotten(record: CallRecord) -> bool:
    """Whether a number in it was erased for good (stars stand in its place): the log must not bring it back."""
    told = [record.caller.number, record.callee.number, *record.answered_by, *record.recordings]
    told += [text for step in record.story for text in (step.who, step.detail)]
    return any(_ERASED in text for text in told if text)


def _within(at: datetime, gap: Gap) -> bool:
    return gap.since < at and (gap.to is None or at <= gap.to)


def replaced(known: CallRecord, told: CallRecord) -> CallRecord:
    """Return the log's record in the place of one we have: the same call, with its names."""
    record = told.copy()
    record.id, record.linkedid, record.clock = known.id, known.linkedid, known.clock
    record.origin = known.origin if known.origin != "dialled" else told.origin
    record.gaps, record.recordings = list(known.gaps), list(known.recordings)
    for mine, theirs in ((record.caller, known.caller), (record.callee, known.callee)):
        if mine.number == theirs.number:
            mine.name, mine.company, mine.contact = theirs.name, theirs.company, theirs.contact
        mine.extension = mine.extension or (theirs.extension if mine.number == theirs.number else None)
    held = min(known.seconds["hold"], record.seconds["talk"])  # the log knows no holding: we heard it
    record.seconds["hold"] += held
    record.seconds["talk"] -= held
    return record


def differences(known: CallRecord, told: CallRecord) -> Iterator[tuple[str, str | None, str | None]]:
    """Yield the facts in which the log contradicts a record: name, what the record says, what the log says."""
    for name in ("started", "answered", "ended"):
        mine, theirs = getattr(known, name), getattr(told, name)
        if (mine is None) != (theirs is None) or (mine and abs((mine - theirs).total_seconds()) > _SAME_SECONDS):
            yield name, instant(mine), instant(theirs)
    facts = {
        "direction": (known.direction, told.direction),
        "caller": (known.caller.number, told.caller.number),
        "callee": (known.callee.number, told.callee.number),
        "queues": (", ".join(known.queues), ", ".join(told.queues)),
        "answered_by": (", ".join(known.answered_by), ", ".join(told.answered_by)),
        "outcome": (known.outcome, told.outcome),
    }
    for name, (said, read) in facts.items():
        if said != read:
            yield name, said, read
