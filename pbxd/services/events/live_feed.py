"""Live events: one reader of the feed for all streams, and the present states of phones and calls.

A stream keeps a cursor into the events in memory, no queue of its own: a slow one costs nothing, and reads from the
database what memory no longer has.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from pbxd.errors import UnavailableError
from pbxd.logs import Complaints
from pbxd.measures import Reading
from pbxd.services.events.hearing import CALL, Event, Hearing, event_of, frame
from pbxd.services.events.live_states import LiveStates, Phones
from pbxd.services.events.present import Present
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed

POLL_SECONDS = 0.25  # for what other processes write
PHONES_SECONDS = 0.1  # how often the phones are looked at, and as soon as …
GATHER_SECONDS = 0.005  # … the PBX said something, so long after its first event
TOGETHER_SECONDS = 0.02  # events within this time may share a write
BEAT_SECONDS = 1.0  # how often a stream wakes at least
CHECK_SECONDS = 2.0  # how often it asks whether it may go on: it must end 5 s after its right has
PING_SECONDS = 15.0
_KEPT = 5000  # events in memory
_PAGE = 500
_REST = 0.2  # after sending, pause for this share of the time that sending took
_AT_ONCE = 50  # streams; each takes some 15 microseconds
_PAUSE_TIMES = 20  # after reading the phones, pause this many times as long as the reading took
_RETRY_SECONDS = 1.0
_STEP_SECONDS = 10.0  # after that a database that hangs is asked again


@dataclass(frozen=True, slots=True)
class Start:
    """Where a stream begins: after which event, and the feed's first and last number if its cursor was outside."""

    cursor: int
    reset: tuple[int, int] | None = None


@dataclass(slots=True)
class _Reader:
    """A stream: what it hears, and how far it has read."""

    hearing: Hearing
    send: Callable[[bytes], bool]
    cursor: int  # the number of the last event
    changed: int  # the number of the last change of a state
    wrote: float = field(default_factory=time.monotonic)  # when its last frames were sent
    woken: float = 0.0  # when its task did something
    waiting: asyncio.Future[None] | None = None  # until there is something new

    @property
    def is_gone(self) -> bool:
        return self.waiting is None or self.waiting.done()

    def wake(self) -> None:
        if self.waiting and not self.waiting.done():
            self.waiting.set_result(None)


class LiveFeed:
    """Hands events out to streams as they come. `run` is a root task; `wake` says that there are new ones."""

    def __init__(
        self,
        database: Database,
        phones: Callable[[], Phones] = dict,
        everybody: Callable[[], Iterable[str]] = tuple,
        calls: Callable[[], Mapping[str, Present]] = dict,
    ) -> None:
        self._feed = Feed(database)
        self.states = LiveStates(phones, everybody, calls)
        self._events: deque[Event] = deque(maxlen=_KEPT)
        self._after = 0  # memory has every event after this number …
        self._cursor: int | None = None  # … up to this one; None: nothing was read yet
        self._committed = asyncio.Event()  # something that was not read
        self._touched = asyncio.Event()  # the PBX said something since the phones were looked at
        database.on_commit.append(self.wake)
        self._waiting: list[_Reader] = []  # those who have everything
        self._batches: dict[
            tuple[Hearing, int, int], bytes
        ] = {}  # frames between two events, made once for equal readers
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
        self._committed.set()

    def touch(self) -> None:
        """Look at the phones soon: the PBX said something."""
        self._touched.set()

    def tell_call(self, call_id: str, present: Present) -> None:
        """Tell the streams that are there of a call, whether anything changed in it or not."""
        self.states.tell(CALL, call_id, present)
        self.touch()

    @property
    def seq(self) -> int | None:
        """The number of the last event that streams can have; None: nothing was read yet."""
        return self._cursor

    async def run(self) -> None:
        """Follow the feed and the phones for ever, each in its own task."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_feed())
            group.create_task(self._follow_phones())

    async def _follow_feed(self) -> None:
        """Read the feed as soon as there is something new, and now and then."""
        while True:
            await self._read_news()
            await self._serve_streams()
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._committed.wait()

    async def _follow_phones(self) -> None:
        """Look at the phones as soon as the PBX said something, and now and then."""
        while True:
            self._touched.clear()
            if self.states.look():
                await self._serve_streams()
            with suppress(TimeoutError):
                async with asyncio.timeout(PHONES_SECONDS):
                    await self._touched.wait()
                await asyncio.sleep(max(GATHER_SECONDS, _PAUSE_TIMES * self.states.took))

    async def _serve_streams(self) -> None:
        """Send the streams what is new, some at a time: a thousand at once would make look-ups wait.

        Wake a stream that has slept for BEAT_SECONDS, so that it checks its rights and sends pings. Afterwards pause:
        what arrives meanwhile goes out in one write.
        """
        began = time.monotonic()
        self._batches.clear()
        waiting, self._waiting = self._waiting, []
        for first in range(0, len(waiting), _AT_ONCE):
            for reader in waiting[first : first + _AT_ONCE]:
                if began - reader.woken >= BEAT_SECONDS or not self._send(reader):
                    reader.wake()
            await asyncio.sleep(0)
        await asyncio.sleep(min(TOGETHER_SECONDS, _REST * (time.monotonic() - began)))

    def _send(self, reader: _Reader) -> bool:
        """Send a waiting reader what is new; return whether that could be done without its task."""
        if reader.is_gone:
            return True
        if reader.cursor < self._after:
            return False
        before = reader.cursor, reader.changed
        frames = self._fresh(reader)
        if frames:
            if not reader.send(frames):
                reader.cursor, reader.changed = before
                return False
            reader.wrote = time.monotonic()
        self._waiting.append(reader)
        return True

    async def _read_news(self) -> None:
        """Take in what is new in the feed."""
        unread = self._committed.is_set()
        self._committed.clear()
        try:
            async with asyncio.timeout(_STEP_SECONDS):
                if self._cursor is None:
                    self._after = self._cursor = await self._feed.last()
                if unread or await self._feed.changed():
                    await self._read()
        except (UnavailableError, TimeoutError) as error:
            self._complaints.tell("events_not_read", str(error) or "timeout")
            await asyncio.sleep(_RETRY_SECONDS)
            self._committed.set()  # it is read in any case

    async def _read(self) -> None:
        """Read on to the feed's end."""
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
                return

    async def start(self, after: int | None) -> Start:
        """Return where a stream with this cursor begins; None: now. Raises UnavailableError."""
        oldest, newest = await self._feed.span()
        if after is None:
            return Start(newest)
        if after > newest or 0 < after < oldest - 1:
            return Start(newest, (oldest, newest))
        return Start(after)

    async def follow(
        self, hearing: Hearing, start: Start, may_go_on: Callable[[], Awaitable[bool]], send: Callable[[bytes], bool]
    ) -> AsyncGenerator[bytes, None]:
        """Yield the frames for a reader until `may_go_on`, asked every CHECK_SECONDS, says no.

        `send(frames)` writes to the connection at once and returns True. If it returns False, the frames are yielded
        instead.

        Raises UnavailableError.
        """
        reader = _Reader(hearing, send, start.cursor, self.states.changed)
        first = b": connected\nid: %d\n\n" % start.cursor
        if start.reset:
            oldest, newest = start.reset
            first += frame("reset", json.dumps({"oldest": oldest, "newest": newest}).encode(), start.cursor)
        yield first + self.states.all(hearing)
        self.streams += 1
        try:
            checked = time.monotonic()
            while True:
                if time.monotonic() - checked >= CHECK_SECONDS:
                    checked = time.monotonic()
                    if not await may_go_on():
                        return
                frames = await self._page(reader) if reader.cursor < self._after else self._fresh(reader)
                if not frames and time.monotonic() - reader.wrote >= PING_SECONDS:
                    frames = b": ping\nid: %d\n\n" % reader.cursor
                if frames:
                    reader.wrote = time.monotonic()
                    yield frames
                if reader.cursor >= (self._cursor or 0) and reader.changed == self.states.changed:
                    reader.woken = time.monotonic()
                    reader.waiting = asyncio.get_running_loop().create_future()
                    self._waiting.append(reader)  # nothing is awaited between the look and this: no wake is missed
                    await reader.waiting
        finally:
            self.streams -= 1

    async def _page(self, reader: _Reader) -> bytes:
        """Return the next frames from the database. Raises UnavailableError."""
        newest = self._cursor or 0
        rows = await self._feed.read(reader.cursor, _PAGE)
        reader.cursor = rows[-1].seq if rows else newest
        return _frames(reader.hearing, (event for row in rows if (event := event_of(row))))

    def _fresh(self, reader: _Reader) -> bytes:
        """Return the frames that a reader has not, from memory."""
        frames = self.states.after(reader.hearing, reader.changed)
        reader.changed = self.states.changed
        newest = self._cursor or 0
        if reader.cursor >= newest:
            return frames
        key = (reader.hearing, reader.cursor, newest)
        if key not in self._batches:
            fresh = len(self._events)
            while fresh and self._events[fresh - 1].seq > reader.cursor:
                fresh -= 1
            self._batches[key] = _frames(reader.hearing, islice(self._events, fresh, None))
        reader.cursor = newest
        return self._batches[key] + frames


def _frames(hearing: Hearing, events: Iterable[Event]) -> bytes:
    return b"".join(frame(event.kind, event.text, event.seq) for event in events if hearing.hears(event))
