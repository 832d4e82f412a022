"""Follow the events of one PBX into calls, live and in a replay alike."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

import structlog

from pbxd.actor import Actor
from pbxd.calls.events import Event, LinkLost, PbxStarted, QueueJoined, QueueLeft, SnapshotEnded
from pbxd.calls.identity import ChannelIds
from pbxd.calls.record import CallRecord, GapCause, HistoryGap, Party, moment
from pbxd.calls.tracker import Tracker
from pbxd.faults import Faults
from pbxd.numbers import rules_from
from pbxd.settings import Settings
from pbxd.telephony.port import EventTimes

_EVENTS_A_TURN = 200
MAX_GAPS = 1000
MAX_QUEUE_STEPS = 10_000  # while nothing can be written
_LATE_SECONDS = 1.0  # events are up to so late: a gap begins that much before the last event


@dataclass(frozen=True, slots=True)
class QueueStep:
    """What happened to a call in a queue: joined, left or moved there. `more` are facts besides."""

    kind: Literal["queue.joined", "queue.left", "vip.moved"]
    call: str  # its id
    queue: str
    caller: Party
    started: datetime  # of the call
    more: Mapping[str, object] = field(default_factory=dict)


Cursor = tuple[str, datetime]  # a PBX, and the time up to which its history is complete
_log = structlog.get_logger(__name__)


class Following:
    """The calls of one PBX, followed from its events, and the gaps between the events."""

    def __init__(self, settings: Settings, ids: ChannelIds, event_times: EventTimes, faults: Faults) -> None:
        """Start without calls. `ids` and `event_times` come from the adapter of the PBX whose events arrive."""
        self._pbx = settings.asterisk.name
        self._event_times = event_times
        self.tracker = Tracker(self._pbx, rules_from(settings), ids)
        self.faults = faults
        self._open_gap: tuple[float, GapCause] | None = None  # since when, and why
        self._first_snapshot: float | None = None  # when a snapshot ended for the first time
        self._gaps: list[HistoryGap] = []
        self._held: deque[Event] | None = None
        self._max_held = settings.asterisk.event_queue_length
        self._queue_steps: deque[QueueStep] = deque(maxlen=MAX_QUEUE_STEPS)
        self.on_event: list[Callable[[], None]] = []  # called after each event that was followed
        self._behind = 0.0  # seconds that the PBX's clock is behind ours

    def follow(self, event: Event) -> None:
        """Handle the next event of the PBX."""
        if not isinstance(event, LinkLost):  # whose time is that of the last event before it
            self._behind = time.time() - event.at - self._event_times.delay
        match event:
            case LinkLost():
                why: GapCause = "overflow" if event.overflow else "link"
                self._open_gap = self._open_gap or (event.at - self._event_times.delay, why)
            case PbxStarted():
                self._note_restart(event.began)
            case SnapshotEnded():
                self._end_gap(event.at)
            case _:
                pass
        if self._held is None:
            self._feed(event)
            return
        if len(self._held) >= self._max_held:
            _log.error("events_dropped", dropped=len(self._held))
            self._add_gap(self._held[0].at, "overflow", event.at)
            self._held.clear()
        self._held.append(event)

    def now(self) -> float:
        """Return the present time by the PBX's clock, as far as its events tell it; epoch seconds."""
        return time.time() - self._behind

    def _feed(self, event: Event) -> None:
        try:
            self.tracker.feed(event)
            if isinstance(event, QueueJoined | QueueLeft):
                joined = isinstance(event, QueueJoined)
                self._note_queue_step("queue.joined" if joined else "queue.left", event.channel, event.queue)
        except Exception as error:  # noqa: BLE001 - a defect may cost this event, never the calls after it
            self.faults.note("event_failed", error, trace=True)
        for followed in self.on_event:
            followed()

    def note_moved(self, channel: str, queue: str, before: int, after: int, by: Actor | None, at: float) -> None:
        """Note that a caller moved in a queue, from one position to another: a VIP, or because a person wants it.

        `by`: that person. `at`: the PBX's time.
        """
        facts = {"position_before": before, "position": after, "by": "person" if by else "rank"}
        self._note_queue_step("vip.moved", channel, queue, facts | {"moved_by": by.extension or None if by else None})
        if by:
            self.tracker.note_moved(channel, queue, by.extension, at)
        for followed in self.on_event:
            followed()

    def _note_queue_step(
        self,
        kind: Literal["queue.joined", "queue.left", "vip.moved"],
        channel: str,
        queue: str,
        more: Mapping[str, object] | None = None,
    ) -> None:
        call = self.tracker.registry.call_of(channel)
        if call is not None and call.is_shown:
            record = call.record
            step = QueueStep(kind, record.id, queue, replace(record.caller), record.started, more or {})
            self._queue_steps.append(step)

    def hold_events(self) -> None:
        """Hold events back until `resume`: the open calls of an earlier process can't be read yet.

        At most `event_queue_length` events are held. More than that are dropped and logged; a snapshot is needed then.
        """
        self._held = deque()

    async def resume(
        self, earlier: Iterable[CallRecord], complete_until: datetime | None = None, ended: Collection[str] = ()
    ) -> None:
        """Take over the open calls of an earlier process, then handle the events that were held back.

        `complete_until`: the time up to which the history is complete. From then to the first snapshot pbxd was away.
        `ended`: the linkedids of calls that ended while those were open.
        """
        self.tracker.remember(earlier, ended)
        if complete_until is not None and self._first_snapshot is not None:
            self._add_gap(complete_until.timestamp(), "pbxd", self._first_snapshot)
        elif complete_until is not None:
            self._open_gap = (complete_until.timestamp(), "pbxd")
        held = self._held
        while held:
            for _number in range(min(len(held), _EVENTS_A_TURN)):
                self._feed(held.popleft())
            await asyncio.sleep(0)
        self._held = None

    def take_changes(self) -> list[CallRecord]:
        """Return the records of the calls that changed since the last time."""
        return [replace(record, clock=self._event_times.clock) for record in self.tracker.take_changes()]

    def take_queue_steps(self) -> list[QueueStep]:
        """Return what happened in queues since the last time, in order."""
        steps = list(self._queue_steps)
        self._queue_steps.clear()
        return steps

    def cursor(self) -> Cursor | None:
        """Return the PBX and the time up to which its events arrived without an open gap; None before any event."""
        last = self._event_times.last
        at = self._open_gap[0] if self._open_gap else last and last - self._event_times.delay
        return None if at is None or self._held is not None else (self._pbx, moment(at))

    def take_gaps(self) -> list[HistoryGap]:
        """Return the gaps that ended since the last time."""
        gaps, self._gaps = self._gaps, []
        return gaps

    def _end_gap(self, at: float) -> None:
        self._first_snapshot = self._first_snapshot or at
        if self._open_gap is not None:
            self._add_gap(*self._open_gap, at)
            self._open_gap = None

    def _note_restart(self, began: float) -> None:
        """Give the PBX's restart as the cause of the gap, if the PBX started after the link was lost."""
        since, why = self._open_gap or (0.0, "pbxd")
        if why == "link" and began > since:
            self._open_gap = (since, "restart")

    def _add_gap(self, last_event: float, why: GapCause, to: float) -> None:
        since = last_event - _LATE_SECONDS
        if len(self._gaps) >= MAX_GAPS:  # the link comes and goes while nothing can be written
            self._gaps[-1] = replace(self._gaps[-1], to=moment(max(since, to)))
        else:
            self._gaps.append(HistoryGap(self._pbx, moment(since), moment(max(since, to)), why))
