"""Is the process alive, and does it do its work."""

from __future__ import annotations

import asyncio
import math
from http import HTTPStatus
from typing import Literal

from aiohttp import web

from pbxd.errors import LostError, UnavailableError
from pbxd.http.app_keys import SERVICES, Services
from pbxd.storage.engine.feed import Feed

DATABASE_SECONDS = 2.0  # how long a probe may wait for the database

routes = web.RouteTableDef()


@routes.get("/healthz")
async def healthz(_request: web.Request) -> web.Response:
    """Answer 200 while the process runs its event loop."""
    return web.json_response({"status": "alive"})


@routes.get("/readyz")
async def readyz(request: web.Request) -> web.Response:
    """Answer 200 when look-ups are served and the database isn't lost, else 503.

    Look-ups come from memory, so a PBX link or a database that is down leaves the daemon ready; both are told, with the
    index's age (seconds since it was last known to equal the book), for those who watch them. A database whose file is
    gone (`lost`) comes back by nobody's help but an administrator's: look-ups go on, and somebody has to notice.
    Where there were any, `faults` counts, by kind and since the start, events that could not be followed and calls that
    could not be written as they were.
    """
    services = request.app[SERVICES]
    age = services.directory.age_seconds
    loaded = math.isfinite(age)
    database = await _database(services)
    ready = loaded and database != "lost"
    details: dict[str, object] = {
        "ready": ready,
        "pbx": "connected" if services.pbx_connected() else "away",
        "database": database,
        "index_age_seconds": round(age, 3) if loaded else None,
    }
    if faults := services.faults():
        details["faults"] = faults
    return web.json_response(details, status=HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE)


async def _database(services: Services) -> Literal["answers", "away", "lost"]:
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            await Feed(services.database).last()
    except LostError:
        return "lost"
    except (UnavailableError, TimeoutError):
        return "away"
    return "answers"
