"""Merge what the PBX's log (CEL, CDR) has of a call with our own record of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from pbxd.calls.record import PARTS, CallRecord, Gap, instant

_ERASED = "****"
_SAME_SECONDS = 0.1  # times nearer than that are equal: log and events come from different threads of the PBX


def new_record(logged: CallRecord, since: datetime, to: datetime) -> CallRecord:
    """Return the record of a call that only the log has, with the history's gap as its own gap."""
    record, end = logged.copy(), min(logged.ended or to, to)
    record.gaps = [Gap(min(max(logged.started, since), end), end, logged.source)]
    return record


def is_within(gap: Gap, since: datetime, to: datetime) -> bool:
    """Whether a call's gap belongs to the history's gap between two times, and is not filled."""
    return gap.filled is None and gap.since <= to and (gap.to is None or gap.to >= since)


def complete_record(known: CallRecord, logged: CallRecord, since: datetime, to: datetime) -> CallRecord:
    """Return our record with the log's facts for the time between two instants.

    What came by events stays: names, parties, the start of the call, the steps outside the gap. The gap stays, as
    filled. If the call became part of another one within the gap, the record leads to that call.
    A log that breaks off, because the PBX crashed, adds nothing. Nor does a CDR if the end of the call came by events.
    """
    if logged.merged_into is not None:
        return replace(known.copy(), merged_into=logged.merged_into)
    gaps = [replace(gap, filled=logged.source) if is_within(gap, since, to) else gap for gap in known.gaps]
    if _breaks_off(logged) or (logged.source == "cdr" and not _breaks_off(known)):
        return replace(known.copy(), gaps=gaps)
    record = replace_record(known, logged)
    record.source, record.gaps = known.source, gaps
    filled = [gap for gap in known.gaps if is_within(gap, since, to)]
    began_in_gap = any(gap.since <= known.started for gap in filled)
    record.started = logged.started if began_in_gap else known.started
    record.answered = known.answered or logged.answered
    if not began_in_gap:
        record.direction, record.caller, record.callee = known.direction, known.caller, known.callee
    own = [step for step in known.story if not any(_contains(gap, step.at) for gap in filled)]
    added = [step for step in logged.story if any(_contains(gap, step.at) for gap in filled)]
    if began_in_gap:  # our step "called" came later, with a start of whole seconds
        own = [step for step in own if step.at > known.started]
        added = [step for step in logged.story if step.at == logged.started or step in added]
    record.story = sorted([*own, *added], key=lambda step: step.at)
    record.ended = max([logged.ended or record.started, *(step.at for step in own)])  # a CDR has whole seconds
    _balance(record)
    return record


def _breaks_off(record: CallRecord) -> bool:
    """Whether the end of the call is unknown: the PBX crashed and its log breaks off."""
    return record.ended is not None and any(step.detail == "unheard" for step in record.story[-1:])


def _balance(record: CallRecord) -> None:
    """Make the parts sum up to the length of the call again.

    The start comes from the events, the rest from the log. The two come from different threads of the PBX and differ by
    milliseconds, on a busy machine by more. The first parts take up the difference.
    """
    if record.ended is None:
        return
    rest = (record.ended - record.started).total_seconds() - sum(record.seconds.values())
    record.seconds["menu"] += max(0.0, rest)
    for part in PARTS:
        surplus = min(record.seconds[part], max(0.0, -rest))
        record.seconds[part] -= surplus
        rest += surplus


def is_erased(record: CallRecord) -> bool:
    """Whether a number in it was erased for good: it has stars in its place, and the log must not bring it back."""
    texts = [record.caller.number, record.callee.number, *record.answered_by, *record.recordings]
    texts += [text for step in record.story for text in (step.who, step.detail)]
    return any(_ERASED in text for text in texts if text)


def _contains(gap: Gap, at: datetime) -> bool:
    return gap.since < at and (gap.to is None or at <= gap.to)


def replace_record(known: CallRecord, logged: CallRecord) -> CallRecord:
    """Return the log's record in the place of our record of the same call; our id and names stay."""
    record = logged.copy()
    record.id, record.linkedid, record.clock = known.id, known.linkedid, known.clock
    record.origin = known.origin if known.origin != "dialled" else logged.origin
    record.gaps, record.recordings = list(known.gaps), list(known.recordings)
    for new, old in ((record.caller, known.caller), (record.callee, known.callee)):
        if new.number == old.number:
            new.name, new.company, new.contact = old.name, old.company, old.contact
        new.extension = new.extension or (old.extension if new.number == old.number else None)
    held = min(known.seconds["hold"], record.seconds["talk"])  # the log has no holds; the events had
    record.seconds["hold"] += held
    record.seconds["talk"] -= held
    return record


def differences(known: CallRecord, logged: CallRecord) -> Iterator[tuple[str, str | None, str | None]]:
    """Yield the facts in which the log contradicts our record: name, our value, the log's value."""
    for name in ("started", "answered", "ended"):
        ours, theirs = getattr(known, name), getattr(logged, name)
        if (ours is None) != (theirs is None) or (ours and abs((ours - theirs).total_seconds()) > _SAME_SECONDS):
            yield name, instant(ours), instant(theirs)
    facts = {
        "direction": (known.direction, logged.direction),
        "caller": (known.caller.number, logged.caller.number),
        "callee": (known.callee.number, logged.callee.number),
        "queues": (", ".join(known.queues), ", ".join(logged.queues)),
        "answered_by": (", ".join(known.answered_by), ", ".join(logged.answered_by)),
        "outcome": (known.outcome, logged.outcome),
    }
    for name, (our_text, their_text) in facts.items():
        if our_text != their_text:
            yield name, our_text, their_text
