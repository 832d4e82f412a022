"""The pages for people: views, forms, templates. They call the services that the API calls, never the API itself."""

from __future__ import annotations

from aiohttp import web

from pbxd.web import (
    assets,
    call_cards,
    client,
    clients,
    companies,
    contact_edits,
    history,
    imports,
    invitation,
    me,
    sign_in,
)
from pbxd.web.pages import Page, serve


def mount(app: web.Application) -> None:
    """Serve all pages."""
    pages = [
        *sign_in.PAGES,
        *invitation.PAGES,
        *me.PAGES,
        *clients.PAGES,
        *client.PAGES,
        *contact_edits.PAGES,
        *companies.PAGES,
        *history.PAGES,
        *call_cards.PAGES,
        *imports.PAGES,
        Page("GET", "/static/{hash}/{name}", assets.send),
    ]
    serve(app, pages)
