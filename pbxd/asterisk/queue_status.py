"""What Asterisk tells of its queues, read: who waits where, and whether it can move somebody who waits. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pbxd.asterisk.ami.packets import Packet, known

_VERSION = re.compile(r"(?<![\d.])(\d+)\.(\d+)")
# The first releases whose QueueChangePriorityCaller knows `Immediate` (CHANGES of 18.20.0, 20.5.0 and 21.0.0).
_FIRST_OF_18, _FIRST_OF_20, _FIRST_OF_ALL = (18, 20), (20, 5), (21, 0)


@dataclass(frozen=True, slots=True)
class Entry:
    """A caller as QueueStatus tells."""

    queue: str
    position: int
    channel: str  # its name
    uniqueid: str
    number: str
    priority: int
    waited: int  # whole seconds

    @property
    def hidden(self) -> bool:
        """Whether a Local channel waits: who is behind it can change, and the number it was made with means nothing."""
        return self.channel.startswith("Local/")


def entries_of(packets: Iterable[Packet]) -> list[Entry]:
    """Read the events of QueueStatus; callers by queue, in the order they stand."""
    entries = [
        Entry(
            queue=packet.get("Queue", ""),
            position=number_in(packet.get("Position", "")),
            channel=packet.get("Channel", ""),
            uniqueid=packet.get("Uniqueid", ""),
            number=known(packet.get("CallerIDNum", "")),
            priority=number_in(packet.get("Priority", "")),
            waited=number_in(packet.get("Wait", "")),
        )
        for packet in packets
        if packet.get("Event") == "QueueEntry"
    ]
    return sorted(entries, key=lambda entry: (entry.queue, entry.position))


def moves_at_once(version: str) -> bool:
    """Tell whether an Asterisk that calls itself `version` moves callers who wait; one that says nothing readable may.

    Certified releases count by the release they were made of.
    """
    found = _VERSION.search(version)
    if found is None:
        return True
    release = int(found[1]), int(found[2])
    return _FIRST_OF_18 <= release < (19, 0) or _FIRST_OF_20 <= release < _FIRST_OF_ALL or release >= _FIRST_OF_ALL


def not_moved(moved: Iterable[str], entries: Iterable[Entry]) -> list[Entry]:
    """Return those of `moved` (channels) who got their priority, but still stand behind somebody of a lower one."""
    chosen = set(moved)
    lowest: int | None = None
    found: list[Entry] = []
    for entry in entries:
        if entry.channel in chosen and lowest is not None and lowest < entry.priority:
            found.append(entry)
        lowest = entry.priority if lowest is None else min(lowest, entry.priority)
    return found


def number_in(text: str) -> int:
    """Read a whole number; anything else is 0, as Asterisk takes it."""
    try:
        return int(text)
    except ValueError:
        return 0
