"""From events to rows: the tracker's changes are named from the book and written; captures are read the same way.

Long because the stream, its outages and its writing share their marks: until when all was heard, and written.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path

import structlog

from pbxd.asterisk.ami.capture import read_capture
from pbxd.asterisk.ami.packets import Packet
from pbxd.asterisk.endpoints import Endpoints
from pbxd.asterisk.translate import Translator, seconds
from pbxd.calls.events import ChannelCreated, Event, LinkLost, SnapshotEnded
from pbxd.calls.identity import CALL_PREFIX, epoch_in
from pbxd.calls.live import moment
from pbxd.calls.record import CallRecord, Outage, OutageCause, Party
from pbxd.calls.tracker import Tracker
from pbxd.errors import ProtocolError, TimelessError, UnavailableError
from pbxd.faults import Faults
from pbxd.i18n import _
from pbxd.lookup.index import Directory
from pbxd.numbers import rules_from
from pbxd.settings import Settings
from pbxd.storage.calls.calls import Calls
from pbxd.storage.calls.salvage import Writing

_GATHER_SECONDS = 0.1  # changes that come within this time are written in one transaction
_RETRY_SECONDS = 1.0
_WRITE_SECONDS = 20.0  # more than a writer waits for its turn
_CALLS_AT_ONCE = 100  # in one transaction: making their rows holds the event loop for some 10 ms
_EVENTS_A_TURN = 200
_MOST_OUTAGES = 1000
_SECONDS = re.compile("[0-9]{1,11}")
# Asterisk stamps an event when it writes it. Under load that was 0.2 s after a call began, which is lost with it then;
# and the answer to a Ping overtakes events.
_LATE_SECONDS = 1.0
_MOST_LATE_SECONDS = 60.0  # later than that is a clock that was set
_MARK_SECONDS = 10.0  # how often it is written, while nothing else is, until when all was heard
MOST_WAITING = 100_000  # about 4 KB each
_CHUNK_BYTES = 65536
_SETTLED_SECONDS = 1.0  # a call that lent its last phone to another ends at most so long after it

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
        self._unheard: tuple[float, OutageCause] | None = None  # since when, and why
        self._in_step: float | None = None  # when a snapshot ended for the first time
        self._uptime = ""  # of the PBX, as FullyBooted told it, until the time is known that goes with it
        self._lag = 0.0  # by how much more than usual the PBX's events are late
        self._outages: list[Outage] = []
        self._held: deque[Event] | None = None
        self._most_held = settings.asterisk.event_queue_length

    @property
    def heard(self) -> float | None:
        """The last time the stream told, epoch seconds of its clock."""
        return self._translator.last_heard

    def packet(self, packet: Packet, arrival: float | None) -> Event | None:
        """Follow a packet; return the event it means, if any. Raises ProtocolError for one without any time."""
        if packet.get("Event") == "FullyBooted":
            self._uptime = packet.get("Uptime", "")
        event = self._translator.translate(packet, arrival)  # refuses an answer whose time can't be
        if self._uptime and (packet.get("Event") == "FullyBooted" or ("Event" not in packet and packet.get("Ping"))):
            self._blame_restart(packet.get("Timestamp", ""))
        if isinstance(event, ChannelCreated):
            self._lag = _lag(event)
        if event is not None:
            self._follow(event)
        return event

    def contained(self, packet: Packet, arrival: float | None) -> Event | None:
        """Follow a packet as `packet` does; one that can't be followed is counted and left out.

        Raises TimelessError.
        """
        try:
            return self.packet(packet, arrival)
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

    def missing(self, since: float, *, overflow: bool = False) -> Event:
        """Note that nothing was heard from `since` (epoch seconds) on, or from the last time the PBX told before it."""
        self._translator.interrupted()
        event = LinkLost(self._translator.last_heard or since)
        self._unheard = self._unheard or (event.at - self._lag, "overflow" if overflow else "link")
        self._follow(event)
        return event

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

    def take_outages(self) -> list[Outage]:
        """Return the times, over since the last asking, in which whole calls may have gone by."""
        outages, self._outages = self._outages, []
        return outages

    def _follow(self, event: Event) -> None:
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

    def _note_outage(self, heard: float, why: OutageCause, to: float) -> None:
        since = heard - _LATE_SECONDS
        if len(self._outages) >= _MOST_OUTAGES:  # a link that comes and goes while nothing can be written
            self._outages[-1] = replace(self._outages[-1], to=moment(max(since, to)))
        else:
            self._outages.append(Outage(self._pbx, moment(since), moment(max(since, to)), why))


def _lag(event: ChannelCreated) -> float:
    """Return by how much more than usual this event is late: a channel's id has the second of its beginning.

    An overloaded PBX is seconds behind with its events, whose times are those of their writing: what it hadn't told yet
    when it was last heard is missing too. Ids that we chose have our clock's time.
    """
    began = event.at if event.channel.startswith(CALL_PREFIX) else epoch_in(event.channel, event.at)
    late = event.at - began
    return max(0.0, late - _LATE_SECONDS) if late < _MOST_LATE_SECONDS else 0.0


class Recorder:
    """Writes the calls that change, each one's latest state once a transaction.

    While the database is away the changed calls wait in memory, one record a call, and are written when it is back. Of
    more than `most_waiting` the oldest ended ones are given up: counted, logged, and told in the feed as an outage.
    """

    def __init__(
        self, following: Following, calls: Calls, directory: Directory, *, most_waiting: int = MOST_WAITING
    ) -> None:
        self._following = following
        self.writing = Writing(calls)
        self._directory = directory
        self._most_waiting = most_waiting
        self._waiting: dict[str, CallRecord] = {}
        self._outages: list[Outage] = []
        self._given_up: Outage | None = None
        self._marked: Heard | None = None  # until when all was heard, as the database knows it
        self._marked_at = 0.0  # by the monotonic clock
        self._names: dict[str, dict[str, Party]] = {}  # by call, by number: what the book said when it was first asked
        self.written = 0
        self.lost = 0

    @property
    def backlog(self) -> int:
        """How many calls wait to be written."""
        return len(self._waiting)

    async def run(self) -> None:
        """Write changes as they come, for ever."""
        complained = False
        while True:
            await asyncio.sleep(_GATHER_SECONDS)
            try:
                await self.flush()
            except UnavailableError as error:
                if not complained:
                    _log.error("calls_not_written", why=str(error), waiting=self.backlog)
                complained = True
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            if complained:
                _log.info("calls_written_again", written=self.written, lost=self.lost)
            complained = False

    async def flush(self, *, final: bool = False) -> None:
        """Write all that changed so far, some calls a transaction; when `final`, also until when all was heard.

        Raises UnavailableError; nothing is lost then.
        """
        heard = self._following.heard_until()
        self._collect()
        while self._waiting or self._outages or self._given_up or self._mark_is_due(heard, final):
            writing = dict(islice(self._waiting.items(), _CALLS_AT_ONCE))
            outages, given_up = list(self._outages), self._given_up
            last = len(writing) == len(self._waiting)  # of what was collected when so much was heard
            told = [*outages, given_up] if given_up else outages
            await self._write(list(writing.values()), told, heard if last else None)
            if last:
                self._marked, self._marked_at = heard, time.monotonic()
            for call_id, record in writing.items():
                if self._waiting.get(call_id) is record:
                    del self._waiting[call_id]
            del self._outages[: len(outages)]
            self._given_up = None
            self.written += len(writing)

    def _mark_is_due(self, heard: Heard | None, final: bool) -> bool:  # noqa: FBT001 - passed on
        return heard not in {None, self._marked} and (final or time.monotonic() - self._marked_at > _MARK_SECONDS)

    async def _write(self, records: list[CallRecord], outages: list[Outage], heard: Heard | None) -> None:
        """Write in one transaction; a database that hangs is given up, and asked again later, like one that refuses."""
        try:
            async with asyncio.timeout(_WRITE_SECONDS):
                await self.writing.upsert(records, outages, heard)
        except TimeoutError as error:
            raise UnavailableError(_("no answer in time")) from error

    def _collect(self) -> None:
        for record in self._following.take_changes():
            try:
                self._name(record)
            except Exception as error:  # noqa: BLE001 - a call without names is better than none
                self._following.faults.note("call_not_named", error, trace=True)
            self._waiting[record.id] = record
        self._outages = [*self._outages, *self._following.take_outages()][-_MOST_OUTAGES:]
        surplus = len(self._waiting) - self._most_waiting
        if surplus > 0:
            ended = (record for record in self._waiting.values() if record.ended is not None)
            self._give_up(list(islice(ended, surplus)))

    def _give_up(self, records: list[CallRecord]) -> None:
        """Forget ended calls that memory has no room for, and keep in mind what has to be told of it."""
        if not records:
            return  # all are still under way, and a PBX bounds those
        if not self._given_up:
            _log.error("calls_lost", waiting=self.backlog)
        known = [self._given_up] if self._given_up else []
        since = min([record.started for record in records] + [each.since for each in known])
        to = max([record.ended or record.started for record in records] + [each.to for each in known])
        calls = len(records) + sum(each.calls or 0 for each in known)
        self._given_up = Outage(records[0].pbx, since, to, "storage", calls)
        self.lost += len(records)
        for record in records:
            del self._waiting[record.id]

    def _name(self, record: CallRecord) -> None:
        """Put the book's names beside the numbers; a call keeps the names of its first moment."""
        known = self._names.setdefault(record.id, {})
        for party in (record.caller, record.callee):
            if party.number is None or party.name is not None:
                continue
            key = party.extension or f"outside {party.number}"
            if key not in known:
                known[key] = self._party(party)
            named = known[key]
            party.name, party.company, party.contact = named.name, named.company, named.contact
        if record.ended is not None:
            del self._names[record.id]

    @property
    def faults(self) -> dict[str, int]:
        """What went wrong with single events and calls so far, by kind; empty when nothing did."""
        written = {"calls_shortened": self.writing.shortened, "calls_refused": self.writing.refused}
        return {kind: count for kind, count in {**self._following.faults.counts, **written}.items() if count}

    def _party(self, party: Party) -> Party:
        match = self._directory.lookup(party.extension or party.number or "")
        if match.by_extension and not party.extension:
            return Party()
        return Party(name=match.name or None, company=match.company or None, contact=match.contact)


def replay(path: Path, settings: Settings, *, chunk_bytes: int = _CHUNK_BYTES) -> Iterator[CallRecord]:
    """Yield the records that a raw AMI stream makes, as they would have been written live, in the order of their ends.

    Arrival times are read from the side file `NAME.times` if there is one. Calls still under way at the end come last.
    Raises NotFoundError for a file that isn't there, InvalidInputError for one that can't be read, ProtocolError for
    a stream that isn't AMI's or has no times.
    """
    following = Following(settings)
    under_way: dict[str, CallRecord] = {}
    ended: dict[str, CallRecord] = {}
    packet: Packet = {}
    for arrival, packet in read_capture(path, chunk_bytes):
        following.contained(packet, arrival)
        for record in following.take_changes():
            under_way.pop(record.id, None)
            if record.merged_into is not None:
                ended.pop(record.id, None)
            elif record.ended is not None:
                ended[record.id] = record
            else:
                under_way[record.id] = record
        yield from _settled(ended, following.heard)
    if not packet:
        raise ProtocolError(_("{file}: there is no AMI packet in it").format(file=path))
    yield from ended.values()
    yield from under_way.values()


def _settled(ended: dict[str, CallRecord], now: float | None) -> list[CallRecord]:
    """Take out the calls that ended so long ago that no other can become a part of them any more."""
    if not ended or now is None:
        return []
    since = moment(now - _SETTLED_SECONDS)
    over = [record for record in ended.values() if (record.ended or record.started) < since]
    for record in over:
        del ended[record.id]
    return over
