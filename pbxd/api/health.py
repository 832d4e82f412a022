"""Is the process alive, and does it do its work."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Literal

from pydantic import Field

from pbxd.http.answers import Answer, Reply
from pbxd.http.context import Context
from pbxd.http.operations import Resource
from pbxd.services.health import DatabaseState

resource = Resource("health", "Whether pbxd lives and does its work, for those who watch it.")


class AliveAnswer(Answer):
    """The process lives."""

    status: Literal["alive"]


class ReadinessAnswer(Answer):
    """Whether pbxd does its work."""

    ready: bool
    """Look-ups are served and the database isn't lost."""
    pbx: Literal["connected", "away"]
    database: DatabaseState
    """`lost`: its file is gone, which only an administrator can mend."""
    index_age_seconds: float | None
    """How long ago the index in memory was last known to equal the book; null: it was never loaded."""
    faults: Annotated[dict[str, int], Field(default_factory=dict)]
    """Events that could not be followed and calls that could not be written as they were, since the start, by kind."""


@resource.operation("GET", "/healthz", scope="open")
async def check_alive(context: Context) -> AliveAnswer:
    """Answer 200 while the process runs its event loop."""
    del context
    return AliveAnswer(status="alive")


@resource.operation("GET", "/readyz", scope="open", status=(HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE))
async def check_ready(context: Context) -> Reply[ReadinessAnswer]:
    """Answer 200 while look-ups are served and the database isn't lost, else 503.

    Look-ups come from memory: a PBX link or a database that is away leaves pbxd ready. The answer names both.
    """
    found = await context.services.health.check()
    answer = ReadinessAnswer(
        ready=found.ready,
        pbx=found.pbx,
        database=found.database,
        index_age_seconds=found.index_age_seconds,
        **({"faults": dict(found.faults)} if found.faults else {}),
    )
    if found.ready:
        return Reply(answer)
    return Reply(answer, HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "5"})
