"""Writing the calls that change: each one's latest state once a transaction, named from the book."""

from __future__ import annotations

import asyncio
import time
from itertools import islice

import structlog

from pbxd.actor import DAEMON
from pbxd.calls.record import CallRecord, HistoryGap, Party
from pbxd.errors import UnavailableError
from pbxd.history.following import MAX_GAPS, Cursor, Following
from pbxd.i18n import _
from pbxd.lookup.index import Directory
from pbxd.storage.calls.calls import Calls
from pbxd.storage.calls.safe_writer import Writing

_GATHER_SECONDS = 0.1  # changes that come within this time are written in one transaction
_RETRY_SECONDS = 1.0
_WRITE_SECONDS = 20.0  # more than a writer waits for its turn
_CALLS_AT_ONCE = 100  # in one transaction: making their rows holds the event loop for some 10 ms
_MARK_SECONDS = 10.0  # how often it is written, while nothing else is, until when all was heard
MOST_WAITING = 100_000  # about 4 KB each
_log = structlog.get_logger(__name__)


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
        self._outages: list[HistoryGap] = []
        self._given_up: HistoryGap | None = None
        self._marked: Cursor | None = None  # until when all was heard, as the database knows it
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
        heard = self._following.cursor()
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

    def _mark_is_due(self, heard: Cursor | None, final: bool) -> bool:  # noqa: FBT001 - passed on
        return heard not in {None, self._marked} and (final or time.monotonic() - self._marked_at > _MARK_SECONDS)

    async def _write(self, records: list[CallRecord], outages: list[HistoryGap], heard: Cursor | None) -> None:
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
        self._outages = [*self._outages, *self._following.take_gaps()][-MAX_GAPS:]
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
        self._given_up = HistoryGap(records[0].pbx, since, to, "storage", calls)
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
        match = self._directory.lookup(party.extension or party.number or "", DAEMON)
        if match.by_extension and not party.extension:
            return Party()
        return Party(name=match.name or None, company=match.company or None, contact=match.contact)
