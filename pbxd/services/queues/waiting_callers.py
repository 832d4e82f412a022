"""Who waits in the queues, as an actor may see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from pbxd.actor import Actor
from pbxd.services.calls.caller_naming import CallerNaming
from pbxd.services.queues.vip_queues import VipQueues
from pbxd.telephony.port import QueueEntry


@dataclass(frozen=True, slots=True)
class WaitingCaller:
    """A caller who waits in a queue, as an actor sees them."""

    queue: str
    position: int  # from 1 on
    call: str | None  # the id of the call's record; None: pbxd does not know the call yet
    channel: str  # as the PBX names it
    number: str | None
    name: str | None
    contact: int | None
    vip: bool
    wait_seconds: int
    since: datetime


@dataclass(frozen=True, slots=True)
class QueuesSeen:
    """All queues, and everybody who waits."""

    queues: Sequence[str]  # also those in which nobody waits
    items: Sequence[WaitingCaller]  # by queue and position


async def waiting_callers(queues: VipQueues, naming: CallerNaming, actor: Actor) -> QueuesSeen:
    """Return who waits where, in the PBX's order. Raises what `Pbx.queue_list` raises.

    Personal contacts name a caller for their owner alone. Who is a VIP is the same for everybody.
    """
    listed = await queues.listed()
    return QueuesSeen(listed.names, [_shown(queues, naming, actor, entry) for entry in listed.entries])


def _shown(queues: VipQueues, naming: CallerNaming, actor: Actor, entry: QueueEntry) -> WaitingCaller:
    match = queues.match(entry, partial(naming.match, actor=actor, inside=entry.inside))
    return WaitingCaller(
        queue=entry.queue,
        position=entry.position,
        call=queues.call_of(entry.channel),
        channel=entry.name,
        number=match.number or entry.number or None,
        name=match.name or None,
        contact=match.contact,
        vip=queues.is_vip(entry),
        wait_seconds=entry.waited,
        since=queues.since(entry),
    )
