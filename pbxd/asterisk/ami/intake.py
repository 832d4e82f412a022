"""The bounded queue between the AMI reader and everything that follows calls.

The reader only appends and never waits. Once the queue is full, new packets are dropped until it is drained; then the
reader of the queue gets one marker for the gap.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from pbxd.asterisk.ami.packets import Packet


@dataclass(frozen=True, slots=True)
class Arrival:
    """A packet and its arrival in epoch seconds."""

    packet: Packet
    at: float


@dataclass(frozen=True, slots=True)
class StreamGap:
    """Packets are missing from `since` (epoch seconds) on: the link was lost, or (`overflow`) the queue was full."""

    since: float
    overflow: bool


Item = Arrival | StreamGap


class Intake:
    """A queue of packets in the order of arrival. `dropped` counts the packets for which there was no room."""

    def __init__(self, limit: int) -> None:
        self.dropped = 0
        self._limit = limit
        self._items: deque[Item] = deque()
        self._overflow: StreamGap | None = None
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._items)

    def oldest_seconds(self, now: float) -> float:
        """Return how long the first item has waited; 0 if there is none."""
        first = self._items[0] if self._items else None
        return 0.0 if first is None else max(0.0, now - (first.since if isinstance(first, StreamGap) else first.at))

    def put(self, packet: Packet, at: float) -> None:
        """Append a packet that arrived at `at`; never waits, never raises."""
        if self._overflow is None and len(self._items) >= self._limit:
            self._overflow = StreamGap(at, overflow=True)
        if self._overflow is not None:
            self.dropped += 1
            return
        self._items.append(Arrival(packet, at))
        self._filled.set()

    def link_lost(self, at: float) -> None:
        """Append the marker that the link was lost at `at`."""
        self._items.append(StreamGap(at, overflow=False))
        self._filled.set()

    async def take(self, most: int) -> list[Item]:
        """Return the next items in order, at least one and at most `most`; wait while there is none."""
        while not self._items:
            self._filled.clear()
            await self._filled.wait()
        taken = [self._items.popleft() for _number in range(min(most, len(self._items)))]
        if not self._items and self._overflow is not None:
            taken.append(self._overflow)
            self._overflow = None
        return taken
