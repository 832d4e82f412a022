"""Back-fill: take calls from the PBX's log (CEL, else CDR) into the history where that has a gap.

Every step can be repeated: a call has one record, found by its id, and a filled gap is marked as filled.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import structlog

from pbxd.calls.log_merge import complete_record, differences, is_erased, is_within, new_record, replace_record
from pbxd.calls.record import CallRecord
from pbxd.errors import ConfigurationError, UnavailableError
from pbxd.history.log_reading import CdrReading, CelReading
from pbxd.i18n import _
from pbxd.logs import Complaints
from pbxd.settings import Settings
from pbxd.storage.calls.backfill_rows import BackfillRows
from pbxd.storage.calls.calls import Calls
from pbxd.storage.calls.gaps import HistoryGaps, StoredGap
from pbxd.storage.calls.safe_writer import SafeWriter
from pbxd.storage.engine.database import Database
from pbxd.storage.pbx_log.readers import configured_log, rows, without_password

_BEFORE = timedelta(seconds=10)  # the log is read from so long before the first call's start
_SETTLED = timedelta(seconds=2)  # the log may not have a whole gap that ended more recently
# A CDR has whole seconds, rounded down. Where it has a start and a length, both are: the end may be 2 s early.
_ROUNDED = timedelta(seconds=2)
_LOOK_SECONDS = 2.0
_RETRY_SECONDS = 60.0
_WRITTEN_AT_ONCE = 500

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Filled:
    """The result for one gap: calls that were missing, calls that were completed, and whether some still last."""

    found: int
    completed: int
    pending: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """A call of which log and history differ; `known` is None if the history lacks it."""

    known: CallRecord | None
    logged: CallRecord

    @property
    def facts(self) -> list[tuple[str, str | None, str | None]]:
        """The facts that differ: name, the history's value, the log's value."""
        return list(differences(self.known, self.logged)) if self.known else []


class Backfill:
    """Fills the gaps of one PBX's history from its log."""

    def __init__(
        self, settings: Settings, database: Database, progress: Callable[[int, int], None] = lambda _done, _total: None
    ) -> None:
        """Call `progress` with how much is done, and of how much: seconds of the log, then calls to write."""
        self._settings = settings
        self._progress = progress
        self._writer = SafeWriter(Calls(database))
        self._rows = BackfillRows(database)
        self._gaps = HistoryGaps(database)
        self._pbx = settings.asterisk.name

    @property
    def configured(self) -> bool:
        """Whether there is a log to read."""
        return bool(self._settings.backfill.source)

    async def run(self) -> None:
        """Fill gaps as they come, for ever: ended calls at once, the others when the last of them has ended."""
        tried: set[int] = set()
        complaints = Complaints(without_password(self._settings.backfill.source))
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if not self.configured:
                continue
            try:
                await self._fill_all(tried)
            except (UnavailableError, ConfigurationError) as error:
                complaints.tell("backfill_failed", str(error))
                await asyncio.sleep(_RETRY_SECONDS)
            except Exception as error:  # noqa: BLE001 - an unreadable log must not end the daemon
                complaints.tell("backfill_failed", type(error).__name__)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                complaints.forget()

    async def _fill_all(self, tried: set[int]) -> None:
        for stored in await self._gaps.unfilled(self._pbx, datetime.now(UTC) - _SETTLED):
            if stored.id in tried and await self._rows.has_open_call(self._pbx, stored.gap.to):
                continue
            tried.add(stored.id)
            began = time.monotonic()
            result = await self.fill(stored)
            _log.info("gap_filled", gap=stored.id, seconds=round(time.monotonic() - began, 3), **asdict(result))

    async def fill(self, stored: StoredGap) -> Filled:
        """Take the log's calls of a gap into the history. Raises UnavailableError, ConfigurationError."""
        since, to = stored.gap.since, stored.gap.to
        touched = await self._rows.calls_between(self._pbx, since, to)
        pending = any(record.ended is None for record in touched)
        if pending and not self._settings.backfill.cel:
            return Filled(0, 0, pending)  # the CDRs of a call under way are incomplete
        start = min([since, *(record.started for record in touched)])
        logged = await self._read_log(start, to, all_ended=not pending)
        first = since if self._settings.backfill.cel else since - _ROUNDED
        ended = [each for each in logged if each.ended is not None and each.ended >= first]
        known = await self._rows.find([each.id for each in ended])
        missing = [each for each in ended if each.id not in known and each.merged_into is None and each.started <= to]
        found = [new_record(each, since, to) for each in missing]
        completed = [
            complete_record(known[each.id], each, since, to)
            for each in ended
            if each.id in known and _can_be_completed(known[each.id], since, to)
        ]
        written, refused = await self._write(known, [*found, *completed])
        # A call that changed meanwhile is tried again later. One that the database refuses would be refused again.
        pending = pending or len(written | refused) < len(found) + len(completed)
        counts = [sum(each.id in written for each in part) for part in (found, completed)]
        await self._gaps.note_filled(stored.id, None if pending else self._kind, len(written))
        return Filled(counts[0], counts[1], pending)

    async def compare(self, since: datetime, to: datetime) -> list[Difference]:
        """Return the calls begun in a period for which log and history differ, oldest first.

        Calls under way, and those that became part of others, are left out. Raises what `fill` raises.
        """
        if not self._settings.backfill.cel:
            raise ConfigurationError(_("backfill.cel: missing; it says where the PBX writes its channel events (CEL)"))
        start = await self._rows.earliest_start(self._pbx, since)  # a line that began earlier may have taken the calls
        logged = [each for each in await self._read_log(start, to, all_ended=False) if since <= each.started < to]
        present = [each for each in logged if each.merged_into is None]
        known = await self._rows.find([each.id for each in present])
        found = [Difference(known.get(each.id), each) for each in present]
        return sorted((each for each in found if _differs(each)), key=lambda each: each.logged.started)

    async def rebuild(self, differing: Sequence[Difference]) -> int:
        """Write the log's facts into the history; return for how many calls.

        A call that changed meanwhile is left alone.
        """
        known = {each.known.id: each.known for each in differing if each.known}
        records = [replace_record(each.known, each.logged) if each.known else each.logged for each in differing]
        return len((await self._write(known, records))[0])

    async def _write(self, known: Mapping[str, CallRecord], records: Sequence[CallRecord]) -> tuple[set[str], set[str]]:
        """Write records in the place of those in `known`.

        Return the ids of those written, and of those that the database refuses in any form. A call that changed since
        it was read is in neither.
        """
        written: set[str] = set()
        refused: set[str] = set()
        for at in range(0, len(records), _WRITTEN_AT_ONCE):
            part = {each.id: (known.get(each.id), each) for each in records[at : at + _WRITTEN_AT_ONCE]}
            part_written, part_refused = await self._writer.amend(part, "call.filled")
            self._progress(at + len(part), len(records))
            written |= part_written
            refused |= part_refused
        return written, refused

    async def _read_log(self, since: datetime, until: datetime, *, all_ended: bool) -> list[CallRecord]:
        """Return the log's calls that began between two times. `all_ended`: none of them can be under way."""
        if not self.configured:
            missing = _("backfill.cel: missing; it says where the PBX writes its channel events (CEL); or backfill.cdr")
            raise ConfigurationError(missing)
        reading = (CelReading if self._settings.backfill.cel else CdrReading)(self._settings, until)
        async with aclosing(rows(configured_log(self._settings), (since - _BEFORE).timestamp())) as parts:
            began = (since - _BEFORE).timestamp()
            async for part in parts:
                for values in part:
                    reading.follow(values)
                self._progress(max(0, round(reading.reached - began)), round(until.timestamp() - began))
                reading.collect()
                if reading.done:
                    break
                await asyncio.sleep(0)
        await reading.close(all_ended=all_ended)
        return [each for each in reading.records.values() if not self._is_expired(each)]

    def _is_expired(self, logged: CallRecord) -> bool:
        """Whether retention deletes calls of that age: the log must not bring them back."""
        days = self._settings.retention.calls_days
        return bool(days) and logged.started < datetime.now(UTC) - timedelta(days=days)

    @property
    def _kind(self) -> Literal["cel", "cdr"]:
        return "cel" if self._settings.backfill.cel else "cdr"


def _can_be_completed(known: CallRecord, since: datetime, to: datetime) -> bool:
    ended = known.ended is not None and known.merged_into is None and not is_erased(known)
    return ended and any(is_within(gap, since, to) for gap in known.gaps)


def _differs(found: Difference) -> bool:
    known = found.known
    if known is None:
        return True
    comparable = known.ended is not None and known.merged_into is None and not is_erased(known)
    return comparable and bool(found.facts)
