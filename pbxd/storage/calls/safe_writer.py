"""Calls the database refuses to write hold up no other: they are written alone, last, in a shortened form."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TypeVar

import structlog
from sqlalchemy.exc import NotSupportedError, ProgrammingError

from pbxd.calls.record import PARTS, CallRecord, HistoryGap, Party
from pbxd.errors import UnavailableError
from pbxd.storage.calls.calls import Calls

_LONGEST = 40  # characters of a text in a shortened record
_MOST = 10  # of a list's first entries, and as many of its last
_LONGEST_SECONDS = 1e9

Entry = TypeVar("Entry")
Amended = tuple[CallRecord | None, CallRecord]  # what was read, and what stands in its place

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
        outages: Sequence[HistoryGap] = (),
        heard: tuple[str, datetime] | None = None,
    ) -> None:
        """Write as `Calls.upsert` does. Raises UnavailableError alone; then it may be tried again."""
        upsert = self._calls.upsert
        if await self._taken(partial(upsert, records, outages, heard)):
            return
        self._complain(len(records))
        alone = bool(outages or heard) and await self._taken(partial(upsert, records))  # the calls were not to blame
        for record in [] if alone else await self._apart(records, upsert):
            self._count(record, written=await self._taken(partial(upsert, [shortened(record)])))
        for outage in outages:
            await self._taken(partial(upsert, [], [outage]))
        await self._taken(partial(upsert, [], [], heard))

    async def amend(self, amended: Mapping[str, Amended], told_as: str) -> tuple[set[str], set[str]]:
        """Write as `Calls.amend` does; return the same ids, and those of calls that can't be written at all.

        Raises UnavailableError alone.
        """
        written: set[str] = set()
        refused: set[str] = set()

        async def write(part: Sequence[tuple[str, Amended]]) -> None:
            written.update(await self._calls.amend(dict(part), told_as))

        entries = list(amended.items())
        if await self._taken(partial(write, entries)):
            return written, refused
        self._complain(len(entries))
        for key, (before, after) in await self._apart(entries, write):
            taken = await self._taken(partial(write, [(key, (before, shortened(after)))]))
            self._count(after, written=taken)
            if not taken:
                refused.add(key)
        return written, refused

    def _complain(self, calls: int) -> None:
        self._batches += 1
        if self._batches & (self._batches - 1) == 0:  # the first, the second, the fourth …
            _log.error("calls_refused", calls=calls, why=self._why, times=self._batches)

    def _count(self, record: CallRecord, *, written: bool) -> None:
        self.shortened += written
        self.refused += not written
        if not written:
            _log.error("call_not_written", call=record.id[:_LONGEST], why=self._why)

    async def _apart(
        self, entries: Sequence[Entry], write: Callable[[Sequence[Entry]], Awaitable[None]]
    ) -> list[Entry]:
        """Write all that can be written, of a batch that was refused, half by half; return those that can't."""
        if len(entries) == 1:
            return list(entries)
        middle = len(entries) // 2
        halves = [half for half in (entries[:middle], entries[middle:]) if half]
        refused = [half for half in halves if not await self._taken(partial(write, half))]
        return [entry for half in refused for entry in await self._apart(half, write)]

    async def _taken(self, write: Callable[[], Awaitable[None]]) -> bool:
        """Write; return whether the database took it."""
        try:
            await write()
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
