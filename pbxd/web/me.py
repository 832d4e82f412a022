"""`/me`: who is signed in, and the way out."""

from __future__ import annotations

from aiohttp import web

from pbxd.http.context import SERVICES
from pbxd.i18n import _
from pbxd.roles import Role
from pbxd.services import users
from pbxd.web.pages import HOME, Page, render, signed_in, to_sign_in


async def _show_profile(request: web.Request) -> web.StreamResponse:
    actor = await signed_in(request)
    user = await users.own(request.app[SERVICES].workspace, actor) if actor else None
    if user is None:
        return to_sign_in(request)
    return render("me.html", user=user, role=_role(user.role))


def _role(role: Role) -> str:
    return {"agent": _("agent"), "supervisor": _("supervisor"), "administrator": _("administrator")}[role]


PAGES = (Page("GET", HOME, _show_profile),)
