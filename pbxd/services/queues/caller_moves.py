"""Moves of waiting callers: whether the PBX carries them out, who hears of it, and moves that a person wants."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import Literal

import structlog

from pbxd.actor import Actor
from pbxd.errors import ConflictError
from pbxd.i18n import _
from pbxd.services.queues.marks import QueueMarks
from pbxd.telephony.port import Pbx, QueueEntry
from pbxd.telephony.queue_policy import not_moved

By = Literal["rank", "person"]  # a VIP's rank, or a person
# Channel, queue, position before and after, the person who wanted it (None: the caller's rank), the PBX's time.
OnMoved = Callable[[str, str, int, int, Actor | None, float], None]

_log = structlog.get_logger(__name__)


class CallerMoves:
    """What became of moves. `is_vip` judges a caller, `now` is the PBX's time, `on_moved` hears of VIPs and wishes."""

    def __init__(
        self,
        pbx: Pbx,
        marks: QueueMarks,
        is_vip: Callable[[QueueEntry], bool],
        now: Callable[[], float],
        on_moved: OnMoved,
    ) -> None:
        self._pbx = pbx
        self._marks = marks
        self._is_vip = is_vip
        self._now = now
        self._on_moved = on_moved
        self._able: bool | None = None  # whether the PBX moves callers; None: not asked since the link was made
        self.counts: Counter[str] = Counter()  # since the start: what became of moves, and who wanted them

    def doubt(self) -> None:
        """Ask again what the PBX can do: it may be another one."""
        self._able = None

    async def possible(self) -> bool:
        """Tell whether the PBX moves callers."""
        if self._able is None:
            self._able = await self._pbx.can_move()
        return self._able

    async def refused(self, moved: Collection[QueueEntry], by: By = "rank") -> None:
        """Take back priorities that moved nobody, and stop moving callers."""
        self.counts[f"refused {by}"] += len(moved)
        self._able = False
        self._pbx.doubt_moves()
        for before in moved:
            await self._marks.take_back(before)

    def done(self, moved: dict[str, QueueEntry], entries: Iterable[QueueEntry]) -> None:
        """Log and report what was read back of those who were moved."""
        self.counts["done rank"] += len(moved)
        for after in entries:
            if before := moved.get(after.channel):
                self._tell(before, after, None)

    async def put_first(self, entry: QueueEntry, by: Actor, vip_priority: int) -> tuple[int, int] | None:
        """Put a caller before everybody in their queue, VIPs too, because a person wants it; nobody overtakes them.

        Return the position before and after, None if the caller left. From then on their priority is higher than
        everybody's, which `queue_policy` leaves alone. Raises ConflictError if this PBX moves nobody, and what
        `Pbx.waiting` raises.
        """
        entries = await self._pbx.waiting(entry.queue)
        before = _of(entries, entry.channel)
        if before is None:
            return None
        if before.position == 1 and before.priority > vip_priority:
            return 1, 1
        if not await self.possible():
            raise ConflictError(_("this PBX doesn't move callers who wait already; `pbxd doctor` says what it needs"))
        self._marks.forget(entry.channel)
        highest = max(each.priority for each in entries)
        await self._pbx.move(before, max(vip_priority, highest) + 1)
        entries = await self._pbx.waiting(entry.queue)
        if not_moved([entry.channel], entries):
            await self.refused([before], "person")
            raise ConflictError(_("the PBX accepted the move, and moved nobody"))
        after = _of(entries, entry.channel)
        if after is None:
            return None
        self.counts["done person"] += 1
        self._tell(before, after, by)
        return before.position, after.position

    def _tell(self, before: QueueEntry, after: QueueEntry, by: Actor | None) -> None:
        _log.info(
            "queue_caller_moved",
            queue=after.queue,
            channel=after.name,
            position_before=before.position,
            position=after.position,
            priority=after.priority,
            by=by.source if by else "rank",
        )
        if before.position != after.position and (by or self._is_vip(after)):
            self._on_moved(after.channel, after.queue, before.position, after.position, by, self._now())


def _of(entries: Iterable[QueueEntry], channel: str) -> QueueEntry | None:
    """Return a caller's entry, None if they left."""
    return next((entry for entry in entries if entry.channel == channel), None)
