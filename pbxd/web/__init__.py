"""The pages for people: views, forms, templates. They call the services that the API calls, never the API itself."""

from __future__ import annotations

from aiohttp import web

from pbxd.http.context import ERROR_PAGE
from pbxd.web import (
    assets,
    attach,
    call_cards,
    call_page,
    client,
    clients,
    companies,
    contact_edits,
    history,
    imports,
    invitation,
    me,
    queues,
    settings,
    sign_in,
    staff,
)
from pbxd.web.pages import Page, serve, show_error


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
        *attach.PAGES,
        *history.PAGES,
        *call_page.PAGES,
        *call_cards.PAGES,
        *imports.PAGES,
        *staff.PAGES,
        *queues.PAGES,
        *settings.PAGES,
        Page("GET", "/static/{hash}/{name}", assets.send),
        Page("GET", "/favicon.ico", assets.send_icon),
    ]
    serve(app, pages)
    app[ERROR_PAGE] = show_error
