"""`/invitation/TOKEN`: where an invited person sets a password. Looking uses nothing up; messengers preview links."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from pbxd.errors import InvalidInputError
from pbxd.http.client import client_of
from pbxd.http.context import LOGIN, SERVICES, Login
from pbxd.http.cross_site import check_same_origin
from pbxd.http.session_cookies import keep_session
from pbxd.i18n import _
from pbxd.services.access.passwords import SHORTEST
from pbxd.services.access.users import INVITATION_PATH, User
from pbxd.web.looks import keep_looks
from pbxd.web.pages import HOME, Page, form_of, redirect, render, sentence


async def _show_invitation(request: web.Request) -> web.StreamResponse:
    return _page(await request.app[SERVICES].sessions.invited(request.match_info["token"]))


async def _accept_invitation(request: web.Request) -> web.StreamResponse:
    check_same_origin(request)
    form = await form_of(request)
    sessions, token = request.app[SERVICES].sessions, request.match_info["token"]
    user = await sessions.invited(token)
    request[LOGIN] = Login(lambda: user.login)
    password = form.get("password", "")
    if not password:
        return _page(user, password=_("Enter a new password"))
    if form.get("again", "") != password:
        return _page(user, again=_("The passwords differ"))
    try:
        begun = await sessions.accept(token, password, client_of(request).address)
    except InvalidInputError as error:
        return _page(user, password=sentence(str(error)))
    keep_session(request, begun)
    answer = redirect(HOME)
    keep_looks(request, answer, language=begun.user.language, shade=begun.user.theme)
    return answer


def _page(user: User, **errors: str) -> web.Response:
    status = HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK
    return render("invitation.html", status, user=user, errors=errors, shortest=SHORTEST)


PAGES = (
    Page("GET", INVITATION_PATH + "{token}", _show_invitation),
    Page("POST", INVITATION_PATH + "{token}", _accept_invitation),
)
