"""Asterisk as the rest of pbxd sees it: the adapter that fulfils `pbxd.telephony.port.Pbx` over one AMI link."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Iterable, Iterator

import structlog

from pbxd.asterisk import originate
from pbxd.asterisk.ami.client import AmiClient
from pbxd.asterisk.ami.intake import Intake, Item, StreamGap
from pbxd.asterisk.ami.packets import Packet
from pbxd.asterisk.channel_ids import CHANNEL_IDS, agent_behind, call_of, leg_id
from pbxd.asterisk.dial_strings import templates_of
from pbxd.asterisk.dialplan_guard import DialplanGuard
from pbxd.asterisk.endpoints import Endpoints
from pbxd.asterisk.event_stream import EventStream
from pbxd.asterisk.queues import AsteriskQueues
from pbxd.asterisk.staff import gone, staff
from pbxd.book.employees import Employee
from pbxd.calls.events import Endpoint, Event
from pbxd.errors import PbxdError
from pbxd.faults import Faults
from pbxd.measures import Reading
from pbxd.settings import DialingSettings, Settings
from pbxd.telephony import DialPlan, DialTemplates
from pbxd.telephony.port import DeviceState, Mark, QueueEntry, QueueList

_SETTLE_SECONDS = 0.4  # the longest wait for the last events
_QUIET_SECONDS = 0.1  # without an event: Asterisk has written all that happened so far

_log = structlog.get_logger(__name__)


class AsteriskPbx:
    """One Asterisk. `link` and `guard.run` are root tasks."""

    ids = CHANNEL_IDS

    def __init__(self, settings: Settings, secret: str, faults: Faults, client: type[AmiClient] = AmiClient) -> None:
        """Raise InvalidInputError and ConfigurationError as AmiClient does."""
        self.on_gap: Callable[[], None] = _nothing  # a new link, or events were dropped: a snapshot is needed
        self.on_reload: Callable[[], None] = _nothing  # Asterisk read its configuration anew
        # Shared: what a call shows to be a line is none of us in a look-up either, and no employee.
        self.endpoints = Endpoints(settings.employees.pattern, settings.employees.channels)
        self.ami = client(settings.link, secret, self._arrived, on_link=self._link_changed)
        self.guard = DialplanGuard(self.ami)
        self._settings = settings
        self._intake = Intake(settings.asterisk.event_queue_length)
        self._stream = EventStream(self.endpoints, faults)
        self._queues = AsteriskQueues(self.ami, self.endpoints)
        self.event_times = self._stream.event_times
        self._events = 0  # that came over the link
        self._legs = 0  # that were chosen

    @property
    def connected(self) -> bool:
        """Whether Asterisk can be asked now."""
        return self.ami.connected

    def readings(self) -> Iterator[Reading]:
        """Say what is counted of the link."""
        yield Reading("pbxd_pbx_messages_total", "Messages of the PBX.", "counter", lambda: self._events)
        yield Reading("pbxd_pbx_messages_waiting", "Those not read yet.", "gauge", lambda: len(self._intake))
        about = "Those for which there was no room; each time a gap."
        yield Reading("pbxd_pbx_messages_dropped_total", about, "counter", lambda: self._intake.dropped)
        about = "How long the message that is next to be read has waited."
        yield Reading("pbxd_pbx_lag_seconds", about, "gauge", lambda: self._intake.oldest_seconds(time.time()))

    @property
    def pending(self) -> bool:
        """Whether messages wait to be taken."""
        return len(self._intake) > 0

    async def link(self) -> None:
        """Keep the link for ever."""
        await self.ami.run()

    # -- events

    def _arrived(self, packet: Packet) -> None:
        self._events += "Event" in packet
        if packet.get("Event") == "Reload":
            self.on_reload()
        self._intake.put(packet, self.ami.arrived)

    def _link_changed(self, up: bool) -> None:  # noqa: FBT001 - agreed with the client
        if up:
            self.on_gap()
        else:
            self._intake.link_lost(time.time())

    async def take(self, most: int) -> Iterable[Event]:
        """Return the events of the next packets, `most` at most, in order; waits while there is none."""
        return self._translated(await self._intake.take(most))

    def _translated(self, items: Iterable[Item]) -> Iterator[Event]:
        for item in items:
            if not isinstance(item, StreamGap):
                event = self._stream.read_safely(item.packet, item.at)
                if event is not None:
                    yield event
                continue
            if item.overflow:
                _log.error("events_dropped", dropped=self._intake.dropped)
                self.on_gap()
            yield self._stream.open_gap(item.since, overflow=item.overflow)

    async def request_snapshot(self) -> int:
        """Have Asterisk list its channels; return how many there are."""
        await self.guard.announce()
        await self.ami.action("Ping")  # has Asterisk's time before the list, whose items have none
        return len(await self.ami.listing("CoreShowChannels"))

    async def settle(self) -> None:
        """Wait until Asterisk has sent the events of all that has happened so far, 0.4 s at most.

        The answer to a Ping comes after everything that was sent before it. But Asterisk sends an event some time after
        what it is about, and the answer overtakes it: ask until no event comes any more.
        """
        with contextlib.suppress(TimeoutError, PbxdError):
            async with asyncio.timeout(_SETTLE_SECONDS):
                before = -1
                while before != self._events:
                    before = self._events
                    await asyncio.sleep(_QUIET_SECONDS)
                    await self.ami.action("Ping")

    # -- click-to-call

    def dial_templates(self, settings: DialingSettings) -> DialTemplates:
        """Read the dial strings of the configuration. Raises ConfigurationError, which names the key."""
        return templates_of(settings)

    def choose_leg(self, call_id: str) -> str:
        """Choose the channel id of a leg of a call."""
        self._legs += 1
        return leg_id(call_id, time.time(), self._legs)

    def call_of(self, channel: str) -> str:
        """Return the id of the call whose leg has this chosen channel id."""
        return call_of(channel)

    def agent_of(self, endpoint: Endpoint) -> str:
        """Return the extension of the agent whose leg this is."""
        return agent_behind(endpoint)

    async def agent_state(self, plan: DialPlan) -> DeviceState:
        """Return the state of the phone that is rung first."""
        return await originate.device_state(self.ami, plan.state_device)

    async def client_state(self, plan: DialPlan) -> DeviceState:
        """Return the state of the phone that is rung second, if it is a colleague's."""
        return await originate.device_state(self.ami, originate.client_device(plan))

    async def originate(self, plan: DialPlan, leg: str) -> None:
        """Ring the agent on a leg with this channel id."""
        await originate.originate(self.ami, plan, leg, self.choose_leg(call_of(leg)))

    async def hang_up(self, leg: str) -> None:
        """End the agent's leg, and with it the client's."""
        await originate.hang_up(self.ami, leg)

    # -- queues

    async def waiting(self, queue: str = "") -> list[QueueEntry]:
        """List who waits, in order; of every queue unless one is named."""
        return await self._queues.waiting(queue)

    async def queue_list(self) -> QueueList:
        """List all queues, and who waits in them."""
        return await self._queues.queue_list()

    async def can_move(self) -> bool:
        """Ask whether this Asterisk moves a caller who waits."""
        return await self._queues.can_move()

    async def move(self, entry: QueueEntry, priority: int) -> None:
        """Give a caller this priority and the place that goes with it."""
        await self._queues.move(entry, priority)

    def doubt_moves(self) -> None:
        """Take note that Asterisk accepted a move and moved nobody."""
        self._queues.doubt_moves()

    async def mark_of(self, entry: QueueEntry) -> Mark | None:
        """Read what was done to a caller from the channel."""
        return await self._queues.mark_of(entry)

    async def put_mark(self, entry: QueueEntry, base: int, mark: Mark | None) -> None:
        """Write what was done to a caller to the channel."""
        await self._queues.put_mark(entry, base, mark)

    # -- people

    async def staff(self) -> list[Employee]:
        """List the employees that Asterisk knows."""
        return await staff(self.ami, self._settings, self.endpoints)

    async def gone(self, extensions: Collection[str], *, beside: Collection[str]) -> set[str]:
        """Return those of the extensions whose device Asterisk doesn't have any more."""
        return await gone(self.ami, extensions, beside=beside)


def _nothing() -> None:
    """Do nothing."""
