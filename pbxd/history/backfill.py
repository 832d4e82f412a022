"""Filling gaps: what the PBX's own log (CEL, else CDR) tells of a time we didn't hear is taken into the history, once.

Everything here may be done again: a call has one record, found by its id, and an outage that is filled says so.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import structlog

from pbxd.asterisk import cdr
from pbxd.asterisk.ami.reconnecting import Complaints
from pbxd.asterisk.cel import CelTranslator, read_row
from pbxd.asterisk.channel_ids import CHANNEL_IDS
from pbxd.asterisk.endpoints import Endpoints
from pbxd.calls.events import LinkLost, SnapshotBegan, SnapshotEnded
from pbxd.calls.log_merge import completed, differences, filled, forgotten, replaced, touches
from pbxd.calls.record import CallRecord
from pbxd.calls.tracker import Tracker
from pbxd.errors import ConfigurationError, UnavailableError
from pbxd.faults import Faults
from pbxd.i18n import _
from pbxd.numbers import rules_from
from pbxd.settings import Settings
from pbxd.storage.calls.backfill_rows import Filling
from pbxd.storage.calls.calls import Calls
from pbxd.storage.calls.gaps import HistoryGaps, StoredGap
from pbxd.storage.calls.safe_writer import Writing
from pbxd.storage.engine.database import Database
from pbxd.storage.pbx_log.readers import configured_log, rows, without_password

_EARLIER = timedelta(seconds=10)  # read from so long before a call's beginning on
_LATER = 10.0  # seconds; the log is in order but for less than that
_LISTED = 5.0  # seconds; a list has the time of what was heard before it, but shows calls that began since
_SETTLED = timedelta(seconds=2)  # an outage so fresh may not be in the log as a whole
_LOOK_SECONDS = 2.0
_RETRY_SECONDS = 60.0
_WRITTEN_AT_ONCE = 500

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Filled:
    """What became of an outage: calls found that were missing, calls completed, and whether some still last."""

    found: int
    completed: int
    pending: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """A call of which the log says something else than the history; `known` is None where it lacks the call."""

    known: CallRecord | None
    told: CallRecord

    @property
    def facts(self) -> list[tuple[str, str | None, str | None]]:
        """Name what differs: what the history says, what the log says."""
        return list(differences(self.known, self.told)) if self.known else []


class _Events:
    """One pass over channel events (CEL): calls that began up to `until`, or just after, followed to their ends."""

    def __init__(self, settings: Settings, until: datetime) -> None:
        self.records: dict[str, CallRecord] = {}
        self._until = until.timestamp()
        self._translator = CelTranslator(Endpoints(settings.employees.pattern, settings.employees.channels))
        self._tracker = Tracker(settings.asterisk.name, rules_from(settings), CHANNEL_IDS)
        self._faults = Faults()
        self._followed: set[str] = set()
        self._last = 0.0

    def follow(self, values: Mapping[str, str]) -> None:
        """Take a row; those of calls that began later, or before all that is read, are left out."""
        row = read_row(values)
        if row is None:
            return
        self._last = max(self._last, row.at)
        if row.kind == "CHAN_START" and row.uniqueid == row.linkedid and row.at <= self._until + _LISTED:
            self._followed.add(row.linkedid)
        elif row.linkedid not in self._followed and not self._translator.knows(row):
            return
        self._followed.add(row.linkedid)
        try:
            for event in self._translator.translate(row):
                self._tracker.feed(event)
        except Exception as error:  # noqa: BLE001 - one row may cost itself, never the calls after it
            self._faults.note("log_row_not_followed", error, trace=True)

    @property
    def over(self) -> bool:
        """Whether all that is wanted was read."""
        return not self._translator.living and self._last > self._until + _LISTED + _LATER

    def collect(self) -> None:
        """Keep the records of calls that are over."""
        for record in self._tracker.take_changes():
            record.source = "cel"
            if record.ended is not None:
                self.records[record.id] = record

    async def close(self, *, dead: bool) -> None:
        """All was read; when `dead`, end what the log doesn't end, with the period at the latest: the PBX was gone."""
        if not dead:
            return
        at = min(self._last, self._until)
        for event in (LinkLost(at), SnapshotBegan(at), SnapshotEnded(at)):
            self._tracker.feed(event)
        self.collect()


class _Paths:
    """One pass over call detail records (CDR): calls that began up to `until`, or just after."""

    over = False  # the record of a long call comes late

    def __init__(self, settings: Settings, until: datetime) -> None:
        self.records: dict[str, CallRecord] = {}
        self._until = until.timestamp()
        self._endpoints = Endpoints(settings.employees.pattern, settings.employees.channels)
        self._tracker = Tracker(settings.asterisk.name, rules_from(settings), CHANNEL_IDS, in_gap=False)
        self._faults = Faults()
        self._paths: dict[str, list[cdr.CdrRow]] = defaultdict(list)

    def follow(self, values: Mapping[str, str]) -> None:
        """Take a row; those of calls that began later are left out."""
        row = cdr.read_row(values)
        if row is not None and (row.began <= self._until + _LISTED or row.linkedid in self._paths):
            self._paths[row.linkedid].append(row)

    def collect(self) -> None:
        """Nothing is known of a call before its last record."""

    async def close(self, *, dead: bool) -> None:  # noqa: ARG002 - there are records of dead calls only
        """All was read: make the calls."""
        for paths in self._paths.values():
            try:
                for event in cdr.events_of(paths, self._endpoints):
                    self._tracker.feed(event)
            except Exception as error:  # noqa: BLE001 - one call must not end the pass
                self._faults.note("log_row_not_followed", error, trace=True)
            await asyncio.sleep(0)
        for record in self._tracker.take_changes():
            record.source = "cdr"
            if record.ended is not None:
                self.records[record.id] = record


class Backfill:
    """The log of one PBX beside the history."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._writing = Writing(Calls(database))
        self._filling = Filling(database)
        self._outages = HistoryGaps(database)
        self._pbx = settings.asterisk.name

    @property
    def configured(self) -> bool:
        """Whether there is a log to read."""
        return bool(self._settings.backfill.source)

    async def run(self) -> None:
        """Fill outages as they come, for ever; at once what is over, and the rest when its last call has ended."""
        tried: set[int] = set()
        complaints = Complaints(without_password(self._settings.backfill.source))
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if not self.configured:
                continue
            try:
                for kept in await self._outages.unfilled(self._pbx, datetime.now(UTC) - _SETTLED):
                    if kept.id in tried and await self._filling.lasting(self._pbx, kept.outage.to):
                        continue
                    tried.add(kept.id)
                    began = time.monotonic()
                    result = await self.fill(kept)
                    seconds = round(time.monotonic() - began, 3)
                    _log.info("outage_filled", outage=kept.id, seconds=seconds, **asdict(result))
            except (UnavailableError, ConfigurationError) as error:
                complaints.tell("backfill_failed", str(error))
                await asyncio.sleep(_RETRY_SECONDS)
            except Exception as error:  # noqa: BLE001 - a log nobody can read must not end the daemon
                complaints.tell("backfill_failed", type(error).__name__)
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                complaints.forget()

    async def fill(self, kept: StoredGap) -> Filled:
        """Take what the log tells of an outage into the history. Raises UnavailableError, ConfigurationError."""
        since, to = kept.outage.since, kept.outage.to
        touched = await self._filling.touching(self._pbx, since, to)
        pending = any(record.ended is None for record in touched)
        if pending and not self._settings.backfill.cel:
            return Filled(0, 0, pending)  # some of a call's records may be there, and others not yet
        start = min([since, *(record.started for record in touched)])
        told = await self._told(start, to, dead=not pending)
        there = [each for each in told if each.ended is not None and each.ended >= since]
        known = await self._filling.known([each.id for each in there])
        missing = [each for each in there if each.id not in known and each.merged_into is None and each.started <= to]
        fresh = [filled(each, since, to) for each in missing]
        better = [
            completed(known[each.id], each, since, to)
            for each in there
            if each.id in known and _can_be_completed(known[each.id], since, to)
        ]
        written, refused = await self._write(known, [*fresh, *better])
        # Once more if some changed meanwhile; those that can't be written at all would be refused again.
        pending = pending or len(written | refused) < len(fresh) + len(better)
        found, better_now = (sum(each.id in written for each in part) for part in (fresh, better))
        result = Filled(found, better_now, pending)
        await self._outages.note(kept.id, None if pending else self._kind, len(written))
        return result

    async def compare(self, since: datetime, to: datetime) -> list[Difference]:
        """Return the calls begun in a period of which the log says something else than the history, oldest first.

        Calls under way, and those that became part of others, are left out. Raises what `fill` raises.
        """
        if not self._settings.backfill.cel:
            raise ConfigurationError(_("backfill.cel: missing; it says where the PBX writes its channel events (CEL)"))
        start = await self._filling.earliest(self._pbx, since)  # of an agent's line, say, in which the calls are taken
        told = [each for each in await self._told(start, to, dead=False) if since <= each.started < to]
        there = [each for each in told if each.merged_into is None]
        known = await self._filling.known([each.id for each in there])
        found = [Difference(known.get(each.id), each) for each in there]
        return sorted((each for each in found if _differs(each)), key=lambda each: each.told.started)

    async def rebuild(self, differing: Sequence[Difference]) -> int:
        """Let the history say what the log says; return of how many calls. One that changed meanwhile is left alone."""
        known = {each.known.id: each.known for each in differing if each.known}
        told = [replaced(each.known, each.told) if each.known else each.told for each in differing]
        return len((await self._write(known, told))[0])

    async def _write(self, known: Mapping[str, CallRecord], records: Sequence[CallRecord]) -> tuple[set[str], set[str]]:
        """Write records in the place of those that were read; return the ids of those that had not changed since.

        And the ids of those that the database refuses, whatever is tried.
        """
        written: set[str] = set()
        refused: set[str] = set()
        for at in range(0, len(records), _WRITTEN_AT_ONCE):
            part = {each.id: (known.get(each.id), each) for each in records[at : at + _WRITTEN_AT_ONCE]}
            part_written, part_refused = await self._writing.amend(part, "call.filled")
            written |= part_written
            refused |= part_refused
        return written, refused

    async def _told(self, since: datetime, until: datetime, *, dead: bool) -> list[CallRecord]:
        """Return what the log tells of calls that began between two times, or just after.

        `dead`: none of those between them can be alive.
        """
        if not self.configured:
            missing = _("backfill.cel: missing; it says where the PBX writes its channel events (CEL); or backfill.cdr")
            raise ConfigurationError(missing)
        reading: _Events | _Paths = (_Events if self._settings.backfill.cel else _Paths)(self._settings, until)
        async with aclosing(rows(configured_log(self._settings), (since - _EARLIER).timestamp())) as parts:
            async for part in parts:
                for values in part:
                    reading.follow(values)
                reading.collect()
                if reading.over:
                    break
                await asyncio.sleep(0)
        await reading.close(dead=dead)
        return [each for each in reading.records.values() if not self._expired(each)]

    def _expired(self, told: CallRecord) -> bool:
        """Whether a call is so old that retention deletes it, or has: the log must not bring it back."""
        days = self._settings.retention.calls_days
        return bool(days) and told.started < datetime.now(UTC) - timedelta(days=days)

    @property
    def _kind(self) -> Literal["cel", "cdr"]:
        return "cel" if self._settings.backfill.cel else "cdr"


def _can_be_completed(known: CallRecord, since: datetime, to: datetime) -> bool:
    whole = known.ended is not None and known.merged_into is None and not forgotten(known)
    return whole and any(touches(gap, since, to) for gap in known.gaps)


def _differs(found: Difference) -> bool:
    known = found.known
    if known is None:
        return True
    comparable = known.ended is not None and known.merged_into is None and not forgotten(known)
    return comparable and bool(found.facts)
