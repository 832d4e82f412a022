"""Calls the database refuses to write hold up no other: they are written alone, last, in a shortened form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

import structlog
from sqlalchemy.exc import NotSupportedError, ProgrammingError

from pbxd.calls.record import PARTS, CallRecord, Outage, Party
from pbxd.errors import UnavailableError
from pbxd.storage.calls import Calls

_LONGEST = 40  # characters of a text in a shortened record
_MOST = 10  # of a list's first entries, and as many of its last
_LONGEST_SECONDS = 1e9

Entry = TypeVar("Entry")

_NOT_THE_CALLS = (ProgrammingError, NotSupportedError)  # a table or a right is missing: no call is to blame

_log = structlog.get_logger(__name__)


class Writing:
    """Writes calls whatever is in them; counts what was shortened for it, and what could not be written at all."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._batches = 0  # refused
        self._why = ""  # the last was
        self.shortened = 0
        self.refused = 0

    async def upsert(
        self,
        records: Sequence[CallRecord],
        outages: Sequence[Outage] = (),
        heard: tuple[str, datetime] | None = None,
        *,
        told_as: str = "",
    ) -> None:
        """Write as `Calls.upsert` does. Raises UnavailableError alone; then it may be tried again."""
        if await self._try(records, outages, heard, told_as=told_as):
            return
        self._batches += 1
        if self._batches & (self._batches - 1) == 0:  # the first, the second, the fourth …
            _log.error("calls_refused", calls=len(records), why=self._why, times=self._batches)
        alone = bool(outages or heard) and await self._try(records, told_as=told_as)  # the calls were not to blame
        for record in [] if alone else await self._apart(records, told_as):
            if await self._try([shortened(record)], told_as=told_as):
                self.shortened += 1
            else:
                self.refused += 1
                _log.error("call_not_written", call=record.id[:_LONGEST], why=self._why)
        for outage in outages:
            await self._try([], [outage])
        await self._try([], [], heard)

    async def _apart(self, records: Sequence[CallRecord], told_as: str) -> list[CallRecord]:
        """Write all that can be written, of a batch that was refused, half by half; return those that can't."""
        if len(records) == 1:
            return list(records)
        middle = len(records) // 2
        halves = [half for half in (records[:middle], records[middle:]) if half]
        refused = [half for half in halves if not await self._try(half, told_as=told_as)]
        return [record for half in refused for record in await self._apart(half, told_as)]

    async def _try(
        self,
        records: Sequence[CallRecord],
        outages: Sequence[Outage] = (),
        heard: tuple[str, datetime] | None = None,
        *,
        told_as: str = "",
    ) -> bool:
        try:
            await self._calls.upsert(records, outages, heard, told_as=told_as)
        except UnavailableError:
            raise
        except _NOT_THE_CALLS as error:
            raise UnavailableError(type(error).__name__) from error
        except Exception as error:  # noqa: BLE001 - whatever one call's record leads to, the others are written
            self._why = type(error).__name__
            return False
        return True


def shortened(record: CallRecord) -> CallRecord:
    """Return a record that any database takes, with as much of the call as that allows."""
    seconds = {part: _seconds(record.seconds.get(part, 0.0)) for part in PARTS}
    return replace(
        record,
        linkedid=_text(record.linkedid) or "",
        caller=_party(record.caller),
        callee=_party(record.callee),
        queue=_text(record.queue),
        queues=[_text(queue) or "" for queue in _some(record.queues)],
        seconds=seconds,
        answered_by=[_text(who) or "" for who in _some(record.answered_by)],
        agents=[
            replace(
                agent,
                extension=_text(agent.extension) or "",
                ring_seconds=_seconds(agent.ring_seconds),
                talk_seconds=_seconds(agent.talk_seconds),
            )
            for agent in _some(record.agents)
        ],
        recordings=[],
        cause=record.cause if record.cause is not None and 0 <= record.cause < 1000 else None,  # noqa: PLR2004 - Q.850
        story=[replace(step, who=_text(step.who), detail=_text(step.detail)) for step in _some(record.story)],
        gaps=_some(record.gaps),
    )


def _party(party: Party) -> Party:
    return Party(number=_text(party.number), extension=_text(party.extension), contact=party.contact)


def _text(text: str | None) -> str | None:
    """Keep the beginning of a text, of what any database takes."""
    return None if text is None else "".join(c if " " <= c <= "~" or c.isalnum() else "?" for c in text[:_LONGEST])


def _some(entries: list[Entry]) -> list[Entry]:
    return entries if len(entries) <= 2 * _MOST else [*entries[:_MOST], *entries[-_MOST:]]


def _seconds(seconds: float) -> float:
    return seconds if 0.0 <= seconds < _LONGEST_SECONDS else 0.0
