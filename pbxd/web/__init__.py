"""The pages for people: views, forms, templates. They call the services that the API calls, never the API itself."""

from __future__ import annotations

from aiohttp import web

from pbxd.web import assets, clients, history, imports, invitation, me, sign_in
from pbxd.web.pages import Page, serve

_PARTS = (sign_in, invitation, me, clients, history, imports)


def mount(app: web.Application) -> None:
    """Serve all pages."""
    serve(app, [*(page for part in _PARTS for page in part.PAGES), Page("GET", "/static/{hash}/{name}", assets.send)])
