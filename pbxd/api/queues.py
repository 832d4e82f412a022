"""Who waits in the queues."""

from __future__ import annotations

from pbxd.http.answers import Answer
from pbxd.http.context import Context
from pbxd.http.operations import Resource

resource = Resource("queues", "Who waits in the queues.")


class WaitingCallerAnswer(Answer):
    """A caller who waits in a queue."""

    queue: str
    position: int
    """From 1 on."""
    channel: str
    """As the PBX names it."""
    number: str | None
    """E.164 if it can be read as a number, else as the PBX has it."""
    name: str | None
    vip: bool
    wait_seconds: int


class QueuesAnswer(Answer):
    """Everybody who waits, by queue and position."""

    items: tuple[WaitingCallerAnswer, ...]


@resource.operation("GET", "/api/v1/queues", scope="queues:read")
async def list_waiting_callers(context: Context) -> QueuesAnswer:
    """List the callers who wait in any queue, in the PBX's order."""
    return QueuesAnswer.model_validate({"items": await context.services.queues.waiting()})
