"""From events to rows: the tracker's changes are named from the book and written; captures are read the same way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import structlog

from pbxd.asterisk.packets import Packet, parse_timed_capture, read_times
from pbxd.asterisk.translate import Endpoints, Translator
from pbxd.calls.events import Event, LinkLost
from pbxd.calls.record import CallRecord, Party
from pbxd.calls.tracker import Tracker
from pbxd.directory.index import Directory
from pbxd.errors import InvalidInputError, NotFoundError, UnavailableError
from pbxd.i18n import _
from pbxd.numbers import rules_from
from pbxd.settings import Settings
from pbxd.storage.calls import Calls

_GATHER_SECONDS = 0.1  # changes that come within this time are written in one transaction
_RETRY_SECONDS = 1.0
_CHUNK_BYTES = 65536

_log = structlog.get_logger(__name__)


class Following:
    """One AMI stream read into calls; live and in a replay the same."""

    def __init__(self, settings: Settings) -> None:
        endpoints = Endpoints(settings.employees.pattern, settings.employees.channels)
        self._translator = Translator(endpoints)
        self.tracker = Tracker(settings.asterisk.name, rules_from(settings))

    def packet(self, packet: Packet, arrival: float | None) -> Event | None:
        """Follow a packet; return the event it means, if any. Raises ProtocolError for one without any time."""
        event = self._translator.translate(packet, arrival)
        if event is not None:
            self.tracker.feed(event)
        return event

    def missing(self, since: float) -> Event:
        """Note that nothing was heard from `since` (epoch seconds) on, or from the last time the PBX told before it."""
        event = LinkLost(self._translator.last_heard or since)
        self.tracker.feed(event)
        return event

    def take_changes(self) -> list[CallRecord]:
        """Return the records of the calls that changed since the last time."""
        return [replace(record, clock=self._translator.clock) for record in self.tracker.take_changes()]


class Recorder:
    """Writes the calls that change, each one's latest state once a transaction.

    While the database is away the changed calls wait in memory, one record a call, and are written when it is back.
    """

    def __init__(self, following: Following, calls: Calls, directory: Directory) -> None:
        self._following = following
        self._calls = calls
        self._directory = directory
        self._waiting: dict[str, CallRecord] = {}
        self._names: dict[str, dict[str, Party]] = {}  # by call, by number: what the book said when it was first asked
        self.written = 0

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
                _log.info("calls_written_again", written=self.written)
            complained = False

    async def flush(self) -> None:
        """Write all that changed so far. Raises UnavailableError; nothing is lost then."""
        for record in self._following.take_changes():
            self._name(record)
            self._waiting[record.id] = record
        if not self._waiting:
            return
        writing = dict(self._waiting)
        await self._calls.upsert(list(writing.values()))
        for call_id, record in writing.items():
            if self._waiting.get(call_id) is record:
                del self._waiting[call_id]
        self.written += len(writing)

    def _name(self, record: CallRecord) -> None:
        """Put the book's names beside the numbers; a call keeps the names of its first moment."""
        known = self._names.setdefault(record.id, {})
        for party in (record.caller, record.callee):
            if party.number is None or party.name is not None:
                continue
            if party.number not in known:
                known[party.number] = self._party(party)
            named = known[party.number]
            party.name, party.company, party.contact = named.name, named.company, named.contact
        if record.ended is not None:
            del self._names[record.id]

    def _party(self, party: Party) -> Party:
        match = self._directory.lookup(party.extension or party.number or "")
        return Party(name=match.name or None, company=match.company or None, contact=match.contact)


def replay(path: Path, settings: Settings, *, chunk_bytes: int = _CHUNK_BYTES) -> Iterator[CallRecord]:
    """Yield the records that a raw AMI stream makes, as they would have been written live, in the order of their ends.

    Arrival times are read from the side file `NAME.times` if there is one. Calls still under way at the end come last.
    Raises NotFoundError for a file that isn't there, InvalidInputError for one that can't be read, ProtocolError for
    a stream that isn't AMI's or has no times.
    """
    following = Following(settings)
    under_way: dict[str, CallRecord] = {}
    for arrival, packet in _packets(path, chunk_bytes):
        following.packet(packet, arrival)
        for record in following.take_changes():
            under_way[record.id] = record
            if record.ended is not None:
                del under_way[record.id]
                if record.merged_into is None:
                    yield record
    yield from under_way.values()


def _packets(path: Path, chunk_bytes: int) -> Iterator[tuple[float | None, Packet]]:
    side = path.with_suffix(".times")
    try:
        with path.open("rb") as stream:
            times = read_times(side.read_text("ascii").splitlines(keepends=True)) if side.exists() else []
            yield from parse_timed_capture(iter(lambda: stream.read(chunk_bytes), b""), times)
    except FileNotFoundError as error:
        raise NotFoundError(_("{file}: no such file").format(file=path)) from error
    except OSError as error:
        raise InvalidInputError("capture", _("{file}: can't be read: {why}").format(file=path, why=error)) from error
