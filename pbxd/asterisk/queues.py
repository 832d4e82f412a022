"""VIP callers in Asterisk's queues: whoever waits without his rank is moved, and the order is read back.

A rank at entry is given in the dialplan (`pbxd-lookup` sets QUEUE_PRIO before `Queue()`). Here come those who entered
without it, who become VIP while waiting, or whose rank the dialplan took away between two queues; and those who have
waited so long that no VIP may overtake them any more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from pbxd.asterisk.ami import AmiClient
from pbxd.asterisk.queuemoves import QueueMoves
from pbxd.asterisk.queuestatus import Entry, entries_of, not_moved
from pbxd.calls.events import ChannelEnded, Event, QueueJoined, QueueLeft, SnapshotBegan
from pbxd.directory.callers import told
from pbxd.directory.matching import Match
from pbxd.errors import ProtocolError, RefusedError, UnavailableError
from pbxd.queueing import Waiting, joining_times, plan
from pbxd.settings import QueueSettings

_DEBOUNCE_SECONDS = 0.02  # joins this close together are handled as one
_RETRY_SECONDS = 1.0
_UNSETTLED_SECONDS = 5.0  # until the next attempt at a queue that somebody else keeps changing
_ROUNDS = 3  # read, move, read back; more only while callers come and go in between
_EARLY_SECONDS = 2.0  # Asterisk tells waiting times in whole seconds; to be late by one would let a VIP through
_EARLY_PART = 0.2  # of a limit so short that two seconds would be much

_log = structlog.get_logger(__name__)


class VipQueues:
    """Keeps VIPs at the head of every queue, among themselves in the order they joined.

    `lookup` says who a number is, `number_of` the caller's number by the channel's unique id where it is better known
    than from the channel, `inside` whether a channel is an employee's. `feed` gets every event of the PBX in order;
    `run` is a root task.
    """

    def __init__(
        self,
        ami: AmiClient,
        lookup: Callable[[str], Match],
        settings: QueueSettings,
        number_of: Callable[[str], str | None] = lambda _uniqueid: None,
        inside: Callable[[str], bool] = lambda _channel: False,
    ) -> None:
        self._ami = ami
        self._inside = inside
        self._lookup = lookup
        self._vip_priority, self._limit = _rules(settings)
        self._number_of = number_of
        self._moves = QueueMoves(ami)
        self._joined: dict[str, float] = {}  # unique id -> PBX time, of those who wait
        self._pbx_clock = 0.0  # PBX time less monotonic
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

    def feed(self, event: Event) -> None:
        """Take an event of the PBX; looks at a queue again when somebody joined it who may stand in the wrong place."""
        match event:
            case QueueJoined():
                self._note_joined(event)
            case QueueLeft():
                self._joined.pop(event.channel, None)
                self._moves.left(event.channel)
            case ChannelEnded():
                self._joined.pop(event.channel, None)
                self._moves.ended(event.channel)
            case SnapshotBegan():
                self._moves.link_is_new()
            case _:
                pass

    def _note_joined(self, event: QueueJoined) -> None:
        self._joined[event.channel] = event.at
        self._pbx_clock = event.at - time.monotonic()
        if self._moves.knows(event.channel) or self._match(event.channel, event.number).vip:
            self._dirty.add(event.queue)
            self._work.set()
        elif self._limit < float("inf") and event.queue not in self._alarms:
            self._alarms[event.queue] = time.monotonic() + self._limit
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
                if self._ami.connected:  # else whoever resynchronises calls refresh
                    _log.warning("queues_not_looked_at", why=str(error))
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

    async def waiting(self) -> list[dict[str, object]]:
        """Return who waits where, in order, for `pbxd queues`. Raises what AmiClient.listing raises."""
        entries = entries_of(await self._ami.listing("QueueStatus"))
        return [
            {
                "queue": entry.queue,
                "position": entry.position,
                "channel": entry.channel,
                "number": match.number or entry.number or None,
                "name": match.name or None,
                "vip": match.vip,
                "wait_seconds": entry.waited,
            }
            for entry in entries
            for match in [told(self._match(entry.uniqueid, entry.number), inside=self._inside(entry.channel))]
        ]

    async def _put_in_order(self) -> None:
        everything, self._all = self._all, False
        names, self._dirty = self._dirty, set()
        if everything:
            seen = set(self._joined)  # who joins while the answer is under way is not in it, yet not to be forgotten
            entries = entries_of(await self._ami.listing("QueueStatus"))
            self._forget_those_gone(seen, {entry.uniqueid for entry in entries})
            names = {entry.queue for entry in entries}
        for name in sorted(names):
            await self._settle(name)

    async def _settle(self, queue: str) -> None:
        """Bring one queue into order and read it back."""
        moved: dict[str, Entry] = {}
        for _round in range(_ROUNDS):
            entries = entries_of(await self._ami.listing("QueueStatus", {"Queue": queue}))
            if not_moved(moved, entries):
                for before in moved.values():
                    await self._moves.take_back(before)
                return
            _tell(moved, entries)
            callers = await self._judge(entries)
            moves = plan([caller for _entry, caller in callers], self._vip_priority)
            if not moves:
                await self._leave(queue, callers)
                return
            if not await self._moves.able():
                return
            known = {entry.channel: (entry, caller) for entry, caller in callers}
            for move in moves:
                await self._moves.move(*known[move.channel], move)
            moved = {move.channel: known[move.channel][0] for move in moves}
        _log.warning("queue_order_unsettled", queue=queue, again_in=_UNSETTLED_SECONDS)
        self._alarms[queue] = time.monotonic() + _UNSETTLED_SECONDS

    async def _leave(self, queue: str, callers: list[tuple[Entry, Waiting]]) -> None:
        """Let a queue be that is in order, until the next caller becomes late."""
        for entry, caller in callers:
            await self._moves.mark(entry, caller)
        punctual = [caller.joined for _entry, caller in callers if not caller.late]
        self._alarms.pop(queue, None)
        if punctual and self._limit < float("inf"):
            self._alarms[queue] = min(punctual) + self._limit - self._pbx_clock

    async def _judge(self, entries: list[Entry]) -> list[tuple[Entry, Waiting]]:
        now = self._pbx_clock + time.monotonic()
        seen = [self._joined.get(entry.uniqueid) for entry in entries]
        waits = [(at, entry.waited, entry.priority) for at, entry in zip(seen, entries, strict=True)]
        joined = joining_times(waits, now)
        callers: list[tuple[Entry, Waiting]] = []
        for entry, at in zip(entries, joined, strict=True):
            vip = self._match(entry.uniqueid, entry.number).vip
            base = await self._moves.base(entry, self._vip_priority, vip=vip)
            kept = self._moves.kept(entry.uniqueid)
            late = kept or now - at >= self._limit  # a restarted pbxd, which has whole seconds only, could doubt it
            callers.append((entry, Waiting(entry.channel, entry.priority, at, vip, base, late, kept)))
        return callers

    def _match(self, uniqueid: str, number: str) -> Match:
        return self._lookup(self._number_of(uniqueid) or number)

    def _forget_those_gone(self, seen: set[str], present: set[str]) -> None:
        """Forget whoever was seen before and is in no queue now: an outage hid his end."""
        for uniqueid in seen - present:
            self._joined.pop(uniqueid, None)
        self._moves.forget_all_but(present)


def _rules(settings: QueueSettings) -> tuple[int, float]:
    """Return the VIPs' priority, and after how many seconds nobody overtakes a caller any more."""
    limit = settings.overtake_limit_seconds
    return settings.vip_priority, limit - min(_EARLY_SECONDS, limit * _EARLY_PART) if limit else float("inf")


def _loop_time(monotonic: float) -> float:
    """Return the running loop's time for a moment of `time.monotonic`."""
    return asyncio.get_running_loop().time() + monotonic - time.monotonic()


def _tell(moved: dict[str, Entry], entries: list[Entry]) -> None:
    """Log what was read back of those who were moved."""
    for after in entries:
        if before := moved.get(after.channel):
            _log.info(
                "queue_caller_moved",
                queue=after.queue,
                channel=after.channel,
                position_before=before.position,
                position=after.position,
                priority=after.priority,
            )
