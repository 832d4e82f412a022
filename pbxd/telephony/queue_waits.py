"""Who waits in which queue, and since when: by the PBX's events, and by its list of the queues. Pure.

The caller behind a place can change while the place stays: another channel takes the place of the one that joined,
which ends without leaving the queue; or a channel inside the PBX waits, and somebody else is behind it from now on. The
list shows both, a moment later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pbxd.calls.events import (
    BridgeEntered,
    CallerIdChanged,
    ChannelCreated,
    ChannelEnded,
    ChannelSeen,
    Event,
    QueueJoined,
    QueueLeft,
    SnapshotBegan,
    SnapshotEnded,
    Transferred,
)
from pbxd.telephony.port import QueueEntry
from pbxd.telephony.queue_policy import joining_times, turns

_ROUNDING = 2.0  # seconds; the list has waiting times in whole ones


@dataclass(slots=True)
class Wait:
    """A place in a queue. Times are the PBX's."""

    queue: str
    joined: float
    local: bool  # who is behind the channel can change
    turn: float | None = None  # what `pbxd.telephony.queue_policy.turns` gave


class Waits:
    """Every place that is taken, and when each caller's first wait in the call began; by channel."""

    def __init__(self) -> None:
        self._waits: dict[str, Wait] = {}
        self._first: dict[str, float] = {}
        self._vacated: dict[str, Wait] = {}  # by the channel that ended there without leaving
        self._alive: set[str] | None = None  # channels seen in the snapshot that is under way

    @property
    def channels(self) -> set[str]:
        """Return the channels that wait."""
        return set(self._waits)

    @property
    def vacated(self) -> set[str]:
        """Return the channels that ended without leaving their place; who stands there now wasn't looked at yet."""
        return set(self._vacated)

    @property
    def vacated_queues(self) -> set[str]:
        """Return the queues of those places."""
        return {wait.queue for wait in self._vacated.values()}

    def since(self, channel: str) -> float | None:
        """Return when a caller joined their queue."""
        wait = self._waits.get(channel)
        return wait.joined if wait else None

    def first(self, channel: str) -> float | None:
        """Return when a caller's first waiting in this call began."""
        return self._first.get(channel)

    def feed(self, event: Event) -> set[str]:
        """Take an event of the PBX; return the queues in which somebody else may be behind a place now."""
        match event:
            case QueueJoined():
                self._waits[event.channel] = Wait(event.queue, event.at, event.local)
                self._first.setdefault(event.channel, event.at)
            case QueueLeft():
                self._waits.pop(event.channel, None)
            case ChannelEnded():
                return self._ended(event.channel)
            case CallerIdChanged() | BridgeEntered() | Transferred():
                return self._changed(event)
            case SnapshotBegan() | ChannelCreated() | ChannelSeen() | SnapshotEnded():
                self._compare(event)
            case _:
                pass
        return set()

    def _changed(self, event: CallerIdChanged | BridgeEntered | Transferred) -> set[str]:
        if isinstance(event, CallerIdChanged):
            wait = self._waits.get(event.channel)
            return {wait.queue} if wait else set()
        if isinstance(event, BridgeEntered) and not event.kind and event.channel not in self._waits:
            self._first.pop(event.channel, None)  # talks, and so was served
        return {wait.queue for wait in self._waits.values() if wait.local}

    def _ended(self, channel: str) -> set[str]:
        self._first.pop(channel, None)
        if wait := self._waits.pop(channel, None):
            self._vacated[channel] = wait
            return {wait.queue}
        return set()

    def _compare(self, event: SnapshotBegan | ChannelCreated | ChannelSeen | SnapshotEnded) -> None:
        """Forget the first waiting of channels whose end a gap hid."""
        if isinstance(event, SnapshotBegan):
            self._alive = set()
        elif self._alive is not None and isinstance(event, ChannelCreated | ChannelSeen):
            self._alive.add(event.channel)
        elif self._alive is not None:
            self._first = {channel: at for channel, at in self._first.items() if channel in self._alive}
            self._alive = None

    def succeed(self, queue: str, entries: Iterable[QueueEntry], now: float) -> list[tuple[str, str | None]]:
        """Give the places whose channel ended to the channels that stand there now; return who followed whom.

        None followed where nobody stands. `entries` are the queue's, read after the channel ended.
        """
        present = {entry.channel: entry for entry in entries}
        strangers = [entry for entry in present.values() if entry.channel not in self._waits]
        followed: list[tuple[str, str | None]] = []
        gone = [channel for channel, wait in self._vacated.items() if wait.queue == queue and channel not in present]
        for channel in gone:
            wait = self._vacated.pop(channel)
            waited = now - wait.joined
            near = [entry for entry in strangers if abs(entry.waited - waited) <= _ROUNDING]
            heir = min(near, key=lambda entry: abs(entry.waited - waited), default=None)
            if heir:
                strangers.remove(heir)
                wait.local = heir.local
                self._waits[heir.channel] = wait
                self._first.setdefault(heir.channel, wait.joined)
            followed.append((channel, heir.channel if heir else None))
        return followed

    def joined(self, entries: Sequence[QueueEntry], now: float, vip_priority: int) -> list[float]:
        """Return the callers' turns, `entries` in their present order; callers without an event are noted."""
        known = [self._waits.get(entry.channel) for entry in entries]
        exact = [wait.joined if wait else None for wait in known]
        listed = [(at, entry.waited, entry.priority) for at, entry in zip(exact, entries, strict=True)]
        for entry, at in zip(entries, joining_times(listed, now), strict=True):
            self._waits.setdefault(entry.channel, Wait(entry.queue, at, entry.local))
            self._first.setdefault(entry.channel, at)
        waits = [self._waits[entry.channel] for entry in entries]
        seen = [(wait.turn, wait.joined, entry.priority) for wait, entry in zip(waits, entries, strict=True)]
        given = turns(seen, vip_priority)
        for wait, turn in zip(waits, given, strict=True):
            wait.turn = turn
        return given

    def shift(self, seconds: float) -> None:
        """Move every time: the PBX's clock is known now, which was taken to be `seconds` earlier."""
        for wait in self._waits.values():
            wait.joined += seconds
            wait.turn = None if wait.turn is None else wait.turn + seconds
        self._first = {channel: at + seconds for channel, at in self._first.items()}

    def forget(self, gone: set[str]) -> None:
        """Forget callers whose leaving a gap hid."""
        for channel in gone:
            self._waits.pop(channel, None)
