"""The events of one PBX read into calls, live and in a replay alike."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

import structlog

from pbxd.calls.events import Event, LinkLost, PbxStarted, SnapshotEnded
from pbxd.calls.identity import ChannelIds
from pbxd.calls.live import moment
from pbxd.calls.record import CallRecord, Outage, OutageCause
from pbxd.calls.tracker import Tracker
from pbxd.faults import Faults
from pbxd.numbers import rules_from
from pbxd.settings import Settings
from pbxd.telephony.port import Hearing

_EVENTS_A_TURN = 200
MOST_OUTAGES = 1000
_LATE_SECONDS = 1.0  # how late events usually are at most: what happened so shortly before a gap may be missing too
Heard = tuple[str, datetime]  # a PBX, and until when all it told was heard
_log = structlog.get_logger(__name__)


class Following:
    """The calls of one PBX, followed from its events; the gaps in which it was not heard."""

    def __init__(self, settings: Settings, ids: ChannelIds, hearing: Hearing, faults: Faults) -> None:
        """`ids` and `hearing` come from the PBX's adapter, whose events are followed."""
        self._pbx = settings.asterisk.name
        self._hearing = hearing
        self.tracker = Tracker(self._pbx, rules_from(settings), ids)
        self.faults = faults
        self._unheard: tuple[float, OutageCause] | None = None  # since when, and why
        self._first_snapshot: float | None = None  # when a snapshot ended for the first time
        self._outages: list[Outage] = []
        self._held: deque[Event] | None = None
        self._most_held = settings.asterisk.event_queue_length

    def follow(self, event: Event) -> None:
        """Follow the next event of the PBX."""
        match event:
            case LinkLost():
                why: OutageCause = "overflow" if event.overflow else "link"
                self._unheard = self._unheard or (event.at - self._hearing.lag, why)
            case PbxStarted():
                self._blame_restart(event.began)
            case SnapshotEnded():
                self._snapshot_ended(event.at)
            case _:
                pass
        if self._held is None:
            self._feed(event)
            return
        if len(self._held) >= self._most_held:
            _log.error("events_dropped", dropped=len(self._held))
            self._note_outage(self._held[0].at, "overflow", event.at)
            self._held.clear()
        self._held.append(event)

    def _feed(self, event: Event) -> None:
        try:
            self.tracker.feed(event)
        except Exception as error:  # noqa: BLE001 - likewise
            self.faults.note("event_not_followed", error, trace=True)

    def hold(self) -> None:
        """Keep events back until `begin`: the open calls of an earlier process can't be read yet.

        At most `event_queue_length` of them; more are given up, counted in the log, and a snapshot is needed then.
        """
        self._held = deque()

    async def begin(
        self, earlier: Iterable[CallRecord], heard: datetime | None = None, over: Collection[str] = ()
    ) -> None:
        """Take over the open calls of an earlier process, then follow what was held back.

        `heard`: until when the history has all that the PBX told. From then to the first snapshot is an outage of ours.
        `over`: the linkedids of calls that ended while those lasted.
        """
        self.tracker.remember(earlier, over)
        if heard is not None and self._first_snapshot is not None:
            self._note_outage(heard.timestamp(), "pbxd", self._first_snapshot)
        elif heard is not None:
            self._unheard = (heard.timestamp(), "pbxd")
        held = self._held
        while held:
            for _number in range(min(len(held), _EVENTS_A_TURN)):
                self._feed(held.popleft())
            await asyncio.sleep(0)
        self._held = None

    def take_changes(self) -> list[CallRecord]:
        """Return the records of the calls that changed since the last time."""
        return [replace(record, clock=self._hearing.clock) for record in self.tracker.take_changes()]

    def heard_until(self) -> Heard | None:
        """Return the PBX and until when it was heard without an outage that isn't over; None: not at all so far."""
        last = self._hearing.heard
        at = self._unheard[0] if self._unheard else last and last - self._hearing.lag
        return None if at is None or self._held is not None else (self._pbx, moment(at))

    def take_outages(self) -> list[Outage]:
        """Return the times, over since the last asking, in which whole calls may have gone by."""
        outages, self._outages = self._outages, []
        return outages

    def _snapshot_ended(self, at: float) -> None:
        self._first_snapshot = self._first_snapshot or at
        if self._unheard is not None:
            self._note_outage(*self._unheard, at)
            self._unheard = None

    def _blame_restart(self, began: float) -> None:
        """Say that the PBX itself was away, if it began after the link was lost."""
        since, why = self._unheard or (0.0, "pbxd")
        if why == "link" and began > since:
            self._unheard = (since, "restart")

    def _note_outage(self, heard: float, why: OutageCause, to: float) -> None:
        since = heard - _LATE_SECONDS
        if len(self._outages) >= MOST_OUTAGES:  # a link that comes and goes while nothing can be written
            self._outages[-1] = replace(self._outages[-1], to=moment(max(since, to)))
        else:
            self._outages.append(Outage(self._pbx, moment(since), moment(max(since, to)), why))
