"""Pages of other sites: what they have a browser send with a session's cookie is refused; some may use the API.

A browser adds a session's cookie to whatever a page of another site has it send. `SameSite=Lax` keeps the cookie from
most of that, but not from other ports of the same host. Bearer tokens are never added by browsers.

Scripts of the origins in `http.cors_origins`, such as a widget in a CRM's page, read the API's answers with a bearer
token (Fetch standard, "CORS protocol"). Cookies don't count for them: credentials are never allowed.
"""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from pbxd.errors import RefusedError
from pbxd.http.client import HTTP_SETTINGS, client_of, normal_origin
from pbxd.i18n import _

_API = "/api/"
_PREFLIGHT_SECONDS = 600  # a browser need not ask again for so long
_SENT = (
    "Accept", "Accept-Language", "Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match",
    "Last-Event-ID", "Range",
)  # fmt: skip
_READ = (
    "Content-Disposition", "Content-Range", "Deprecation", "ETag", "Link", "Location", "Retry-After", "Sunset",
    "WWW-Authenticate",
)  # fmt: skip
HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})  # methods that change nothing
_OUR_OWN = {"same-origin", "none"}  # none: the user typed the address; `same-site` may be another port


def check_same_origin(request: web.Request) -> None:
    """Raise RefusedError for a change that a page of another origin asks for.

    `Sec-Fetch-Site` says that; where a browser leaves it out (plain HTTP), `Origin` does. A program sends neither.
    """
    if request.method in HARMLESS:
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


def comes_from_widget(request: web.Request) -> bool:
    """Tell whether a script of an allowed other origin asks, for whom only bearer tokens count."""
    origin = _allowed_origin(request)
    return bool(origin) and not _is_own(request, origin)


def preflight_answer(request: web.Request) -> web.Response | None:
    """Return the answer to a CORS preflight request; None if this is not one."""
    if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
        return None
    wrong_method = request.match_info.http_exception
    if not isinstance(wrong_method, web.HTTPMethodNotAllowed) or not _allowed_origin(request):
        return None
    headers = {
        "Access-Control-Allow-Methods": ", ".join(sorted(wrong_method.allowed_methods)),
        "Access-Control-Allow-Headers": ", ".join(_SENT),
        "Access-Control-Max-Age": str(_PREFLIGHT_SECONDS),
    }
    if "Access-Control-Request-Private-Network" in request.headers:  # a page of the internet, pbxd in the LAN
        headers["Access-Control-Allow-Private-Network"] = "true"
    return web.Response(status=HTTPStatus.NO_CONTENT, headers=headers)


def allow_widgets(app: web.Application) -> None:
    """Have every answer of the API say which origin's scripts may read it, also errors and streams."""
    if app[HTTP_SETTINGS].cors_origins:
        app.on_response_prepare.append(_say_who_reads)


async def _say_who_reads(request: web.Request, response: web.StreamResponse) -> None:
    if not request.path.startswith(_API):
        return
    response.headers.add("Vary", "Origin")
    if origin := _allowed_origin(request):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = ", ".join(_READ)


def _allowed_origin(request: web.Request) -> str:
    """Return the origin of the script that asks, if it may use the API; empty: there is none, or it may not."""
    origins = request.headers.getall("Origin", [])
    if len(origins) != 1 or not request.path.startswith(_API):
        return ""
    allowed = {normal_origin(each) for each in request.app[HTTP_SETTINGS].cors_origins}
    return origins[0] if origins[0] in allowed else ""
