"""The JSON API: a module a resource."""

from __future__ import annotations

from aiohttp import web

from pbxd.api import calls, health, lookup, openapi, queues


def mount(app: web.Application) -> None:
    """Add the whole API to an application, and the document that describes it."""
    for module in (health, openapi, lookup, calls, queues):
        app.add_routes(module.routes)
    app[openapi.DOCUMENT] = openapi.document(app)
