"""Is the process alive, and does it do its work."""

from __future__ import annotations

import asyncio
import math
from http import HTTPStatus
from typing import Annotated, Literal

from pydantic import Field

from pbxd.errors import LostError, UnavailableError
from pbxd.http.answers import Answer, Reply
from pbxd.http.context import Context, Services
from pbxd.http.operations import Resource
from pbxd.storage.engine.feed import Feed

DATABASE_SECONDS = 2.0  # how long a probe may wait for the database
DatabaseState = Literal["answers", "away", "lost"]

resource = Resource("health", "Whether pbxd lives and does its work; for those who watch it.")


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
    services = context.services
    age = services.directory.age_seconds
    loaded = math.isfinite(age)
    database = await _database_state(services)
    ready = loaded and database != "lost"
    faults = services.faults()
    answer = ReadinessAnswer(
        ready=ready,
        pbx="connected" if services.pbx_connected() else "away",
        database=database,
        index_age_seconds=round(age, 3) if loaded else None,
        **({"faults": faults} if faults else {}),
    )
    return Reply(answer, HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE)


async def _database_state(services: Services) -> DatabaseState:
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            await Feed(services.database).last()
    except LostError:
        return "lost"
    except (UnavailableError, TimeoutError):
        return "away"
    return "answers"
