"""Read calls from the PBX's log: CEL (channel events), or CDR (one record a path of a call).

Each reading is one pass over the rows of the log. It follows the calls that began up to a time, to their ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime

from pbxd.asterisk import cdr
from pbxd.asterisk.cel import CelTranslator, read_row
from pbxd.asterisk.channel_ids import CHANNEL_IDS
from pbxd.asterisk.endpoints import Endpoints
from pbxd.calls.events import LinkLost, SnapshotBegan, SnapshotEnded
from pbxd.calls.record import CallRecord
from pbxd.calls.tracker import Tracker
from pbxd.faults import Faults
from pbxd.numbers import rules_from
from pbxd.settings import Settings

_DISORDER_SECONDS = 10.0  # rows are in the order of their times except for less than that
# A snapshot shows calls that began after the last event before it, whose time it has: calls that began so much after
# the period are read too.
_AFTER_SECONDS = 5.0


class CelReading:
    """One pass over channel events. `records` has the finished calls by their ids."""

    def __init__(self, settings: Settings, until: datetime) -> None:
        self.records: dict[str, CallRecord] = {}
        self._until = until.timestamp()
        self._translator = CelTranslator(Endpoints(settings.employees.pattern, settings.employees.channels))
        self._tracker = Tracker(settings.asterisk.name, rules_from(settings), CHANNEL_IDS)
        self._faults = Faults()
        self._followed: set[str] = set()
        self.reached = 0.0  # the time of the last row

    def follow(self, values: Mapping[str, str]) -> None:
        """Handle a row. Rows of calls that began after the period, or before the first row, are skipped."""
        row = read_row(values)
        if row is None:
            return
        self.reached = max(self.reached, row.at)
        if row.kind == "CHAN_START" and row.uniqueid == row.linkedid and row.at <= self._until + _AFTER_SECONDS:
            self._followed.add(row.linkedid)
        elif row.linkedid not in self._followed and not self._translator.knows(row):
            return
        self._followed.add(row.linkedid)
        try:
            for event in self._translator.translate(row):
                self._tracker.feed(event)
        except Exception as error:  # noqa: BLE001 - a defect may cost this row, never the calls after it
            self._faults.note("log_row_failed", error, trace=True)

    @property
    def done(self) -> bool:
        """Whether no further row is needed."""
        return not self._translator.living and self.reached > self._until + _AFTER_SECONDS + _DISORDER_SECONDS

    def collect(self) -> None:
        """Keep the records of finished calls."""
        for record in self._tracker.take_changes():
            record.source = "cel"
            if record.ended is not None:
                self.records[record.id] = record

    async def close(self, *, all_ended: bool) -> None:
        """Finish the pass. With `all_ended` end the calls that the log leaves open, at the end of the period at most.

        The log leaves a call open if the PBX crashed.
        """
        if not all_ended:
            return
        at = min(self.reached, self._until)
        for event in (LinkLost(at), SnapshotBegan(at), SnapshotEnded(at)):
            self._tracker.feed(event)
        self.collect()


class CdrReading:
    """One pass over call detail records. `records` has the calls by their ids, after `close`."""

    done = False  # the record of a long call comes late

    def __init__(self, settings: Settings, until: datetime) -> None:
        self.records: dict[str, CallRecord] = {}
        self._until = until.timestamp()
        self._endpoints = Endpoints(settings.employees.pattern, settings.employees.channels)
        self._tracker = Tracker(settings.asterisk.name, rules_from(settings), CHANNEL_IDS, in_gap=False)
        self._faults = Faults()
        self._paths: list[cdr.CdrRow] = []
        self._linkedids: set[str] = set()
        self.reached = 0.0  # the time of the last row

    def follow(self, values: Mapping[str, str]) -> None:
        """Handle a row. Rows of calls that began after the period are skipped."""
        row = cdr.read_row(values)
        self.reached = max(self.reached, row.began if row else 0.0)
        if row is not None and (row.began <= self._until + _AFTER_SECONDS or row.linkedid in self._linkedids):
            self._linkedids.add(row.linkedid)
            self._paths.append(row)

    def collect(self) -> None:
        """Do nothing: no call is complete before its last record."""

    async def close(self, *, all_ended: bool) -> None:  # noqa: ARG002 - a CDR is written when its path has ended
        """Make the calls."""
        for paths in cdr.calls_of(self._paths, self._endpoints).values():
            try:
                for event in cdr.events_of(paths, self._endpoints):
                    self._tracker.feed(event)
            except Exception as error:  # noqa: BLE001 - a defect may cost this call, never the others
                self._faults.note("log_row_failed", error, trace=True)
            await asyncio.sleep(0)
        for record in self._tracker.take_changes():
            record.source = "cdr"
            if record.ended is not None:
                self.records[record.id] = record
