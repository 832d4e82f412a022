"""Write the calls that change, with names from the book."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

import structlog

from pbxd.actor import DAEMON
from pbxd.calls.record import CallRecord, HistoryGap, Party, instant
from pbxd.errors import UnavailableError
from pbxd.history.following import MAX_GAPS, MAX_QUEUE_STEPS, Cursor, Following, QueueStep
from pbxd.i18n import _
from pbxd.lookup.index import Directory
from pbxd.measures import Measured, Reading, Timings
from pbxd.storage.calls.calls import Calls
from pbxd.storage.calls.safe_writer import SafeWriter
from pbxd.storage.engine.feed import News

_GATHER_SECONDS = 0.002  # changes within this time are written in one transaction
_LONGEST_GATHER_SECONDS = 0.05  # the same while the database is slow: it is kept busy half of the time
_PAUSE_TIMES = 1.0  # pause after a write, in times of it
_IDLE_SECONDS = 1.0  # without events it looks this often whether the cursor is due
_RETRY_SECONDS = 1.0
_WRITE_SECONDS = 20.0  # longer than a writer waits for its turn
_LAST_WRITE_SECONDS = 2.0
_CALLS_AT_ONCE = 100  # in one transaction: making their rows blocks the event loop for about 10 ms
_CURSOR_SECONDS = 10.0  # how often the cursor is written if nothing else is
MAX_WAITING = 100_000  # about 4 KB each
_log = structlog.get_logger(__name__)


class Recorder:
    """Writes the calls that change: the latest state of each call, some calls a transaction.

    While the database is away the changed calls wait in memory, one record a call, and are written when it is back. If
    more than `max_waiting` calls wait, the oldest ended ones are dropped, counted and logged; the feed gets a gap for
    them.
    """

    def __init__(
        self, following: Following, calls: Calls, directory: Directory, *, max_waiting: int = MAX_WAITING
    ) -> None:
        self._following = following
        self.writer = SafeWriter(calls)
        self._directory = directory
        self._max_waiting = max_waiting
        self._waiting: dict[str, CallRecord] = {}
        self._gaps: list[HistoryGap] = []
        self._queue_news: list[News] = []
        self._work = asyncio.Event()
        following.on_event.append(self._work.set)
        self._lost_gap: HistoryGap | None = None
        self._stored_cursor: Cursor | None = None  # what the database has
        self._cursor_at = 0.0  # when that was written, monotonic clock
        self._names: dict[str, dict[str, Party]] = {}  # by call, by number: the book's answer of the first time
        self.written = 0
        self.lost = 0
        self.timings = Timings()  # of transactions

    @property
    def backlog(self) -> int:
        """The number of calls that wait to be written."""
        return len(self._waiting)

    async def run(self) -> None:
        """Write changes as they come, for ever."""
        failing = False
        free = 0.0  # when the next write may begin
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_IDLE_SECONDS):
                    await self._work.wait()
            await asyncio.sleep(max(_GATHER_SECONDS, free - time.monotonic()))
            self._work.clear()
            began = time.monotonic()
            try:
                await self.flush()
            except UnavailableError as error:
                if not failing:
                    _log.error("calls_write_failed", why=str(error), waiting=self.backlog)
                failing = True
                await asyncio.sleep(_RETRY_SECONDS)
                self._work.set()
                continue
            now = time.monotonic()
            free = now + min(_PAUSE_TIMES * (now - began), _LONGEST_GATHER_SECONDS)
            if failing:
                _log.info("calls_write_resumed", written=self.written, lost=self.lost)
            failing = False

    async def flush(self, *, final: bool = False) -> None:
        """Write all that changed so far. With `final` write the cursor too, even if it was written a short time ago.

        Raises UnavailableError; nothing is lost then.
        """
        cursor = self._following.cursor()
        self._collect()
        while self._has_work or self._cursor_is_due(cursor, final):
            writing = dict(islice(self._waiting.items(), _CALLS_AT_ONCE))
            gaps, lost_gap, news = list(self._gaps), self._lost_gap, list(self._queue_news)
            last = len(writing) == len(self._waiting)  # the cursor is of the moment when all these were collected
            all_gaps = [*gaps, lost_gap] if lost_gap else gaps
            await self._write(list(writing.values()), all_gaps, cursor if last else None, news)
            if last:
                self._stored_cursor, self._cursor_at = cursor, time.monotonic()
            for call_id, record in writing.items():
                if self._waiting.get(call_id) is record:
                    del self._waiting[call_id]
            del self._gaps[: len(gaps)], self._queue_news[: len(news)]
            self._lost_gap = None
            self.written += len(writing)

    async def finish(self) -> None:
        """Write what is left at a stop, for two seconds at most; the log says what is lost."""
        try:
            # Not asyncio.timeout: on Debian 12 (Python 3.11.2) it fails in a task whose TaskGroup failed, as ours did.
            await asyncio.wait_for(self.flush(final=True), _LAST_WRITE_SECONDS)
        except (TimeoutError, UnavailableError) as error:
            _log.error("calls_write_failed", why=str(error) or "timeout", waiting=self.backlog)

    def _cursor_is_due(self, cursor: Cursor | None, final: bool) -> bool:  # noqa: FBT001 - passed on
        return cursor not in {None, self._stored_cursor} and (
            final or time.monotonic() - self._cursor_at > _CURSOR_SECONDS
        )

    @property
    def _has_work(self) -> bool:
        return bool(self._waiting or self._gaps or self._lost_gap or self._queue_news)

    async def _write(
        self, records: list[CallRecord], gaps: list[HistoryGap], cursor: Cursor | None, news: list[News]
    ) -> None:
        """Write in one transaction. A database that does not answer in time counts as unavailable."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(_WRITE_SECONDS):
                await self.writer.upsert(records, gaps, cursor, news)
        except TimeoutError as error:
            raise UnavailableError(_("no answer in time")) from error
        finally:
            self.timings.observe(time.monotonic() - began)

    def _collect(self) -> None:
        for record in self._following.take_changes():
            try:
                self._name(record)
            except Exception as error:  # noqa: BLE001 - a call without names is better than none
                self._following.faults.note("call_naming_failed", error, trace=True)
            self._waiting[record.id] = record
        self._gaps = [*self._gaps, *self._following.take_gaps()][-MAX_GAPS:]
        fresh = [self._queue_news_of(step) for step in self._following.take_queue_steps()]
        self._queue_news = [*self._queue_news, *fresh][-MAX_QUEUE_STEPS:]
        surplus = len(self._waiting) - self._max_waiting
        if surplus > 0:
            ended = (record for record in self._waiting.values() if record.ended is not None)
            self._drop(list(islice(ended, surplus)))

    def _drop(self, records: list[CallRecord]) -> None:
        """Drop ended calls that memory has no room for, and remember the gap that this leaves."""
        if not records:
            return  # all are under way, and the PBX limits their number
        if not self._lost_gap:
            _log.error("calls_lost", waiting=self.backlog)
        known = [self._lost_gap] if self._lost_gap else []
        since = min([record.started for record in records] + [each.since for each in known])
        to = max([record.ended or record.started for record in records] + [each.to for each in known])
        calls = len(records) + sum(each.calls or 0 for each in known)
        self._lost_gap = HistoryGap(records[0].pbx, since, to, "storage", calls)
        self.lost += len(records)
        for record in records:
            del self._waiting[record.id]

    def _name(self, record: CallRecord) -> None:
        """Add the book's names to the numbers. A call keeps the names of its first moment."""
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

    def _queue_news_of(self, step: QueueStep) -> News:
        """Return the feed's event of a step in a queue: ids and numbers, no name."""
        caller = step.caller
        contact = None if caller.extension else self._directory.lookup(caller.number or "", DAEMON).contact
        facts = {
            "queue": step.queue,
            "caller": {"number": caller.number, "extension": caller.extension},
            "contact": contact,
            "started": instant(step.started),
            **step.more,
        }
        return News(step.kind, step.call, facts)

    @property
    def faults(self) -> dict[str, int]:
        """What failed with single events and calls so far, by kind; empty if nothing did."""
        written = {"calls_shortened": self.writer.shortened, "calls_refused": self.writer.refused}
        return {kind: count for kind, count in {**self._following.faults.counts, **written}.items() if count}

    def readings(self) -> Iterator[Reading | Measured]:
        """Say what is counted."""
        yield Reading("pbxd_calls_open", "Calls under way.", "gauge", lambda: self._following.tracker.open_calls)
        yield Reading("pbxd_calls_written_total", "Writes of calls' records.", "counter", lambda: self.written)
        yield Reading("pbxd_calls_waiting", "Calls that wait to be written.", "gauge", lambda: self.backlog)
        yield Reading("pbxd_calls_lost_total", "Calls that memory had no room for.", "counter", lambda: self.lost)
        yield Measured("pbxd_calls_write_seconds", "Transactions that write calls.", lambda: self.timings)

    def _party(self, party: Party) -> Party:
        match = self._directory.lookup(party.extension or party.number or "", DAEMON)
        if match.by_extension and not party.extension:
            return Party()
        return Party(name=match.name or None, company=match.company or None, contact=match.contact)
