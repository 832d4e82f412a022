"""One stream of AMI packets as events, live and in a replay alike."""

from __future__ import annotations

import re

from pbxd.asterisk.ami.packets import Packet
from pbxd.asterisk.channel_ids import began
from pbxd.asterisk.endpoints import Endpoints
from pbxd.asterisk.stream_clock import seconds
from pbxd.asterisk.translate import Translator
from pbxd.calls.events import ChannelCreated, Event, LinkLost, PbxStarted
from pbxd.calls.identity import CALL_PREFIX
from pbxd.errors import ProtocolError, TimelessError
from pbxd.faults import Faults
from pbxd.telephony.port import EventTimes

_SECONDS = re.compile("[0-9]{1,11}")
# Asterisk stamps an event when it writes it. Under load that was 0.2 s after a call began, and the answer to a Ping
# overtakes events: a call that began within this time before a gap may be missing.
_LATE_SECONDS = 1.0
_MOST_LATE_SECONDS = 60.0  # a later event means that the clock was set


class EventStream:
    """Turns packets into events and keeps `event_times` up to date."""

    def __init__(self, endpoints: Endpoints, faults: Faults) -> None:
        self.event_times = EventTimes()
        self._translator = Translator(endpoints)
        self._faults = faults
        self._uptime = ""  # from FullyBooted, until the time that belongs to it is known

    def read(self, packet: Packet, arrival: float | None) -> Event | None:
        """Return the event for a packet, if any. Raises ProtocolError for a packet without any time."""
        if packet.get("Event") == "FullyBooted":
            self._uptime = packet.get("Uptime", "")
        event = self._translator.translate(packet, arrival)  # refuses an impossible time
        clock = self._translator.stream_clock
        self.event_times.last, self.event_times.clock = clock.now, clock.source
        if self._uptime and (packet.get("Event") == "FullyBooted" or ("Event" not in packet and packet.get("Ping"))):
            return self._started(packet.get("Timestamp", ""))
        if isinstance(event, ChannelCreated):
            self.event_times.delay = _delay(event)
        return event

    def read_safely(self, packet: Packet, arrival: float | None) -> Event | None:
        """Return what `read` does; count and skip a packet that can't be read.

        Raises TimelessError.
        """
        try:
            return self.read(packet, arrival)
        except TimelessError:
            raise
        except ProtocolError as error:
            self._faults.note("ami_packet_refused", error)
        except Exception as error:  # noqa: BLE001 - a defect may cost this packet, never the calls after it
            self._faults.note("event_failed", error, trace=True)
        return None

    def open_gap(self, since: float, *, overflow: bool = False) -> LinkLost:
        """Note that packets are missing from `since` (epoch seconds) on, or from the last time before it."""
        self._translator.note_gap()
        return LinkLost(self.event_times.last or since, overflow)

    def _started(self, stamp: str) -> PbxStarted | None:
        """Return when Asterisk started.

        FullyBooted has the whole seconds since the start (`Uptime`). It has a time only if Asterisk boots while we are
        logged in; at a login the answer to the next Ping has the time.
        """
        if not stamp:
            return None
        uptime, self._uptime = self._uptime, ""
        return PbxStarted(seconds(stamp), seconds(stamp) - int(uptime)) if _SECONDS.fullmatch(uptime) else None


def _delay(event: ChannelCreated) -> float:
    """Return by how much more than usual this event is late. A channel's id has the second of its creation.

    An overloaded Asterisk writes its events seconds late, with the times of writing. What it had not written at the
    start of a gap is missing too. Ids that we chose have our clock's time.
    """
    created = None if event.channel.startswith(CALL_PREFIX) else began(event.channel)
    late = 0.0 if created is None else event.at - created
    return max(0.0, late - _LATE_SECONDS) if late < _MOST_LATE_SECONDS else 0.0
