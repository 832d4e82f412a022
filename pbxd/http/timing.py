"""How long requests take, by operation and status."""

from __future__ import annotations

import time

from aiohttp import web

from pbxd.http.context import SERVICES
from pbxd.http.operations import OPERATIONS
from pbxd.http.problems import Handler


@web.middleware
async def time_requests(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Measure a request; a stream has no length worth telling."""
    began = time.monotonic()
    response = await handler(request)
    if isinstance(response, web.Response):
        operation = request.app[OPERATIONS].get(request.match_info.route)
        name = operation.name if operation else "none"
        request.app[SERVICES].metrics.requests.observe(f"{name} {response.status}", time.monotonic() - began)
    return response
