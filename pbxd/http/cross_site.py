"""Cross-site request forgery: what a browser sends because of another page is refused.

A browser adds a session's cookie to whatever a page of another site has it send. `SameSite=Lax` keeps the cookie from
most of that, but not from other ports of the same host. Bearer tokens are never added by browsers.
"""

from __future__ import annotations

from aiohttp import web

from pbxd.errors import RefusedError
from pbxd.http.client import HTTP_SETTINGS, client_of, normal_origin
from pbxd.i18n import _

_HARMLESS = {"GET", "HEAD", "OPTIONS"}
_OUR_OWN = {"same-origin", "none"}  # none: the user typed the address; `same-site` may be another port


def check_same_origin(request: web.Request) -> None:
    """Raise RefusedError for a change that a page of another origin asks for.

    `Sec-Fetch-Site` says that; where a browser leaves it out (plain HTTP), `Origin` does. A program sends neither.
    """
    if request.method in _HARMLESS:
        return
    site = request.headers.getall("Sec-Fetch-Site", [])
    if site:
        if set(site) <= _OUR_OWN:
            return
    elif all(_is_own(request, origin) for origin in request.headers.getall("Origin", [])):
        return
    raise RefusedError("cross-site", _("another site's page must not do this"))


def _is_own(request: web.Request, origin: str) -> bool:
    public = request.app[HTTP_SETTINGS].public_url
    return normal_origin(origin) in {client_of(request).origin, normal_origin(public)} - {""}
