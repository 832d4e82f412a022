"""AMI packets into the history, joined as the daemon joins Asterisk's adapter and the history."""

from __future__ import annotations

from pbxd.asterisk.ami.packets import Packet
from pbxd.asterisk.channel_ids import CHANNEL_IDS
from pbxd.asterisk.endpoints import Endpoints
from pbxd.asterisk.event_stream import EventStream
from pbxd.calls.events import Event
from pbxd.faults import Faults
from pbxd.history.following import Following
from pbxd.settings import Settings


class PacketFollowing(Following):
    """Follows packets instead of events."""

    def __init__(self, settings: Settings) -> None:
        faults = Faults()
        self.stream = EventStream(Endpoints(settings.employees.pattern, settings.employees.channels), faults)
        super().__init__(settings, CHANNEL_IDS, self.stream.event_times, faults)

    def packet(self, packet: Packet, arrival: float | None) -> Event | None:
        return self._followed(self.stream.read(packet, arrival))

    def packet_safely(self, packet: Packet, arrival: float | None) -> Event | None:
        return self._followed(self.stream.read_safely(packet, arrival))

    def open_gap(self, since: float, *, overflow: bool = False) -> Event | None:
        return self._followed(self.stream.open_gap(since, overflow=overflow))

    def _followed(self, event: Event | None) -> Event | None:
        if event is not None:
            self.follow(event)
        return event
