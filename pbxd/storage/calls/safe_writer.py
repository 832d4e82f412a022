"""Write calls even if the database refuses some: those are written alone, last, in a shortened form."""

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
from pbxd.storage.engine.feed import News

_LONGEST = 40  # characters of a text in a shortened record
_MOST = 10  # first entries of a list that are kept, and last entries
_LONGEST_SECONDS = 1e9

Entry = TypeVar("Entry")
Amended = tuple[CallRecord | None, CallRecord]  # the record that was read, and the new one

_NOT_CAUSED_BY_CALLS = (ProgrammingError, NotSupportedError)  # a table or a right is missing

_log = structlog.get_logger(__name__)


class SafeWriter:
    """Writes calls whatever they contain.

    Counts the calls that were shortened, and those that could not be written at all.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._batches = 0  # number of refused ones
        self._why = ""  # the error of the last one
        self.shortened = 0
        self.refused = 0

    async def upsert(
        self,
        records: Sequence[CallRecord],
        gaps: Sequence[HistoryGap] = (),
        cursor: tuple[str, datetime] | None = None,
        beside: Sequence[News] = (),
    ) -> None:
        """Write as `Calls.upsert` does. Raises only UnavailableError; the write can be tried again then."""
        upsert = self._calls.upsert
        if await self._try(partial(upsert, records, gaps, cursor, beside)):
            return
        self._log_refusal(len(records))
        more = bool(gaps or cursor or beside)
        alone = more and await self._try(partial(upsert, records))  # the calls were not the cause
        for record in [] if alone else await self._write_halves(records, upsert):
            self._count(record, written=await self._try(partial(upsert, [shortened(record)])))
        for gap in gaps:
            await self._try(partial(upsert, [], [gap]))
        await self._try(partial(upsert, [], [], cursor))
        for news in beside:
            await self._try(partial(upsert, [], [], None, [news]))

    async def amend(self, amended: Mapping[str, Amended], kind: str) -> tuple[set[str], set[str]]:
        """Write as `Calls.amend` does. Return the same ids, and the ids of calls that cannot be written at all.

        Raises only UnavailableError.
        """
        written: set[str] = set()
        refused: set[str] = set()

        async def write(part: Sequence[tuple[str, Amended]]) -> None:
            written.update(await self._calls.amend(dict(part), kind))

        entries = list(amended.items())
        if await self._try(partial(write, entries)):
            return written, refused
        self._log_refusal(len(entries))
        for key, (before, after) in await self._write_halves(entries, write):
            accepted = await self._try(partial(write, [(key, (before, shortened(after)))]))
            self._count(after, written=accepted)
            if not accepted:
                refused.add(key)
        return written, refused

    def _log_refusal(self, calls: int) -> None:
        self._batches += 1
        if self._batches & (self._batches - 1) == 0:  # the first, the second, the fourth …
            _log.error("calls_refused", calls=calls, why=self._why, times=self._batches)

    def _count(self, record: CallRecord, *, written: bool) -> None:
        self.shortened += written
        self.refused += not written
        if not written:
            _log.error("call_write_failed", call=record.id[:_LONGEST], why=self._why)

    async def _write_halves(
        self, entries: Sequence[Entry], write: Callable[[Sequence[Entry]], Awaitable[None]]
    ) -> list[Entry]:
        """Write a refused batch half by half; return the entries that are refused alone."""
        if len(entries) == 1:
            return list(entries)
        middle = len(entries) // 2
        halves = [half for half in (entries[:middle], entries[middle:]) if half]
        refused = [half for half in halves if not await self._try(partial(write, half))]
        return [entry for half in refused for entry in await self._write_halves(half, write)]

    async def _try(self, write: Callable[[], Awaitable[None]]) -> bool:
        """Write; return whether the database accepted it."""
        try:
            await write()
        except UnavailableError:
            raise
        except _NOT_CAUSED_BY_CALLS as error:
            raise UnavailableError(type(error).__name__) from error
        except Exception as error:  # noqa: BLE001 - one call must not keep the others from being written
            self._why = type(error).__name__
            return False
        return True


def shortened(record: CallRecord) -> CallRecord:
    """Return a record that any database accepts, with as much of the call as that allows."""
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
    """Keep the beginning of a text, with characters that any database accepts."""
    return None if text is None else "".join(c if " " <= c <= "~" or c.isalnum() else "?" for c in text[:_LONGEST])


def _some(entries: list[Entry]) -> list[Entry]:
    return entries if len(entries) <= 2 * _MOST else [*entries[:_MOST], *entries[-_MOST:]]


def _seconds(seconds: float) -> float:
    return seconds if 0.0 <= seconds < _LONGEST_SECONDS else 0.0
