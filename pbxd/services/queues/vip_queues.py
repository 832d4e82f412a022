"""VIP callers in queues: move callers who wait without the right rank, and read the order back.

The dialplan gives a rank at entry. Here come those who entered without it, who become VIP while waiting, who take
another caller's place (a transfer into the queue), or whose rank the dialplan took away between two queues; and those
who have waited so long that no VIP may overtake them any more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import structlog

from pbxd.actor import Actor
from pbxd.calls.events import ChannelEnded, Event, QueueJoined, QueueLeft, SnapshotBegan
from pbxd.errors import ProtocolError, RefusedError, UnavailableError
from pbxd.lookup.matching import Match
from pbxd.measures import Reading
from pbxd.services.queues.caller_moves import CallerMoves, OnMoved
from pbxd.services.queues.marks import QueueMarks
from pbxd.settings import QueueSettings
from pbxd.telephony.port import Pbx, QueueEntry, QueueList
from pbxd.telephony.queue_policy import Waiting, not_moved, plan
from pbxd.telephony.queue_waits import Waits

_DEBOUNCE_SECONDS = 0.02  # joins this close together are handled as one
_RETRY_SECONDS = 1.0
_UNSETTLED_SECONDS = 5.0  # until the next attempt at a queue that somebody else keeps changing
_ROUNDS = 3  # read, move, read back; more only while callers come and go in between
_EARLY_SECONDS = 2.0  # waiting times are in whole seconds; to be late by one would let a VIP through
_EARLY_PART = 0.2  # of a limit so short that two seconds would be much
_PEEK_SECONDS = 2.0  # how often a queue is looked at in which somebody can get another caller id without an event

_log = structlog.get_logger(__name__)


class VipQueues:
    """Keeps VIPs at the head of every queue, among themselves in the order they joined.

    `lookup` says who a number is, `number_of` the caller's number by the channel's id where it is better known than
    from the list, `call_of` the id of a channel's call. `feed` gets every event of the PBX in order; `run` is a root
    task.
    """

    def __init__(
        self,
        pbx: Pbx,
        lookup: Callable[[str], Match],
        settings: QueueSettings,
        number_of: Callable[[str], str | None] = lambda _channel: None,
        on_moved: OnMoved = lambda *_move: None,
        call_of: Callable[[str], str | None] = lambda _channel: None,
    ) -> None:
        self._pbx = pbx
        self._lookup = lookup
        self._vip_priority, self._limit = _rules(settings)
        self._number_of = number_of
        self.call_of = call_of
        self._turn = asyncio.Lock()  # one change of the order at a time
        self._marks = QueueMarks(pbx)
        self._mover = CallerMoves(pbx, self._marks, self.is_vip, self._event_time, on_moved)
        self._waits = Waits()
        self._pbx_clock: float | None = None  # PBX time less monotonic, once known
        self._dirty: set[str] = set()
        self._all = False
        self._alarms: dict[str, float] = {}  # queue -> monotonic time at which it is to be looked at again
        self._work = asyncio.Event()
        self._looking = False

    def reconfigure(self, settings: QueueSettings) -> None:
        """Go by other settings from now on, also for those who wait already."""
        self._vip_priority, self._limit = _rules(settings)
        self.refresh()

    @property
    def settled(self) -> bool:
        """Whether everything that was noticed so far has been looked at."""
        return not self._looking and not self._work.is_set()

    def readings(self) -> Iterator[Reading]:
        """Say what is counted."""
        about = "Callers moved in queues, and those the PBX did not move."
        yield Reading("pbxd_queue_moves_total", about, "counter", lambda: self._mover.counts, ("result", "by"))

    def feed(self, event: Event) -> None:
        """Take an event of the PBX; looks at a queue again when somebody in it may stand in the wrong place."""
        if isinstance(event, QueueJoined):
            self._note_clock(event.at)
        changed = self._waits.feed(event)
        match event:
            case QueueJoined():
                self._note_joined(event)
            case QueueLeft():
                self._marks.left(event.channel)
            case ChannelEnded() if not changed:  # else somebody may have taken the place
                self._marks.ended(event.channel)
            case SnapshotBegan():
                self._mover.doubt()  # another PBX, perhaps
            case _:
                pass
        if changed:
            self._dirty |= changed
            self._work.set()

    def _note_joined(self, event: QueueJoined) -> None:
        number = None if event.local else self._number_of(event.channel)
        if self._marks.knows(event.channel) or _match(number, event.number, self._lookup).vip:
            self._dirty.add(event.queue)
            self._work.set()
        elif self._limit < float("inf"):
            first = self._waits.first(event.channel)
            self._set_alarm(event.queue, time.monotonic() + self._limit - (event.at - (first or event.at)))
        if event.local:
            self._set_alarm(event.queue, time.monotonic() + _PEEK_SECONDS)

    def _note_clock(self, at: float) -> None:
        clock = at - time.monotonic()
        if self._pbx_clock is None:
            self._waits.shift(clock)
        self._pbx_clock = clock

    def _now(self) -> float:
        """Return the PBX's time; only good for differences until its first event."""
        return (self._pbx_clock or 0.0) + time.monotonic()

    def _event_time(self) -> float:
        """Return the time that an event of this moment has."""
        return time.time() if self._pbx_clock is None else self._now()

    def _set_alarm(self, queue: str, at: float) -> None:
        """Have a queue looked at again, at the latest at this monotonic time."""
        if at < self._alarms.get(queue, float("inf")):
            self._alarms[queue] = at
            self._work.set()  # so that `run` waits no longer than that

    def refresh(self) -> None:
        """Look at every queue again: the book changed, or the link to the PBX is new."""
        self._all = True
        self._work.set()

    async def run(self) -> None:
        """Put queues in order for ever."""
        while True:
            await self._until_work()
            self._looking = True
            await asyncio.sleep(_DEBOUNCE_SECONDS)
            self._work.clear()
            try:
                await self._put_in_order()
            except (UnavailableError, RefusedError, ProtocolError) as error:
                if self._pbx.connected:  # otherwise the next resync calls refresh
                    _log.warning("queue_order_failed", why=str(error))
                    await asyncio.sleep(_RETRY_SECONDS)
                    self.refresh()
            self._looking = False

    async def _until_work(self) -> None:
        """Wait until there is something to look at, at the latest until the next alarm."""
        first = min(self._alarms.values(), default=None)
        try:
            async with asyncio.timeout_at(None if first is None else _loop_time(first)):
                await self._work.wait()
        except TimeoutError:
            pass
        now = time.monotonic()
        due = {queue for queue, at in self._alarms.items() if at <= now}
        self._dirty |= due
        for queue in due:
            del self._alarms[queue]

    async def listed(self) -> QueueList:
        """Return the queues and who waits in them, in order. Raises what `Pbx.queue_list` raises."""
        return await self._pbx.queue_list()

    def since(self, entry: QueueEntry) -> datetime:
        """Return when a caller joined the queue: exactly if the event came, else by the whole seconds of the list."""
        joined = self._waits.since(entry.channel)
        if joined is None or self._pbx_clock is None:
            return datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=entry.waited)
        return datetime.fromtimestamp(joined, UTC)

    async def put_first(self, entry: QueueEntry, by: Actor) -> tuple[int, int] | None:
        """Put a caller first because a person wants it, as `CallerMoves.put_first` does."""
        async with self._turn:
            return await self._mover.put_first(entry, by, self._vip_priority)

    async def _put_in_order(self) -> None:
        everything, self._all = self._all, False
        names, self._dirty = self._dirty, set()
        if everything:
            seen = self._waits.channels  # who joins while the answer is under way isn't in it, yet not to be forgotten
            entries = await self._pbx.waiting()
            present = {entry.channel for entry in entries}
            self._waits.forget(seen - present)
            self._marks.forget_all_but(present | self._waits.vacated)
            names = {entry.queue for entry in entries} | self._waits.vacated_queues
        for name in sorted(names):
            async with self._turn:
                await self._settle(name)

    async def _settle(self, queue: str) -> None:
        """Bring one queue into order and read it back."""
        moved: dict[str, QueueEntry] = {}
        for _round in range(_ROUNDS):
            entries = await self._pbx.waiting(queue)
            if not_moved(moved, entries):
                await self._mover.refused(moved.values())
                return
            self._mover.done(moved, entries)
            self._follow(queue, entries)
            callers = await self._judge(entries)
            moves = plan([caller for _entry, caller in callers], self._vip_priority)
            if not moves:
                await self._leave(queue, callers)
                return
            if not await self._mover.possible():
                return
            known = {entry.channel: (entry, caller) for entry, caller in callers}
            for move in moves:
                await self._marks.move(*known[move.channel], move)
            moved = {move.channel: known[move.channel][0] for move in moves}
        _log.warning("queue_order_unsettled", queue=queue, again_in=_UNSETTLED_SECONDS)
        self._alarms[queue] = time.monotonic() + _UNSETTLED_SECONDS

    async def _leave(self, queue: str, callers: list[tuple[QueueEntry, Waiting]]) -> None:
        """Let a queue be that is in order, until the next caller becomes late."""
        for entry, caller in callers:
            await self._marks.mark(entry, caller)
        self._alarms.pop(queue, None)
        late_from = min((caller.late_from for _entry, caller in callers if not caller.late), default=float("inf"))
        if late_from < float("inf"):
            self._set_alarm(queue, late_from - (self._pbx_clock or 0.0))
        if any(entry.local for entry, _caller in callers):
            self._set_alarm(queue, time.monotonic() + _PEEK_SECONDS)

    def _follow(self, queue: str, entries: list[QueueEntry]) -> None:
        """Take over what was known of callers whose places others have taken."""
        for channel, heir in self._waits.succeed(queue, entries, self._now()):
            if heir:
                self._marks.inherit(channel, heir)
            else:
                self._marks.ended(channel)

    async def _judge(self, entries: list[QueueEntry]) -> list[tuple[QueueEntry, Waiting]]:
        now = self._now()
        callers: list[tuple[QueueEntry, Waiting]] = []
        for entry, at in zip(entries, self._waits.joined(entries, now, self._vip_priority), strict=True):
            vip = self.is_vip(entry)
            base = await self._marks.base(entry, self._vip_priority, vip=vip)
            kept = self._marks.kept(entry.channel)
            first = self._waits.first(entry.channel) or at
            late_from = first + self._limit
            late = kept or now >= late_from  # a restarted pbxd, which has whole seconds only, could doubt it
            waiting = Waiting(entry.channel, entry.priority, at, vip, base, late, kept, first, late_from)
            callers.append((entry, waiting))
        return callers

    def is_vip(self, entry: QueueEntry) -> bool:
        """Tell whether a caller is a VIP."""
        return self.match(entry, self._lookup).vip

    def match(self, entry: QueueEntry, lookup: Callable[[str], Match]) -> Match:
        """Say who a caller is, as `lookup` names people."""
        return _match(None if entry.local else self._number_of(entry.channel), entry.number, lookup)


def _match(first: str | None, present: str, lookup: Callable[[str], Match]) -> Match:
    """Say who a caller is, by the first number and by the caller id now: a VIP by either is one."""
    match = lookup(first or present)
    if match.vip or not first or present in {"", first}:
        return match
    now = lookup(present)
    return now if now.vip else match


def _rules(settings: QueueSettings) -> tuple[int, float]:
    """Return the VIPs' priority, and after how many seconds nobody overtakes a caller any more."""
    limit = settings.overtake_limit_seconds
    return settings.vip_priority, limit - min(_EARLY_SECONDS, limit * _EARLY_PART) if limit else float("inf")


def _loop_time(monotonic: float) -> float:
    """Return the running loop's time for a moment of `time.monotonic`."""
    return asyncio.get_running_loop().time() + monotonic - time.monotonic()
