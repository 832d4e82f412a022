"""A person moves a waiting caller to the front."""

from __future__ import annotations

from dataclasses import dataclass

from pbxd import rights
from pbxd.actor import Actor
from pbxd.errors import AbsentError
from pbxd.i18n import _
from pbxd.services.queues.vip_queues import VipQueues
from pbxd.services.workspace import Workspace
from pbxd.storage.engine.witnesses import note_act


@dataclass(frozen=True, slots=True)
class MoveToFront:
    """Whom to serve next."""

    queue: str
    call: str  # the id of the call that waits there


@dataclass(frozen=True, slots=True)
class MovedToFront:
    """Where the caller stood and stands."""

    queue: str
    call: str
    position_before: int
    position: int


async def move_to_front(_workspace: Workspace, actor: Actor, queues: VipQueues, asked: MoveToFront) -> MovedToFront:
    """Put a caller before everybody who waits in a queue, VIPs and long waiting ones too; log who did it.

    Raises RefusedError to agents, AbsentError `no-queue` and `not-waiting`, ConflictError if the PBX moves nobody, and
    what `Pbx.waiting` raises.
    """
    rights.check_moves_callers(actor)
    listed = await queues.listed()
    if asked.queue not in listed.names:
        raise AbsentError("no-queue", _("there is no queue {queue}").format(queue=asked.queue))
    there = [entry for entry in listed.entries if entry.queue == asked.queue]
    entry = next((each for each in there if queues.call_of(each.channel) == asked.call), None)
    moved = await queues.put_first(entry, actor) if entry else None
    if moved is None:
        message = _("call {call} doesn't wait in the queue {queue}; it was answered or left")
        raise AbsentError("not-waiting", message.format(call=asked.call, queue=asked.queue))
    note_act()
    return MovedToFront(asked.queue, asked.call, *moved)
