"""`/sign-in`, `/sign-out` and `/`."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from urllib.parse import parse_qsl

from aiohttp import web

from pbxd.errors import RefusedError, WrongLoginError
from pbxd.http.client import client_of
from pbxd.http.context import ACTOR, LOGIN, SERVICES, Login
from pbxd.http.cross_site import check_same_origin
from pbxd.http.session_cookies import drop_session, keep_session, session_of
from pbxd.i18n import _
from pbxd.services.access.sessions import NewSession
from pbxd.web.frame import RESUMED, USER_FIELD
from pbxd.web.looks import keep_looks, use_looks
from pbxd.web.pages import (
    HOME,
    SIGN_IN,
    Page,
    form_of,
    local_path,
    nearest,
    redirect,
    render,
    resumes,
    retry_after,
    sentence,
    signed_in,
)


async def _show_first_page(_request: web.Request) -> web.StreamResponse:
    return redirect(HOME)


async def _show_sign_in(request: web.Request) -> web.StreamResponse:
    wanted = local_path(request.query.get("next", ""))
    if await signed_in(request) is not None:
        return redirect(await nearest(request, wanted))
    return _page(wanted)


async def _sign_in(request: web.Request) -> web.StreamResponse:
    check_same_origin(request)
    form = await form_of(request)
    login, password, wanted = form.get("login", ""), form.get("password", ""), local_path(form.get("next", ""))
    show = partial(_page, wanted, login=login, draft=form.get("draft", ""))
    missing = {}
    if not login.strip():
        missing["login"] = _("Enter your extension or e-mail")
    if not password:
        missing["password"] = _("Enter your password")
    if missing:
        return show(HTTPStatus.UNPROCESSABLE_ENTITY, errors=missing)
    sessions, address = request.app[SERVICES].sessions, client_of(request).address
    request[LOGIN] = Login(partial(sessions.loggable, login))
    try:
        begun = await sessions.sign_in(login, password, address, session_of(request))
    except WrongLoginError:
        return show(HTTPStatus.UNAUTHORIZED, alert=_("Wrong login or password"))
    except RefusedError as error:
        answer = show(HTTPStatus.TOO_MANY_REQUESTS, alert=sentence(str(error)))
        answer.headers.update(retry_after(error))
        return answer
    keep_session(request, begun)
    use_looks(begun.user)
    answer = await _resumed(request, wanted, form.get("draft", ""), begun)
    keep_looks(request, answer, language=begun.user.language, shade=begun.user.theme)
    return answer


async def _resumed(request: web.Request, wanted: str, draft: str, begun: NewSession) -> web.Response:
    """Return a kept form to the user who filled it in. Redirect everybody else to the page they asked for."""
    fields = dict(parse_qsl(draft, keep_blank_values=True))
    if fields.get(USER_FIELD) != str(begun.user.id) or not await resumes(request, wanted):
        return redirect(await nearest(request, wanted))
    return render("resume.html", path=wanted, fields={**fields, RESUMED: "1"})


async def _sign_out(request: web.Request) -> web.StreamResponse:
    check_same_origin(request)
    if actor := await signed_in(request):
        request[ACTOR] = actor
    if plain := session_of(request):
        await request.app[SERVICES].sessions.sign_out(plain)
    drop_session(request)
    return redirect(SIGN_IN)


def _page(
    wanted: str,
    status: HTTPStatus = HTTPStatus.OK,
    *,
    login: str = "",
    alert: str = "",
    errors: dict[str, str] | None = None,
    draft: str = "",
) -> web.Response:
    values = {"login": login, "next": wanted, "alert": alert, "errors": errors or {}, "draft": draft}
    return render("sign_in.html", status, **values)


PAGES = (
    Page("GET", "/", _show_first_page),
    Page("GET", SIGN_IN, _show_sign_in),
    Page("POST", SIGN_IN, _sign_in),
    Page("POST", "/sign-out", _sign_out),
)
