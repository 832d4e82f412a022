"""The one bounded queue between the AMI reader and everything that follows calls.

The reader only appends and never waits. When the queue is full, what comes is dropped until all that stands in it was
taken; then the reader of the queue is told, once, that something is missing and since when.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from pbxd.asterisk.ami.packets import Packet


@dataclass(frozen=True, slots=True)
class Arrival:
    """A packet and when it came, epoch seconds."""

    packet: Packet
    at: float


@dataclass(frozen=True, slots=True)
class Missing:
    """From `since` (epoch seconds) on something was not heard: the link was lost, or we were too slow."""

    since: float
    overflow: bool


Item = Arrival | Missing


class Intake:
    """A queue of packets in the order of their coming. `dropped` counts what there was no room for."""

    def __init__(self, limit: int) -> None:
        self.dropped = 0
        self._limit = limit
        self._items: deque[Item] = deque()
        self._overflow: Missing | None = None
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, packet: Packet, at: float) -> None:
        """Append a packet that came at `at`; never waits, never raises."""
        if self._overflow is None and len(self._items) >= self._limit:
            self._overflow = Missing(at, overflow=True)
        if self._overflow is not None:
            self.dropped += 1
            return
        self._items.append(Arrival(packet, at))
        self._filled.set()

    def link_lost(self, at: float) -> None:
        """Append the mark that the link was lost at `at`."""
        self._items.append(Missing(at, overflow=False))
        self._filled.set()

    async def take(self, most: int) -> list[Item]:
        """Return the next items, at least one and at most `most`, in order; waits while there is none."""
        while not self._items:
            self._filled.clear()
            await self._filled.wait()
        taken = [self._items.popleft() for _number in range(min(most, len(self._items)))]
        if not self._items and self._overflow is not None:
            taken.append(self._overflow)
            self._overflow = None
        return taken
