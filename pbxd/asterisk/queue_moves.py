"""Moving callers in Asterisk's queues, and the marks that tell later what was done to whom.

A move changes the entry in one queue only; what the next Queue() gives, and what a restarted pbxd knows, stands in
variables of the caller's channel (dialplan/pbxd.conf says which the look-up sets).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import structlog

from pbxd.asterisk.ami.client import AmiClient
from pbxd.asterisk.queue_status import Entry, moves_at_once, number_in
from pbxd.errors import RefusedError
from pbxd.telephony.queue_policy import Move, Waiting

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Mark:
    """What we did to a caller: he has a VIP's rank, or stands above his own so as to keep his place."""

    kind: Literal["rank", "kept"]
    base: int  # his priority without us
    given: int  # and with us


class QueueMoves:
    """Moves callers and remembers it, in memory and on their channels."""

    def __init__(self, ami: AmiClient) -> None:
        self._ami = ami
        self._marks: dict[str, Mark] = {}  # by unique id
        self._inherited: set[str] = set()  # whose mark another channel had, so that it isn't on this one yet
        self._able: bool | None = None  # whether this Asterisk moves callers; None: not asked since the link was made
        self._told = ""  # the version that was said not to

    def link_is_new(self) -> None:
        """Forget what this Asterisk can do: it may be another one."""
        self._able = None

    def knows(self, uniqueid: str) -> bool:
        """Whether something of ours is on a caller."""
        return uniqueid in self._marks

    def kept(self, uniqueid: str) -> bool:
        """Whether a caller stands above his rank so that nobody overtakes him."""
        mark = self._marks.get(uniqueid)
        return mark is not None and mark.kind == "kept"

    def left(self, uniqueid: str) -> None:
        """Forget what was for one queue only."""
        if self.kept(uniqueid):
            del self._marks[uniqueid]

    def ended(self, uniqueid: str) -> None:
        """Forget a channel."""
        self._marks.pop(uniqueid, None)
        self._inherited.discard(uniqueid)

    def inherit(self, uniqueid: str, heir: str) -> None:
        """Take note that another channel stands in a caller's place, with his priority."""
        self._inherited.discard(uniqueid)
        if mark := self._marks.pop(uniqueid, None):
            self._marks[heir] = mark
            self._inherited.add(heir)

    def forget_all_but(self, present: set[str]) -> None:
        """Forget callers whose end a gap hid; a channel that lives on still knows its rank itself."""
        self._marks = {uniqueid: mark for uniqueid, mark in self._marks.items() if uniqueid in present}
        self._inherited &= present

    async def able(self) -> bool:
        """Ask, once a link, whether this Asterisk moves a caller who waits; say it once if it doesn't."""
        if self._able is None:
            version = (await self._ami.action("CoreSettings")).get("AsteriskVersion", "")
            self._able = moves_at_once(version)
            if not self._able:
                self._tell_unable(version)
        return self._able

    def _tell_unable(self, version: str) -> None:
        if version != self._told:
            self._told = version
            _log.warning("queue_callers_cant_be_moved", asterisk=version, works="the rank given before Queue()")

    async def base(self, entry: Entry, vip_priority: int, *, vip: bool) -> int:
        """Return the priority a caller has without us; the dialplan's word on it is asked only when it matters."""
        if entry.priority > vip_priority:
            return entry.priority
        if mark := self._marks.get(entry.uniqueid):
            return mark.base if vip or entry.priority == mark.given else entry.priority
        if vip or entry.priority != vip_priority:
            return entry.priority
        if mark := await self._mark_on_channel(entry):
            self._marks[entry.uniqueid] = mark
        return mark.base if mark else entry.priority

    async def _mark_on_channel(self, entry: Entry) -> Mark | None:
        """Ask the channel whether the look-up at entry, or an earlier process, gave the priority."""
        given = str(entry.priority)
        try:
            if await self._variable(entry, "PBXD_PRIO") == given:
                return Mark("rank", number_in(await self._variable(entry, "PBXD_PRIO_BEFORE")), entry.priority)
            if await self._variable(entry, "PBXD_KEPT") == given:
                return Mark("kept", number_in(await self._variable(entry, "QUEUE_PRIO")), entry.priority)
        except RefusedError:  # he hung up
            pass
        return None

    async def _variable(self, entry: Entry, name: str) -> str:
        return (await self._ami.action("Getvar", {"Channel": entry.channel, "Variable": name})).get("Value", "")

    async def move(self, entry: Entry, caller: Waiting, move: Move) -> None:
        """Move one caller and mark him; nothing happens to one who has left."""
        mark = _mark_of(caller, move.priority)
        if mark:  # before the move: a priority of ours that nobody knows to be ours could never be taken back
            await self._put(entry, caller.base, mark)
        await self._give(entry, move.priority)
        if not mark:
            await self._put(entry, caller.base, None)

    async def mark(self, entry: Entry, caller: Waiting) -> None:
        """Mark a caller who stands where he should and didn't have to be moved for it."""
        await self._put(entry, caller.base, _mark_of(caller, caller.priority))

    async def take_back(self, before: Entry) -> None:
        """Undo a priority that moved nobody: newcomers would be let in at wrong places."""
        self._able = False
        self._tell_unable("an Asterisk that takes a move, and moves nobody")
        await self._give(before, before.priority)
        await self._put(before, before.priority, None)

    async def _give(self, entry: Entry, priority: int) -> None:
        headers = {"Queue": entry.queue, "Caller": entry.channel, "Priority": str(priority), "Immediate": "yes"}
        try:
            await self._ami.action("QueueChangePriorityCaller", headers)
        except RefusedError as error:
            _log.debug("caller_left_before_move", queue=entry.queue, channel=entry.channel, why=str(error))

    async def _put(self, entry: Entry, base: int, mark: Mark | None) -> None:
        if mark == self._marks.get(entry.uniqueid) and entry.uniqueid not in self._inherited:
            return
        self._inherited.discard(entry.uniqueid)
        if mark:
            self._marks[entry.uniqueid] = mark
        else:
            self._marks.pop(entry.uniqueid, None)
        rank = mark.given if mark and mark.kind == "rank" else ""
        kept = mark.given if mark and mark.kind == "kept" else ""
        headers = {
            "Channel": entry.channel,
            "Variable": "ARRAY(QUEUE_PRIO,PBXD_PRIO,PBXD_PRIO_BEFORE,PBXD_KEPT)",
            "Value": f"{rank or base},{rank},{base},{kept}",
        }
        try:
            await self._ami.action("Setvar", headers)
        except RefusedError as error:
            _log.debug("caller_left_before_mark", queue=entry.queue, channel=entry.channel, why=str(error))


def _mark_of(caller: Waiting, priority: int) -> Mark | None:
    """Return what we did to a caller who has this priority."""
    if priority <= caller.base:
        return None
    return Mark("rank" if caller.vip else "kept", caller.base, priority)
