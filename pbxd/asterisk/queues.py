"""VIP callers in Asterisk's queues: whoever waits without his rank is moved, and the order is read back.

A rank at entry is given in the dialplan (`pbxd-lookup` sets QUEUE_PRIO before `Queue()`). Here come those who entered
without it, who become VIP while waiting, or whose rank the dialplan took away between two queues.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from pbxd.asterisk.ami import AmiClient, Packet
from pbxd.calls.events import ChannelEnded, Event, QueueJoined, QueueLeft
from pbxd.directory.matching import Match
from pbxd.errors import ProtocolError, RefusedError, UnavailableError
from pbxd.queueing import Move, Waiting, joining_times, plan
from pbxd.settings import QueueSettings

_DEBOUNCE_SECONDS = 0.02  # joins this close together are handled as one
_RETRY_SECONDS = 1.0
_ROUNDS = 3  # read, move, read back; more only while callers come and go in between

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A caller as QueueStatus tells."""

    queue: str
    position: int
    channel: str  # its name
    uniqueid: str
    number: str
    priority: int
    waited: int  # whole seconds


class VipQueues:
    """Keeps VIPs at the head of every queue, among themselves in the order they joined.

    `lookup` says who a number is, `number_of` the caller's number by the channel's unique id where it is better known
    than from the channel. `feed` gets every event of the PBX in order; `run` is a root task.
    """

    def __init__(
        self,
        ami: AmiClient,
        lookup: Callable[[str], Match],
        settings: QueueSettings,
        number_of: Callable[[str], str | None] = lambda _uniqueid: None,
    ) -> None:
        self._ami = ami
        self._lookup = lookup
        self._vip_priority = settings.vip_priority
        self._number_of = number_of
        self._joined: dict[str, float] = {}  # unique id -> PBX time, of those who wait
        self._bases: dict[str, int] = {}  # unique id -> his priority without us, of those who have or had ours
        self._pbx_clock = 0.0  # PBX time less monotonic
        self._dirty: set[str] = set()
        self._all = False
        self._work = asyncio.Event()
        self._looking = False

    @property
    def settled(self) -> bool:
        """Whether everything that was noticed so far has been looked at."""
        return not self._looking and not self._work.is_set()

    def feed(self, event: Event) -> None:
        """Take an event of the PBX; looks at a queue again when somebody joined it who may stand in the wrong place."""
        match event:
            case QueueJoined():
                self._joined[event.channel] = event.at
                self._pbx_clock = event.at - time.monotonic()
                if event.channel in self._bases or self._match(event.channel, event.number).vip:
                    self._dirty.add(event.queue)
                    self._work.set()
            case QueueLeft():
                self._joined.pop(event.channel, None)
            case ChannelEnded():
                self._joined.pop(event.channel, None)
                self._bases.pop(event.channel, None)
            case _:
                pass

    def refresh(self) -> None:
        """Look at every queue again: the book changed, or the link to the PBX is new."""
        self._all = True
        self._work.set()

    async def run(self) -> None:
        """Put queues in order for ever."""
        while True:
            await self._work.wait()
            self._looking = True
            await asyncio.sleep(_DEBOUNCE_SECONDS)
            self._work.clear()
            try:
                await self._put_in_order()
            except (UnavailableError, RefusedError, ProtocolError) as error:
                _log.warning("queues_not_looked_at", why=str(error))
                if self._ami.connected:  # else whoever resynchronises calls refresh
                    await asyncio.sleep(_RETRY_SECONDS)
                    self.refresh()
            self._looking = False

    async def waiting(self) -> list[dict[str, object]]:
        """Return who waits where, in order, for `pbxd queues`. Raises what AmiClient.listing raises."""
        entries = _entries(await self._ami.listing("QueueStatus"))
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
            for match in [self._match(entry.uniqueid, entry.number)]
        ]

    async def _put_in_order(self) -> None:
        everything, self._all = self._all, False
        names, self._dirty = self._dirty, set()
        if everything:
            entries = _entries(await self._ami.listing("QueueStatus"))
            self._forget_all_but({entry.uniqueid for entry in entries})
            names = {entry.queue for entry in entries}
        for name in sorted(names):
            await self._settle(name)

    async def _settle(self, queue: str) -> None:
        """Bring one queue into order and read it back."""
        moved: dict[str, _Entry] = {}
        for _round in range(_ROUNDS):
            entries = _entries(await self._ami.listing("QueueStatus", {"Queue": queue}))
            for entry in entries:
                if before := moved.pop(entry.channel, None):
                    _tell(before, entry)
            waiting = await self._judge(entries)
            moves = plan(waiting, self._vip_priority)
            if not moves:
                return
            known = {entry.channel: entry for entry in entries}
            bases = {caller.channel: caller.base for caller in waiting}
            for move in moves:
                moved[move.channel] = known[move.channel]
                await self._move(known[move.channel], move, bases[move.channel])
        _log.warning("queue_order_unsettled", queue=queue)  # whoever joined meanwhile makes it dirty again

    async def _judge(self, entries: list[_Entry]) -> list[Waiting]:
        now = self._pbx_clock + time.monotonic()
        joined = joining_times([(self._joined.get(entry.uniqueid), entry.waited) for entry in entries], now)
        waiting: list[Waiting] = []
        for entry, at in zip(entries, joined, strict=True):
            vip = self._match(entry.uniqueid, entry.number).vip
            waiting.append(Waiting(entry.channel, entry.priority, at, vip, await self._base(entry, vip=vip)))
        return waiting

    async def _base(self, entry: _Entry, *, vip: bool) -> int:
        """Return the priority the caller has without us; the dialplan's word on it is asked only when it matters."""
        if entry.priority > self._vip_priority:
            return entry.priority
        if entry.uniqueid in self._bases:
            given = entry.priority == self._vip_priority
            return self._bases[entry.uniqueid] if given or vip else entry.priority
        if vip or entry.priority != self._vip_priority:
            return entry.priority
        base = await self._base_on_channel(entry)
        self._bases[entry.uniqueid] = base
        return base

    async def _base_on_channel(self, entry: _Entry) -> int:
        """Ask the channel whether the look-up at entry gave the priority (PBXD_PRIO in dialplan/pbxd.conf)."""
        try:
            given = await self._variable(entry, "PBXD_PRIO")
            before = await self._variable(entry, "PBXD_PRIO_BEFORE")
        except RefusedError:  # he hung up
            return entry.priority
        return _number(before) if given == str(entry.priority) else entry.priority

    async def _variable(self, entry: _Entry, name: str) -> str:
        return (await self._ami.action("Getvar", {"Channel": entry.channel, "Variable": name})).get("Value", "")

    async def _move(self, entry: _Entry, move: Move, base: int) -> None:
        """Move one caller and leave his rank on the channel, for the next Queue()."""
        ours = move.priority != base
        if ours:
            self._bases[entry.uniqueid] = base
        else:
            self._bases.pop(entry.uniqueid, None)
        try:
            await self._ami.action(
                "QueueChangePriorityCaller",
                {"Queue": entry.queue, "Caller": entry.channel, "Priority": str(move.priority), "Immediate": "yes"},
            )
            await self._ami.action(
                "Setvar",
                {
                    "Channel": entry.channel,
                    "Variable": "ARRAY(QUEUE_PRIO,PBXD_PRIO,PBXD_PRIO_BEFORE)",
                    "Value": f"{move.priority},{move.priority if ours else ''},{base}",
                },
            )
        except RefusedError as error:
            _log.debug("caller_left_before_move", queue=entry.queue, channel=entry.channel, why=str(error))

    def _match(self, uniqueid: str, number: str) -> Match:
        return self._lookup(self._number_of(uniqueid) or number)

    def _forget_all_but(self, present: set[str]) -> None:
        """Forget callers whose end an outage hid; a channel that lives on still knows its rank itself."""
        self._joined = {uniqueid: at for uniqueid, at in self._joined.items() if uniqueid in present}
        self._bases = {uniqueid: base for uniqueid, base in self._bases.items() if uniqueid in present}


def _entries(packets: Iterable[Packet]) -> list[_Entry]:
    """Read QueueStatus; callers in the order they stand."""
    entries = [
        _Entry(
            queue=packet.get("Queue", ""),
            position=_number(packet.get("Position", "")),
            channel=packet.get("Channel", ""),
            uniqueid=packet.get("Uniqueid", ""),
            number=_known(packet.get("CallerIDNum", "")),
            priority=_number(packet.get("Priority", "")),
            waited=_number(packet.get("Wait", "")),
        )
        for packet in packets
        if packet.get("Event") == "QueueEntry"
    ]
    return sorted(entries, key=lambda entry: (entry.queue, entry.position))


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return 0


def _known(number: str) -> str:
    return "" if number in {"unknown", "<unknown>"} else number


def _tell(before: _Entry, after: _Entry) -> None:
    _log.info(
        "queue_caller_moved",
        queue=after.queue,
        channel=after.channel,
        position_before=before.position,
        position=after.position,
        priority=after.priority,
    )
