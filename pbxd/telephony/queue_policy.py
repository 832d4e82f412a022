"""Which callers waiting in a queue have to be moved, and to what priority. Pure.

A move puts the caller before the first one of strictly lower priority, behind all of equal one (`Pbx.move`). Therefore
a move is never harmless: repeated, it sends a VIP behind the other VIPs. What already holds is not touched.

The PBX alone places a newcomer, by the same rule. So that nobody overtakes a caller who has waited too long, that
caller is raised to the VIPs' priority in place, and with them everybody ahead, in their order.

A caller who leaves a queue and joins one again stands behind everybody at each entry. After too long a wait in the
call, a VIP whose first waiting began after that moment is put behind this caller in whatever queue.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from math import inf

from pbxd.telephony.port import QueueEntry

_INSTANT = 0.001  # seconds, between two turns


@dataclass(frozen=True, slots=True)
class Waiting:
    """A caller in a queue.

    `base` is the priority without us: the administrator's dialplan gave it, and nobody is put below it. `joined` orders
    equal callers; `turns` computes it. `first` is when the first wait in this call began (None: at `joined`). `late`:
    the caller has waited so long since `first` that nobody may overtake any more; that begins at `late_from`. `kept`:
    the caller stands above the own rank so that nobody overtakes them or somebody behind them; the place is right.
    """

    channel: str
    priority: int
    joined: float  # seconds; only compared with others of the queue
    vip: bool
    base: int = 0
    late: bool = False
    kept: bool = False
    first: float | None = None
    late_from: float = inf


@dataclass(frozen=True, slots=True)
class Move:
    """Give the caller this priority and put them behind all who have it."""

    channel: str
    priority: int


def plan(entries: Sequence[Waiting], vip_priority: int) -> list[Move]:
    """Return the fewest moves, in order, after which VIPs wait first, among themselves in the order they joined.

    `entries` in their present order. Ordinary callers keep their order. A caller who is no longer a VIP goes back to
    the place of somebody who never was one. Nobody overtakes a late caller, and newcomers can't either. If all this
    holds already, there are no moves.
    """
    wanted = _not_overtaking(_by_rank(entries, vip_priority), entries, vip_priority)
    priorities = _priorities(wanted, vip_priority)
    if wanted == list(entries) and all(entry.priority == priorities[entry.channel] for entry in entries):
        return []
    if any(ahead.priority < behind.priority for ahead, behind in pairwise(entries)):
        # Somebody changed a priority without moving the caller. Then a move may land before people it should follow;
        # only moving everybody, the first one first, surely gives the wanted order.
        return [Move(entry.channel, priorities[entry.channel]) for entry in wanted]
    present = {entry.channel: position for position, entry in enumerate(entries)}
    moves: list[Move] = []
    for priority, group in groupby(wanted, key=lambda entry: priorities[entry.channel]):
        moves += [Move(entry.channel, priority) for entry in _misplaced(list(group), priority, present)]
    return moves


def rank(entry: Waiting, vip_priority: int) -> int:
    """Return the priority a caller should have, whoever else waits."""
    return max(entry.base, vip_priority) if entry.vip else entry.base


def not_moved(moved: Iterable[str], entries: Iterable[QueueEntry]) -> list[QueueEntry]:
    """Return those of `moved` (channels) who got their priority, but still stand behind somebody of a lower one."""
    chosen = set(moved)
    lowest: int | None = None
    found: list[QueueEntry] = []
    for entry in entries:
        if entry.channel in chosen and lowest is not None and lowest < entry.priority:
            found.append(entry)
        lowest = entry.priority if lowest is None else min(lowest, entry.priority)
    return found


def joining_times(waits: Iterable[tuple[float | None, int, int]], now: float) -> list[float]:
    """Return when callers joined, from (the exact time if we saw it, whole seconds waited, priority) in present order.

    Whole seconds can't tell apart who joined within one; then the present order counts, among those of one priority:
    a VIP's place says nothing about when they joined.
    """
    rounding = 1.5
    times: list[float] = []
    last: dict[int, float] = {}  # by priority
    for exact, waited, priority in waits:
        time = now - waited if exact is None else exact
        if exact is None and 0 < last.get(priority, time) - time <= rounding:
            time = last[priority]
        last[priority] = time
        times.append(time)
    return times


def turns(entries: Sequence[tuple[float | None, float, int]], vip_priority: int) -> list[float]:
    """Return what orders equal callers, from (the turn given before, when they joined, priority) in present order.

    A turn is the time of joining. Whom Queue's `position` argument put before callers who had joined earlier has a turn
    right before theirs, so that later moves don't let them pass. VIPs are served in the order they joined.
    """
    given = [joined if turn is None else turn for turn, joined, _priority in entries]
    following: dict[int, float] = {}  # by priority: the turn of the next caller who has it
    for place in reversed(range(len(entries))):
        turn, joined, priority = entries[place]
        limit = following.get(priority, inf)
        if turn is None and priority != vip_priority and limit <= joined:
            before = max((other for other in given if other < limit), default=-inf)
            given[place] = max(limit - _INSTANT, (before + limit) / 2)
        following[priority] = given[place]
    return given


def _by_rank(entries: Sequence[Waiting], vip_priority: int) -> list[Waiting]:
    """Return the order that ranks alone would give."""
    by_rank = sorted(entries, key=lambda entry: -rank(entry, vip_priority))
    wanted: list[Waiting] = []
    for priority, group in groupby(by_rank, key=lambda entry: rank(entry, vip_priority)):
        members = list(group)
        if priority == vip_priority and any(entry.vip for entry in members):
            wanted += sorted(members, key=lambda entry: entry.joined)
        else:
            wanted += _with_returned(members, priority)
    return wanted


def _with_returned(members: Sequence[Waiting], priority: int) -> list[Waiting]:
    """Keep the order of those whom this priority put into their places, and insert each of the others by `joined`."""
    order = [entry for entry in members if entry.priority == priority or entry.kept]
    for entry in members:
        if entry.priority != priority and not entry.kept:
            later = (place for place, other in enumerate(order) if other.joined > entry.joined)
            order.insert(next(later, len(order)), entry)
    return order


def _not_overtaking(wanted: Sequence[Waiting], entries: Sequence[Waiting], vip_priority: int) -> list[Waiting]:
    """Change the wanted order so that callers of higher rank stay behind the late ones whom they may not overtake.

    These are the late callers who are ahead now, and those who were late before the other's first waiting began. An
    administrator's rank above the VIPs' is left alone. A caller who is to go back (no longer a VIP) has no place yet
    that could be kept; they count as late among those at the new place.
    """
    late = [entry for entry in entries if entry.late and rank(entry, vip_priority) < vip_priority]
    if not late:
        return list(wanted)
    waits_for: dict[str, set[str]] = {}
    ahead: set[str] = set()
    for entry in entries:
        own = rank(entry, vip_priority)
        began = entry.joined if entry.first is None else entry.first
        if own <= vip_priority:
            waits_for[entry.channel] = {
                other.channel
                for other in late
                if rank(other, vip_priority) < own and (other.channel in ahead or other.late_from < began)
            }
        if entry.priority == own or entry.kept:
            ahead.add(entry.channel)
    left = list(wanted)
    order: list[Waiting] = []
    placed: set[str] = set()
    while left:  # whom one waits for has a lower rank, so somebody can always go next
        following = next(entry for entry in left if waits_for.get(entry.channel, placed) <= placed)
        left.remove(following)
        order.append(following)
        placed.add(following.channel)
    return order


def _priorities(wanted: Sequence[Waiting], vip_priority: int) -> dict[str, int]:
    """Return everybody's priority in the wanted order: the own rank, or the VIPs' up to the last late caller."""
    own = [rank(entry, vip_priority) for entry in wanted]
    late = [place for place, entry in enumerate(wanted) if entry.late and own[place] < vip_priority]
    raised = max(late, default=-1)
    return {
        entry.channel: max(own[place], vip_priority) if place <= raised else own[place]
        for place, entry in enumerate(wanted)
    }


def _misplaced(group: Sequence[Waiting], priority: int, present: dict[str, int]) -> Sequence[Waiting]:
    """Return those who must be moved: all but the longest beginning that has the priority and stands in order.

    Whoever is moved lands behind the whole group, so nobody can stay who is to follow one that moves.
    """
    last = -1
    for kept, entry in enumerate(group):
        if entry.priority != priority or present[entry.channel] < last:
            return group[kept:]
        last = present[entry.channel]
    return []
