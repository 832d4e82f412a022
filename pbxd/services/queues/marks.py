"""What pbxd did to waiting callers: remembered here, and written to their channels by the PBX's adapter."""

from __future__ import annotations

from pbxd.telephony.port import Mark, Pbx, QueueEntry
from pbxd.telephony.queue_policy import Move, Waiting


class QueueMarks:
    """Moves callers and remembers it, in memory and on their channels; callers are known by their channel's id."""

    def __init__(self, pbx: Pbx) -> None:
        self._pbx = pbx
        self._marks: dict[str, Mark] = {}
        self._inherited: set[str] = set()  # whose mark another channel had, so that it isn't on this one yet

    def knows(self, channel: str) -> bool:
        """Whether we changed this caller's priority."""
        return channel in self._marks

    def kept(self, channel: str) -> bool:
        """Whether a caller stands above the own rank so that nobody overtakes."""
        mark = self._marks.get(channel)
        return mark is not None and mark.kind == "kept"

    def left(self, channel: str) -> None:
        """Forget what was for one queue only."""
        if self.kept(channel):
            del self._marks[channel]

    def ended(self, channel: str) -> None:
        """Forget a channel."""
        self._marks.pop(channel, None)
        self._inherited.discard(channel)

    def forget(self, channel: str) -> None:
        """Leave a caller's rank to a person who moved them; the channel keeps what the next queue gives."""
        self._marks.pop(channel, None)

    def inherit(self, channel: str, heir: str) -> None:
        """Take note that another channel stands in a caller's place, with the same priority."""
        self._inherited.discard(channel)
        if mark := self._marks.pop(channel, None):
            self._marks[heir] = mark
            self._inherited.add(heir)

    def forget_all_but(self, present: set[str]) -> None:
        """Forget callers whose end a gap hid; a channel that lives on still has its mark itself."""
        self._marks = {channel: mark for channel, mark in self._marks.items() if channel in present}
        self._inherited &= present

    async def base(self, entry: QueueEntry, vip_priority: int, *, vip: bool) -> int:
        """Return the priority a caller has without us; the channel is asked only when it matters."""
        if entry.priority > vip_priority:
            return entry.priority
        if mark := self._marks.get(entry.channel):
            return mark.base if vip or entry.priority == mark.given else entry.priority
        if vip or entry.priority != vip_priority:
            return entry.priority
        if mark := await self._pbx.mark_of(entry):
            self._marks[entry.channel] = mark
        return mark.base if mark else entry.priority

    async def move(self, entry: QueueEntry, caller: Waiting, move: Move) -> None:
        """Move one caller and mark them; nothing happens to one who has left."""
        mark = _mark_of(caller, move.priority)
        if mark:  # before the move: a priority of ours that nobody knows to be ours could never be taken back
            await self._put(entry, caller.base, mark)
        await self._pbx.move(entry, move.priority)
        if not mark:
            await self._put(entry, caller.base, None)

    async def mark(self, entry: QueueEntry, caller: Waiting) -> None:
        """Mark a caller who stands at the right place and didn't have to be moved for it."""
        await self._put(entry, caller.base, _mark_of(caller, caller.priority))

    async def take_back(self, before: QueueEntry) -> None:
        """Undo a priority that moved nobody: newcomers would be let in at wrong places."""
        await self._pbx.move(before, before.priority)
        await self._put(before, before.priority, None)

    async def _put(self, entry: QueueEntry, base: int, mark: Mark | None) -> None:
        if mark == self._marks.get(entry.channel) and entry.channel not in self._inherited:
            return
        self._inherited.discard(entry.channel)
        if mark:
            self._marks[entry.channel] = mark
        else:
            self._marks.pop(entry.channel, None)
        await self._pbx.put_mark(entry, base, mark)


def _mark_of(caller: Waiting, priority: int) -> Mark | None:
    """Return what we did to a caller who has this priority."""
    if priority <= caller.base:
        return None
    return Mark("rank" if caller.vip else "kept", caller.base, priority)
