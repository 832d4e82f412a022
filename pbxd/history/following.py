"""One stream of AMI events read into calls, live and in a replay alike."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

import structlog

from pbxd.asterisk.ami.packets import Packet
from pbxd.asterisk.endpoints import Endpoints
from pbxd.asterisk.translate import Translator, seconds
from pbxd.calls.events import ChannelCreated, Event, LinkLost, SnapshotEnded
from pbxd.calls.identity import CALL_PREFIX, epoch_in
from pbxd.calls.record import CallRecord, GapCause, HistoryGap, moment
from pbxd.calls.tracker import Tracker
from pbxd.errors import ProtocolError, TimelessError
from pbxd.faults import Faults
from pbxd.numbers import rules_from
from pbxd.settings import Settings

_EVENTS_A_TURN = 200
MAX_GAPS = 1000
_SECONDS = re.compile("[0-9]{1,11}")
# Asterisk stamps an event when it writes it. Under load that was 0.2 s after a call began, which is lost with it then;
# and the answer to a Ping overtakes events.
_LATE_SECONDS = 1.0
_MOST_LATE_SECONDS = 60.0  # later than that is a clock that was set
Heard = tuple[str, datetime]  # a PBX, and until when all it told was heard
_log = structlog.get_logger(__name__)


class Following:
    """One AMI stream read into calls; live and in a replay the same."""

    def __init__(self, settings: Settings, endpoints: Endpoints | None = None) -> None:
        """`endpoints`: what is known of who is behind a channel's name, where others share it."""
        endpoints = endpoints or Endpoints(settings.employees.pattern, settings.employees.channels)
        self._pbx = settings.asterisk.name
        self._translator = Translator(endpoints)
        self.tracker = Tracker(self._pbx, rules_from(settings))
        self.faults = Faults()
        self._unheard: tuple[float, GapCause] | None = None  # since when, and why
        self._in_step: float | None = None  # when a snapshot ended for the first time
        self._uptime = ""  # of the PBX, as FullyBooted told it, until the time is known that goes with it
        self._lag = 0.0  # by how much more than usual the PBX's events are late
        self._outages: list[HistoryGap] = []
        self._held: deque[Event] | None = None
        self._most_held = settings.asterisk.event_queue_length

    @property
    def heard(self) -> float | None:
        """The last time the stream told, epoch seconds of its clock."""
        return self._translator.last_heard

    def follow(self, packet: Packet, arrival: float | None) -> Event | None:
        """Follow a packet; return the event it means, if any. Raises ProtocolError for one without any time."""
        if packet.get("Event") == "FullyBooted":
            self._uptime = packet.get("Uptime", "")
        event = self._translator.translate(packet, arrival)  # refuses an answer whose time can't be
        if self._uptime and (packet.get("Event") == "FullyBooted" or ("Event" not in packet and packet.get("Ping"))):
            self._blame_restart(packet.get("Timestamp", ""))
        if isinstance(event, ChannelCreated):
            self._lag = _lag(event)
        if event is not None:
            self._follow_event(event)
        return event

    def follow_safely(self, packet: Packet, arrival: float | None) -> Event | None:
        """Follow a packet as `packet` does; one that can't be followed is counted and left out.

        Raises TimelessError.
        """
        try:
            return self.follow(packet, arrival)
        except TimelessError:
            raise
        except ProtocolError as error:
            self.faults.note("ami_packet_refused", error)
        except Exception as error:  # noqa: BLE001 - one event may cost itself, never the calls after it
            self.faults.note("event_not_followed", error, trace=True)
        return None

    def _feed(self, event: Event) -> None:
        try:
            self.tracker.feed(event)
        except Exception as error:  # noqa: BLE001 - likewise
            self.faults.note("event_not_followed", error, trace=True)

    def open_gap(self, since: float, *, overflow: bool = False) -> Event:
        """Note that nothing was heard from `since` (epoch seconds) on, or from the last time the PBX told before it."""
        self._translator.interrupted()
        event = LinkLost(self._translator.last_heard or since)
        self._unheard = self._unheard or (event.at - self._lag, "overflow" if overflow else "link")
        self._follow_event(event)
        return event

    def hold_events(self) -> None:
        """Keep events back until `begin`: the open calls of an earlier process can't be read yet.

        At most `event_queue_length` of them; more are given up, counted in the log, and a snapshot is needed then.
        """
        self._held = deque()

    async def resume(
        self, earlier: Iterable[CallRecord], heard: datetime | None = None, over: Collection[str] = ()
    ) -> None:
        """Take over the open calls of an earlier process, then follow what was held back.

        `heard`: until when the history has all that the PBX told. From then to the first snapshot is an outage of ours.
        `over`: the linkedids of calls that ended while those lasted.
        """
        self.tracker.remember(earlier, over)
        if heard is not None and self._in_step is not None:
            self._note_outage(heard.timestamp(), "pbxd", self._in_step)
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
        return [replace(record, clock=self._translator.clock) for record in self.tracker.take_changes()]

    def heard_until(self) -> Heard | None:
        """Return the PBX and until when it was heard without an outage that isn't over; None: not at all so far."""
        last = self._translator.last_heard
        at = self._unheard[0] if self._unheard else last and last - self._lag
        return None if at is None or self._held is not None else (self._pbx, moment(at))

    def take_gaps(self) -> list[HistoryGap]:
        """Return the times, over since the last asking, in which whole calls may have gone by."""
        outages, self._outages = self._outages, []
        return outages

    def _follow_event(self, event: Event) -> None:
        if isinstance(event, SnapshotEnded):
            self._in_step = self._in_step or event.at
            if self._unheard is not None:
                self._note_outage(*self._unheard, event.at)
                self._unheard = None
        if self._held is None:
            self._feed(event)
            return
        if len(self._held) >= self._most_held:
            _log.error("ami_events_dropped", dropped=len(self._held))
            self._note_outage(self._held[0].at, "overflow", event.at)
            self._held.clear()
        self._held.append(event)

    def _blame_restart(self, stamp: str) -> None:
        """Say that the PBX itself was away, if it began after the link was lost.

        FullyBooted tells in whole seconds how long the PBX has run (`Uptime`). It has a time only where the PBX boots
        while we are logged in already; at a login the answer to the next Ping tells the time.
        """
        if not stamp:
            return
        uptime, self._uptime = self._uptime, ""
        since, why = self._unheard or (0.0, "pbxd")
        if why == "link" and _SECONDS.fullmatch(uptime) and seconds(stamp) - int(uptime) > since:
            self._unheard = (since, "restart")

    def _note_outage(self, heard: float, why: GapCause, to: float) -> None:
        since = heard - _LATE_SECONDS
        if len(self._outages) >= MAX_GAPS:  # a link that comes and goes while nothing can be written
            self._outages[-1] = replace(self._outages[-1], to=moment(max(since, to)))
        else:
            self._outages.append(HistoryGap(self._pbx, moment(since), moment(max(since, to)), why))


def _lag(event: ChannelCreated) -> float:
    """Return by how much more than usual this event is late: a channel's id has the second of its beginning.

    An overloaded PBX is seconds behind with its events, whose times are those of their writing: what it hadn't told yet
    when it was last heard is missing too. Ids that we chose have our clock's time.
    """
    began = event.at if event.channel.startswith(CALL_PREFIX) else epoch_in(event.channel, event.at)
    late = event.at - began
    return max(0.0, late - _LATE_SECONDS) if late < _MOST_LATE_SECONDS else 0.0
