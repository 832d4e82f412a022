"""What is to be sent to one webhook, in memory: events of one lane go one after another, lanes beside each other.

It knows no network and no clock: times are passed in.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from pbxd.storage.access.webhook_deliveries import GIVEN_UP_AFTER, Queued

_FIRST_SECONDS = 1.0
_LONGEST_SECONDS = 3600.0
_LONGEST_ASKED_SECONDS = 24 * 3600.0  # that a receiver may ask for


@dataclass(slots=True)
class Entry:
    """An event to send; `text` is its JSON while it is in memory anyway."""

    queued: Queued
    text: bytes | None = None
    unreached: bool = False  # the last attempt reached nobody


class Lanes:
    """The lanes of one webhook."""

    def __init__(self) -> None:
        self._lanes: dict[str, deque[Entry]] = {}
        self._heads: list[tuple[datetime, int, str]] = []  # a heap: when which lane's first entry is due
        self._busy: set[str] = set()  # lanes of which an entry is being sent
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, entries: Iterable[Entry]) -> None:
        """Add events, in the feed's order."""
        for entry in entries:
            lane = self._lanes.setdefault(entry.queued.lane, deque())
            lane.append(entry)
            self._count += 1
            if len(lane) == 1:
                self._push(entry)

    def next_due(self) -> datetime | None:
        """Return when the next entry is due; None: there is none."""
        while self._heads and self._is_stale(self._heads[0]):
            heapq.heappop(self._heads)
        return self._heads[0][0] if self._heads else None

    def take(self, now: datetime) -> Entry | None:
        """Take an entry that is due; its lane waits until `settle` or `put_back`."""
        due = self.next_due()
        if due is None or due > now:
            return None
        lane = heapq.heappop(self._heads)[2]
        self._busy.add(lane)
        return self._lanes[lane][0]

    def settle(self, entry: Entry) -> None:
        """Note that an entry was delivered or given up: its lane goes on."""
        name = entry.queued.lane
        lane = self._lanes[name]
        lane.popleft()
        self._count -= 1
        self._busy.discard(name)
        if lane:
            self._push(lane[0])
        else:
            del self._lanes[name]

    def put_back(self, entry: Entry, due: datetime, attempts: int) -> None:
        """Try an entry again later; its lane waits for it."""
        entry.queued = replace(entry.queued, due=due, attempts=attempts)
        entry.text = None  # it may be erased until then: it is read again
        self._busy.discard(entry.queued.lane)
        self._push(entry)

    def hurry(self, now: datetime) -> None:
        """Have everything that reached nobody sent at once: somebody answers again."""
        for name, lane in self._lanes.items():
            first = lane[0]
            if first.unreached and name not in self._busy:
                first.queued = replace(first.queued, due=now)
                self._push(first)

    def _push(self, entry: Entry) -> None:
        queued = entry.queued
        heapq.heappush(self._heads, (queued.due or queued.since, queued.seq, queued.lane))

    def _is_stale(self, head: tuple[datetime, int, str]) -> bool:
        """Tell whether a head was settled, is being sent, or got another time."""
        due, seq, name = head
        lane = self._lanes.get(name)
        if not lane or name in self._busy:
            return True
        queued = lane[0].queued
        return queued.seq != seq or (queued.due or queued.since) != due


def seconds_until_next(attempts: int, jitter: float, asked: float) -> float:
    """Return how long to wait after so many attempts; `jitter` is from 0.8 to 1.2, `asked` the receiver's wish."""
    own = min(_FIRST_SECONDS * 2.0 ** min(attempts - 1, 20), _LONGEST_SECONDS) * jitter
    return max(own, min(asked, _LONGEST_ASKED_SECONDS))


def is_given_up(queued: Queued, now: datetime) -> bool:
    """Tell whether an event was tried for long enough."""
    return now - queued.since >= GIVEN_UP_AFTER
