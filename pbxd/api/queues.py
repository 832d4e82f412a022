"""Who waits in the queues, and who is served next."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from pydantic import Field

from pbxd.api.call_record import Instant
from pbxd.calls.record import instant
from pbxd.http.answers import Answer
from pbxd.http.context import Context
from pbxd.http.operations import Resource
from pbxd.http.requests import ActingQuery, PathParameters
from pbxd.services.queues.to_front import MoveToFront, move_to_front
from pbxd.services.queues.waiting_callers import WaitingCaller, waiting_callers

resource = Resource("queues", "Who waits in the queues.")


class WaitingCallerAnswer(Answer):
    """A caller who waits in a queue."""

    queue: str
    position: int
    """From 1 on."""
    call: str | None
    """The id of the call's record; null while pbxd does not know the call."""
    channel: str
    """As the PBX names it."""
    number: str | None
    """E.164 if it can be read as a number, else as the PBX has it."""
    name: str | None
    contact: int | None
    vip: bool
    wait_seconds: int
    since: Instant
    """When the caller joined the queue."""


class QueuesAnswer(Answer):
    """Everybody who waits, by queue and position."""

    items: tuple[WaitingCallerAnswer, ...]
    queues: tuple[str, ...]
    """The names of all queues, also of those in which nobody waits."""


class CallerPath(PathParameters):
    """Which caller."""

    name: Annotated[str, Field(examples=["sales"])]
    """Of the queue."""
    id: Annotated[str, Field(examples=["01KB6V6ZJ5X2W7Q3M8N4C0T9RD"])]
    """Of the call that waits there."""


class MovedAnswer(Answer):
    """The caller's position before and after the move."""

    queue: str
    call: str
    position_before: int
    position: int


@resource.operation("GET", "/api/v1/queues", scope="queues:read")
async def list_waiting_callers(context: Context, query: ActingQuery) -> QueuesAnswer:
    """List the callers who wait in any queue, in the PBX's order, named as the asker may see them."""
    del query
    services = context.services
    seen = await waiting_callers(services.queues, services.caller_naming, context.actor)
    return QueuesAnswer.model_validate({"items": list(map(_caller, seen.items)), "queues": seen.queues})


@resource.operation(
    "POST",
    "/api/v1/queues/{name}/callers/{id}/first",
    scope="queues:move",
    problems={HTTPStatus.CONFLICT: "The PBX does not move callers who wait already."},
)
async def move_caller_to_front(context: Context, path: CallerPath) -> MovedAnswer:
    """Put a caller before everybody in the queue, VIPs too. Nobody overtakes them from then on.

    404 says by `reason` what is missing: `no-queue`, or `not-waiting` if the call does not wait in this queue (any
    more). A caller who is first already stays there.
    """
    services = context.services
    asked = MoveToFront(path.name, path.id)
    return MovedAnswer.model_validate(await move_to_front(services.workspace, context.actor, services.queues, asked))


def _caller(caller: WaitingCaller) -> dict[str, object]:
    return {name: getattr(caller, name) for name in WaitingCallerAnswer.model_fields} | {"since": instant(caller.since)}
