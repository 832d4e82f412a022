"""Who waits in the queues."""

from __future__ import annotations

from aiohttp import web

from pbxd.http.app_keys import SERVICES

routes = web.RouteTableDef()


@routes.get("/api/v1/queues")
async def queues(request: web.Request) -> web.Response:
    """Answer the waiting callers of every queue, in the PBX's order."""
    return web.json_response({"items": await request.app[SERVICES].queues.waiting()})
