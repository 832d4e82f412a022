"""What all pages have in common: templates, headers, forms, errors, and who is signed in."""

from __future__ import annotations

import asyncio
import math
import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape
from yarl import URL

from pbxd import i18n
from pbxd.actor import Actor
from pbxd.errors import ConflictError, InvalidInputError, NotFoundError, PbxdError, RefusedError, UnavailableError
from pbxd.http.access import FRAGMENT, session_actor
from pbxd.http.context import PAGES
from pbxd.http.repeated_forms import new_form_key
from pbxd.i18n import _, local_day, local_time
from pbxd.numbers import display
from pbxd.web.assets import asset
from pbxd.web.looks import theme, use_theme

View = Callable[[web.Request], Awaitable[web.StreamResponse]]
HOME = "/clients"
SIGN_IN = "/sign-in"
FORM = "application/x-www-form-urlencoded"
_RESUMING: web.AppKey[set[web.AbstractRoute]] = web.AppKey("resuming", set)
_FILLING: web.AppKey[asyncio.Lock] = web.AppKey("filling", asyncio.Lock)  # one page at a time
_MOST_FIELDS = 300
_NUMBER: Final = re.compile(r"\+\d[\d -]+\d")
TURN_SECONDS = 0.0005  # for which a page is filled before other requests have their turn
FORM_LIMIT: Final = 256 * 1024  # bytes: the longest comment, escaped twice while a sign-in keeps the form
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; style-src 'self'; "
        "img-src 'self'; media-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types pbxd"
    ),
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: browsers would send `Origin: null` with forms. Nothing goes to other sites either way.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Page(NamedTuple):
    """A view and its address.

    `resumes`: a form that comes back with `_resumed`, after its session had ended, is shown again and not carried out.
    The address answers GET too.
    """

    method: str
    path: str
    view: View
    resumes: bool = False


def serve(app: web.Application, pages: Iterable[Page]) -> None:
    """Serve pages; each GET answers HEAD too."""
    known, resuming = app.setdefault(PAGES, {}), app.setdefault(_RESUMING, set())
    app.setdefault(_FILLING, asyncio.Lock())
    for page in pages:
        for method in ("GET", "HEAD") if page.method == "GET" else (page.method,):
            route = app.router.add_route(method, page.path, _with_error_pages(page.view))
            known[route] = page.view.__name__.strip("_")
            if page.resumes:
                resuming.add(route)


def render(template: str, status: HTTPStatus = HTTPStatus.OK, **values: Any) -> web.Response:  # noqa: ANN401 - what a template shows
    """Fill a short template in the request's language."""
    text = _templates.get_template(template).render(language=i18n.current(), theme=theme(), **values)
    return web.Response(text=text, status=status, content_type="text/html", headers=_HEADERS)


class Unfinished(web.Response):
    """A page that is filled while others have their turns: a long table takes longer than a look-up may wait."""

    def __init__(self, template: str, status: HTTPStatus, values: Mapping[str, Any]) -> None:
        """Prepare the page in the request's language, for `serve` to finish."""
        super().__init__(status=status, content_type="text/html", charset="utf-8", headers=_HEADERS)
        chosen = _templates.get_template(template)
        self._pieces = chosen.generate(language=i18n.current(), theme=theme(), **values)

    async def finish(self) -> None:
        """Fill the template, for TURN_SECONDS at a time."""
        made, began = list[str](), time.perf_counter()
        for piece in self._pieces:
            made.append(piece)
            if time.perf_counter() - began > TURN_SECONDS:
                await asyncio.sleep(0)
                began = time.perf_counter()
        self.text = "".join(made)


def is_fragment(request: web.Request) -> bool:
    """Tell whether a script of a page asks, for a part of it."""
    return FRAGMENT in request.headers


def redirect(path: str) -> web.Response:
    """Send the browser to another page of ours, which it GETs."""
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={**_HEADERS, "Location": path})


def to_sign_in(path: str) -> web.Response:
    """Send the browser to where people sign in, and to a page of ours afterwards."""
    return redirect(f"{SIGN_IN}?next={quote(path, safe='')}")


async def nearest(request: web.Request, *paths: str) -> str:
    """Return the first of these that is the address of a page that can be opened, not only sent to; else HOME."""
    for path in paths:
        if path == local_path(path) and await _route_of(request, "GET", path) in request.app[PAGES]:
            return path
    return HOME


async def resumes(request: web.Request, path: str) -> bool:
    """Tell whether a form that is sent there may come back after a sign-in: it is shown again, not carried out."""
    return await _route_of(request, "POST", path) in request.app[_RESUMING]


async def _route_of(request: web.Request, method: str, path: str) -> web.AbstractRoute | None:
    try:
        asked = request.clone(method=method, rel_url=URL(path))
    except ValueError:
        return None
    return (await request.app.router.resolve(asked)).route


async def signed_in(request: web.Request) -> Actor | None:
    """Return who is signed in. Raises RefusedError for a form of another site's page."""
    return await session_actor(request)


async def form_of(request: web.Request) -> Mapping[str, str]:
    """Return the fields of a form that was sent; of two with one name the last. Raises HTTP errors: 413, 415, 400."""
    if request.content_type != FORM:
        raise web.HTTPUnsupportedMediaType
    try:
        text = (await request.clone(client_max_size=FORM_LIMIT).read()).decode("utf-8", "replace")
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except (web.RequestPayloadError, ConnectionError, ValueError) as error:
        raise web.HTTPBadRequest from error


def local_path(text: str) -> str:
    """Return where a browser goes next if that is a page of ours, else the first page: no link leads elsewhere.

    Browsers read a backslash as a slash and leave out line breaks and tabs: with them a path can name another host.
    """
    printable = text.isascii() and text.isprintable() and not set(text) & set("\\ ")
    if not printable or not text.startswith("/") or text.startswith("//"):
        return HOME
    try:
        parts = urlsplit(text)
    except ValueError:
        return HOME
    return HOME if parts.scheme or parts.netloc or parts.path.startswith(SIGN_IN) else text


def _with_error_pages(view: View) -> View:
    async def shown(request: web.Request) -> web.StreamResponse:
        use_theme(request)
        await _compile_templates(request)
        try:
            return await _finished(request, await view(request))
        except web.HTTPException as error:
            return _error_page(HTTPStatus(error.status), _said(HTTPStatus(error.status)))
        except (ConflictError, InvalidInputError, NotFoundError, RefusedError) as error:
            return _error_page(_STATUSES[next(kind for kind in _STATUSES if isinstance(error, kind))], str(error))
        except UnavailableError:
            answer = _error_page(HTTPStatus.SERVICE_UNAVAILABLE, _("pbxd can't do this now; try again in a minute"))
            answer.headers["Retry-After"] = "5"
            return answer

    return shown


async def _compile_templates(request: web.Request) -> None:
    """Compile all templates before the first page, in a thread: one of them takes up to 30 ms of the loop."""
    if not _compiled.is_set():
        async with request.app[_FILLING]:
            if not _compiled.is_set():
                await asyncio.to_thread(lambda: [_templates.get_template(each) for each in _templates.list_templates()])
                _compiled.set()


async def _finished(request: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
    """Fill the page.

    Only one page is filled at a time, so one turn of the event loop lasts at most TURN_SECONDS.
    """
    if isinstance(answer, Unfinished):
        async with request.app[_FILLING]:
            await answer.finish()
    return answer


_STATUSES: Final = {
    ConflictError: HTTPStatus.CONFLICT,
    InvalidInputError: HTTPStatus.UNPROCESSABLE_ENTITY,
    NotFoundError: HTTPStatus.NOT_FOUND,
    RefusedError: HTTPStatus.FORBIDDEN,
}


def show_error(request: web.Request, status: HTTPStatus, message: str) -> web.Response:
    """Show an error for which no view of ours has a page."""
    use_theme(request)
    return _error_page(status, message)


def _error_page(status: HTTPStatus, message: str) -> web.Response:
    return render("error.html", status, message=sentence(message))


def _said(status: HTTPStatus) -> str:
    if status is HTTPStatus.NOT_FOUND:
        return _("there is nothing at this address")
    if status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return _("this is too much text for one form; go back and shorten it")
    if status is HTTPStatus.CONFLICT:
        return _("others are changing the same thing right now; try again")
    return _("this form can't be read; go back and try again")


def sentence(text: str) -> str:
    """Return a text of an error as a sentence begins."""
    return text[:1].upper() + text[1:]


def retry_after(error: PbxdError) -> dict[str, str]:
    """Return the header that says when to try again, if the error tells."""
    seconds = getattr(error, "retry_after", None)
    return {"Retry-After": str(math.ceil(seconds))} if seconds else {}


def _mailto(address: str) -> str:
    """Return the address of a link that opens the mail program (RFC 6068): the last "@" stays as it is."""
    local, _at, domain = address.rpartition("@")
    return f"mailto:{quote(local)}@{quote(domain)}"


def _unbroken(text: str) -> Markup:
    """Keep the phone numbers in a sentence in one line."""
    return Markup(_NUMBER.sub(r'<span class="number">\g<0></span>', str(escape(text))))  # noqa: S704 - escaped above


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("pbxd.web"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        auto_reload=False,  # no look at a file's time for each row of a table
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(_=_, asset=asset, new_form_key=new_form_key)
    made.filters.update(number=display, time=local_time, day=local_day, mailto=_mailto, unbroken=_unbroken)
    return made


_templates = _environment()
_compiled = threading.Event()
