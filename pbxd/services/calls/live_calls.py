"""The calls under way and the phones, as an actor may see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pbxd.actor import Actor
from pbxd.calls.tracker import CallNow
from pbxd.services.call_history import named, seen_by, with_external
from pbxd.services.events.live_events import LiveEvents
from pbxd.services.workspace import Workspace
from pbxd.storage.calls.call_rows import agents_of
from pbxd.storage.engine.database import Reading
from pbxd.storage.engine.feed import newest


@dataclass(frozen=True, slots=True)
class CallsNow:
    """What goes on; `seq` is the feed's number before that, so that live events after it bring what changes."""

    items: Sequence[dict[str, Any]]  # records of calls, each with `part` and `phones`; the newest first
    extensions: Mapping[str, str]  # free, ringing or talking
    seq: int


async def live_calls(
    workspace: Workspace, actor: Actor, events: LiveEvents, calls_now: Callable[[], Sequence[CallNow]]
) -> CallsNow:
    """Return the calls under way that the actor sees, and the phones whose state they hear. Raises UnavailableError."""
    seq = await workspace.database.ask(newest)
    states = await events.states(actor)
    shown = await workspace.database.ask(_seen, calls_now(), actor)
    calls = await workspace.database.ask(named, [each.record for each in shown], actor, workspace.rules)
    calls = await with_external(workspace, calls)
    now = [{"part": each.part, "phones": each.phones} for each in shown]
    return CallsNow([call | more for call, more in zip(calls, now, strict=True)], states, seq)


def _seen(connection: Reading, calls: Sequence[CallNow], actor: Actor) -> list[CallNow]:
    """Return the calls that an actor sees; one that rings at a phone is its owner's already."""
    seen = seen_by(connection, actor)
    if seen is None:
        return list(calls)
    return [
        each
        for each in calls
        if seen.has({*agents_of(each.record), *each.phones}, each.record.queue or "", each.record.started)
    ]
