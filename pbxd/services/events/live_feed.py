"""Live events: one reader of the feed for all streams, and the present states of phones and calls.

A stream keeps a cursor into the events in memory, no queue of its own: a slow one costs nothing, and reads from the
database what memory no longer has.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from pbxd.errors import UnavailableError
from pbxd.logs import Complaints
from pbxd.measures import Reading
from pbxd.services.events.hearing import CALL, STATE, Event, Hearing, event_of, state_json
from pbxd.services.events.present import Present, differ, of_phone, over
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed

POLL_SECONDS = 0.25  # for what other processes write
PHONES_SECONDS = 0.1  # how often the phones are looked at, and as soon as …
GATHER_SECONDS = 0.005  # … the PBX said something, so long after its first event
TOGETHER_SECONDS = 0.02  # events within this time share a write
BEAT_SECONDS = 1.0  # how often a stream wakes at least
CHECK_SECONDS = 2.0  # how often it asks whether it may go on: it must end 5 s after its right has
PING_SECONDS = 15.0
_KEPT = 5000  # events in memory
_PAGE = 500
_WOKEN_AT_ONCE = 25  # streams; each writes for some 50 microseconds
_PAUSE_TIMES = 20  # pause after a look at the phones, in times of it
_RETRY_SECONDS = 1.0
_STEP_SECONDS = 10.0  # after that a database that hangs is asked again

Phones = Mapping[str, str]  # by extension: ringing or talking; the others are free
_Name = tuple[str, str]  # the kind and the subject of a state


@dataclass(frozen=True, slots=True)
class Start:
    """Where a stream begins: after which event, and the feed's first and last number if its cursor was outside."""

    cursor: int
    reset: tuple[int, int] | None = None


class LiveFeed:
    """Hands events out to streams as they come. `run` is a root task; `wake` says that there are new ones.

    `phones` says whose phones ring or talk now, `everybody` which extensions there are, `calls` what happens in calls.
    """

    def __init__(
        self,
        database: Database,
        phones: Callable[[], Phones] = dict,
        everybody: Callable[[], Iterable[str]] = tuple,
        calls: Callable[[], Mapping[str, Present]] = dict,
    ) -> None:
        self._feed = Feed(database)
        self._phones = phones
        self._everybody = everybody
        self._calls = calls
        self._events: deque[Event] = deque(maxlen=_KEPT)
        self._after = 0  # memory has every event after this number …
        self._cursor: int | None = None  # … up to this one; None: nothing was read yet
        self._states: dict[_Name, Present] = {}
        self._changes: deque[tuple[int, str, frozenset[str], bytes]] = deque(maxlen=_KEPT)  # number, kind, whose, frame
        self._changed = 0  # the number of the last one
        self._looked = self._polled = -math.inf
        self._unread = False
        self._touched = False  # the PBX said something since the phones were looked at
        self._look_took = 0.0  # seconds
        self._work = asyncio.Event()
        database.on_commit.append(self.wake)
        self._waiters: list[asyncio.Future[None]] = []  # of streams that have everything
        self._batches: dict[tuple[Hearing, int], bytes] = {}  # frames after a cursor, made once for equal readers
        self._complaints = Complaints("feed")
        self.streams = 0
        self.staff_changed = 0  # the number of the last event of an employee that was read

    def readings(self) -> Iterator[Reading]:
        """Say what is counted."""
        yield Reading("pbxd_event_streams", "Readers of live events.", "gauge", lambda: self.streams)
        about = "The last number of the feed that live events have."
        yield Reading("pbxd_events_cursor", about, "gauge", lambda: self._cursor or 0)

    def wake(self) -> None:
        """Read the feed at once."""
        self._unread = True
        self._work.set()

    def touch(self) -> None:
        """Look at the phones soon: the PBX said something."""
        if not self._touched:
            self._touched = True
            self._work.set()

    @property
    def seq(self) -> int | None:
        """The number of the last event that streams can have; None: nothing was read yet."""
        return self._cursor

    async def run(self) -> None:
        """Read the feed for ever."""
        beat = 0.0
        while True:
            news = await self._look()
            now = time.monotonic()
            if news or now - beat >= BEAT_SECONDS:
                beat = now
                self._batches.clear()
                await self._wake_streams()
                await asyncio.sleep(TOGETHER_SECONDS)
            try:
                async with asyncio.timeout(PHONES_SECONDS):
                    await self._work.wait()
            except TimeoutError:
                pass
            if self._touched:
                await asyncio.sleep(max(GATHER_SECONDS, _PAUSE_TIMES * self._look_took))

    async def _wake_streams(self) -> None:
        """Let the streams go on, some at a time: a thousand at once would make look-ups wait."""
        waiters, self._waiters = self._waiters, []
        for first in range(0, len(waiters), _WOKEN_AT_ONCE):
            for waiter in waiters[first : first + _WOKEN_AT_ONCE]:
                if not waiter.done():  # its stream has not ended
                    waiter.set_result(None)
            await asyncio.sleep(0)

    async def _look(self) -> bool:
        """Take in what is new; return whether anything is."""
        now = time.monotonic()
        unread, self._unread = self._unread, False
        self._work.clear()
        phones = self._look_at_phones(now)
        if not unread and now - self._polled < POLL_SECONDS:
            return phones
        self._polled = now
        try:
            async with asyncio.timeout(_STEP_SECONDS):
                if self._cursor is None:
                    self._after = self._cursor = await self._feed.last()
                changed = await self._feed.changed()
                return (await self._read() if unread or changed else False) or phones
        except (UnavailableError, TimeoutError) as error:
            self._complaints.tell("events_not_read", str(error) or "timeout")
            self._unread = True  # and it is tried again with the next poll
            self._polled = now + _RETRY_SECONDS
            await asyncio.sleep(_RETRY_SECONDS)
            return phones

    async def _read(self) -> bool:
        """Read on to the feed's end."""
        began = self._cursor or 0
        while True:
            rows = await self._feed.read(self._cursor or 0, _PAGE)
            for row in rows:
                if event := event_of(row):
                    if len(self._events) == _KEPT:
                        self._after = self._events[0].seq
                    self._events.append(event)
                    if event.kind == "employee.changed":
                        self.staff_changed = event.seq
                self._cursor = row.seq
            if len(rows) < _PAGE:
                self._complaints.forget()
                return self._cursor != began

    def _look_at_phones(self, clock: float) -> bool:
        if not self._touched and clock - self._looked < PHONES_SECONDS:
            return False
        self._looked, self._touched = clock, False
        now = {(STATE, extension): of_phone(extension, state) for extension, state in self._phones().items()}
        now |= {(CALL, call): present for call, present in self._calls().items()}
        changed = [name for name in {**self._states, **now} if differ(self._states.get(name), now.get(name))]
        at = datetime.now(UTC)
        for kind, subject in changed:
            self._changed += 1
            present = now.get((kind, subject)) or over(kind, self._states[kind, subject])
            frame = _frame(kind, state_json(at, kind, subject, present.data))
            self._changes.append((self._changed, kind, present.extensions, frame))
        self._states = now
        self._look_took = time.monotonic() - clock
        return bool(changed)

    def states(self) -> dict[str, str]:
        """Return the state of every extension now."""
        return dict.fromkeys(self._everybody(), "free") | dict(self._phones())

    async def start(self, after: int | None) -> Start:
        """Return where a stream with this cursor begins; None: now. Raises UnavailableError."""
        oldest, newest = await self._feed.span()
        if after is None:
            return Start(newest)
        if after > newest or 0 < after < oldest - 1:
            return Start(newest, (oldest, newest))
        return Start(after)

    async def follow(
        self, hearing: Hearing, start: Start, may_go_on: Callable[[], Awaitable[bool]]
    ) -> AsyncGenerator[bytes, None]:
        """Yield the frames for a reader until `may_go_on`, asked every CHECK_SECONDS, says no.

        Raises UnavailableError.
        """
        cursor, changed = start.cursor, self._changed
        first = b": connected\nid: %d\n\n" % cursor
        if start.reset:
            oldest, newest = start.reset
            first += _frame("reset", json.dumps({"oldest": oldest, "newest": newest}).encode(), cursor)
        yield first + self._all_states(hearing)
        self.streams += 1
        try:
            wrote = checked = time.monotonic()
            while True:
                if time.monotonic() - checked >= CHECK_SECONDS:
                    checked = time.monotonic()
                    if not await may_go_on():
                        return
                frames, cursor = await self._after_cursor(hearing, cursor)
                frames += self._states_after(hearing, changed)
                changed = self._changed
                if not frames and time.monotonic() - wrote >= PING_SECONDS:
                    frames = b": ping\nid: %d\n\n" % cursor
                if frames:
                    yield frames
                    wrote = time.monotonic()
                if (self._cursor is None or cursor >= self._cursor) and changed == self._changed:
                    waiter = asyncio.get_running_loop().create_future()
                    self._waiters.append(waiter)  # nothing is awaited between the look and this: no wake is missed
                    await waiter
        finally:
            self.streams -= 1

    async def _after_cursor(self, hearing: Hearing, cursor: int) -> tuple[bytes, int]:
        """Return the frames after a cursor, and the cursor after them: from memory, or a page from the database."""
        newest = self._cursor
        if newest is None or cursor >= newest:
            return b"", cursor
        if cursor < self._after:
            rows = await self._feed.read(cursor, _PAGE)
            events = (event for row in rows if (event := event_of(row)))
            return _frames(hearing, events), rows[-1].seq if rows else newest
        key = (hearing, cursor)
        if key not in self._batches:
            fresh = len(self._events)
            while fresh and self._events[fresh - 1].seq > cursor:
                fresh -= 1
            self._batches[key] = _frames(hearing, islice(self._events, fresh, None))
        return self._batches[key], newest

    def _all_states(self, hearing: Hearing) -> bytes:
        """Return the states that the reader hears of; that of each extension is one."""
        at = datetime.now(UTC)
        free = {(STATE, extension): of_phone(extension, "free") for extension in self._everybody()}
        return b"".join(
            _frame(kind, state_json(at, kind, subject, present.data))
            for (kind, subject), present in sorted({**free, **self._states}.items(), key=_first)
            if hearing.hears_state(kind, present.extensions)
        )

    def _states_after(self, hearing: Hearing, number: int) -> bytes:
        """Return the changes of states after one; all states if memory no longer has them all."""
        if number == self._changed:
            return b""
        if self._changes[0][0] > number + 1:
            return self._all_states(hearing)
        fresh = list(islice(reversed(self._changes), self._changed - number))
        return b"".join(frame for _number, kind, whose, frame in reversed(fresh) if hearing.hears_state(kind, whose))


def _first(item: tuple[_Name, Present]) -> _Name:
    return item[0]


def _frames(hearing: Hearing, events: Iterable[Event]) -> bytes:
    return b"".join(_frame(event.kind, event.text, event.seq) for event in events if hearing.hears(event))


def _frame(kind: str, text: bytes, seq: int | None = None) -> bytes:
    """Return an event as it is sent: no line of JSON has a line break."""
    number = b"" if seq is None else b"id: %d\n" % seq
    return b"%bevent: %b\ndata: %b\n\n" % (number, kind.encode(), text)
