"""Asterisk's queues: who waits where, moving a caller, and the marks on a caller's channel.

What a move does (app_queue.c, `change_priority_caller_on_queue`, with Immediate): the caller is taken out, gets the new
priority and is put in before the first caller of strictly lower priority, behind all of equal one. It changes the entry
in one queue only. What the next Queue() gives, and what a restarted pbxd knows, stands in variables of the caller's
channel (dialplan/pbxd.conf says which the look-up sets).

The caller behind a place can change while the place stays. What Asterisk 22 sends through the shipped filters:
- REFER with Replaces, and everything else that puts one channel in another's place (a masquerade): the channel that
  joined ends without leaving the queue. Nothing names the channel that stands there from then on, but the list does.
- `*2`, a REFER behind a Local channel, the action Bridge: the caller in the queue is a Local channel, and stays; its
  other end enters a bridge, and a moment later the list has another CallerIDNum. The event NewConnectedLine, which
  would tell that moment, is filtered: it is frequent. So such a queue is looked at again a little later.
- Set(CALLERID(num)=…) by another program: NewCallerid.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import structlog

from pbxd.asterisk.ami.client import AmiClient
from pbxd.asterisk.ami.packets import Packet, known
from pbxd.asterisk.endpoints import Endpoints
from pbxd.errors import RefusedError
from pbxd.telephony.port import Mark, QueueEntry, QueueList

_VERSION = re.compile(r"(?<![\d.])(\d+)\.(\d+)")
# The first releases whose QueueChangePriorityCaller knows `Immediate` (CHANGES of 18.20.0, 20.5.0 and 21.0.0).
_FIRST_OF_18, _FIRST_OF_20, _FIRST_OF_ALL = (18, 20), (20, 5), (21, 0)

_log = structlog.get_logger(__name__)


class AsteriskQueues:
    """Reads and changes the queues over AMI."""

    def __init__(self, ami: AmiClient, endpoints: Endpoints) -> None:
        self._ami = ami
        self._endpoints = endpoints
        self._warned = ""  # the version that the log says can't move callers

    async def waiting(self, queue: str) -> list[QueueEntry]:
        """List who waits, in order; of every queue unless one is named."""
        headers = {"Queue": queue} if queue else {}
        return entries_of(await self._ami.listing("QueueStatus", headers), self._endpoints)

    async def queue_list(self) -> QueueList:
        """List all queues, and who waits in them."""
        packets = await self._ami.listing("QueueStatus")
        names = {packet.get("Queue", "") for packet in packets if packet.get("Event") == "QueueParams"}
        entries = tuple(entries_of(packets, self._endpoints))
        names |= {entry.queue for entry in entries}
        return QueueList(tuple(sorted(names - {""})), entries)

    async def can_move(self) -> bool:
        """Ask whether this Asterisk moves a caller who waits; warn once if it doesn't."""
        version = (await self._ami.action("CoreSettings")).get("AsteriskVersion", "")
        able = moves_at_once(version)
        if not able:
            self._warn(version)
        return able

    def doubt_moves(self) -> None:
        """Warn once of an Asterisk that accepts a move and moves nobody."""
        self._warn("an Asterisk that takes a move, and moves nobody")

    def _warn(self, version: str) -> None:
        if version != self._warned:
            self._warned = version
            _log.warning("queue_moves_unsupported", asterisk=version, works="the rank given before Queue()")

    async def move(self, entry: QueueEntry, priority: int) -> None:
        """Give a caller this priority and the place that goes with it."""
        headers = {"Queue": entry.queue, "Caller": entry.name, "Priority": str(priority), "Immediate": "yes"}
        try:
            await self._ami.action("QueueChangePriorityCaller", headers)
        except RefusedError as error:
            _log.debug("caller_left_before_move", queue=entry.queue, channel=entry.name, why=str(error))

    async def mark_of(self, entry: QueueEntry) -> Mark | None:
        """Ask the channel whether the look-up at entry, or an earlier process, gave the priority."""
        given = str(entry.priority)
        try:
            if await self._variable(entry, "PBXD_PRIO") == given:
                return Mark("rank", _number(await self._variable(entry, "PBXD_PRIO_BEFORE")), entry.priority)
            if await self._variable(entry, "PBXD_KEPT") == given:
                return Mark("kept", _number(await self._variable(entry, "QUEUE_PRIO")), entry.priority)
        except RefusedError:  # the caller hung up
            pass
        return None

    async def _variable(self, entry: QueueEntry, name: str) -> str:
        return (await self._ami.action("Getvar", {"Channel": entry.name, "Variable": name})).get("Value", "")

    async def put_mark(self, entry: QueueEntry, base: int, mark: Mark | None) -> None:
        """Write what was done to a caller to the channel."""
        rank = mark.given if mark and mark.kind == "rank" else ""
        kept = mark.given if mark and mark.kind == "kept" else ""
        headers = {
            "Channel": entry.name,
            "Variable": "ARRAY(QUEUE_PRIO,PBXD_PRIO,PBXD_PRIO_BEFORE,PBXD_KEPT)",
            "Value": f"{rank or base},{rank},{base},{kept}",
        }
        try:
            await self._ami.action("Setvar", headers)
        except RefusedError as error:
            _log.debug("caller_left_before_mark", queue=entry.queue, channel=entry.name, why=str(error))


def entries_of(packets: Iterable[Packet], endpoints: Endpoints) -> list[QueueEntry]:
    """Read the events of QueueStatus; callers by queue, in the order they stand."""
    entries = [
        QueueEntry(
            queue=packet.get("Queue", ""),
            position=_number(packet.get("Position", "")),
            channel=packet.get("Uniqueid", ""),
            name=packet.get("Channel", ""),
            number=known(packet.get("CallerIDNum", "")),
            priority=_number(packet.get("Priority", "")),
            waited=_number(packet.get("Wait", "")),
            local=packet.get("Channel", "").startswith("Local/"),
            inside=endpoints.is_inside(packet.get("Channel", "")),
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


def _number(text: str) -> int:
    """Read a whole number; anything else is 0, as Asterisk takes it."""
    try:
        return int(text)
    except ValueError:
        return 0
