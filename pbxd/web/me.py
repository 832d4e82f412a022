"""`/me`: who is signed in, how the pages look, and the way out."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from pbxd import i18n
from pbxd.http.session_cookies import drop_session
from pbxd.i18n import _
from pbxd.roles import Role
from pbxd.services.access import users
from pbxd.web.frame import RESUMED, Visit, go, person, show
from pbxd.web.looks import keep_looks, theme
from pbxd.web.pages import Page, redirect

ME = "/me"


async def _show_profile(visit: Visit) -> web.StreamResponse:
    return _page(visit, {})


def _page(visit: Visit, form: Mapping[str, str]) -> web.StreamResponse:
    """Show the profile with what was chosen already, if its session had ended before it was saved."""
    chosen = {"language": form.get("language", i18n.current()), "theme": form.get("theme", theme())}
    return show(visit, "me.html", role=role_text(visit.user.role), chosen=chosen)


async def _keep_looks(visit: Visit) -> web.StreamResponse:
    form = await visit.form()
    if RESUMED in form:
        return _page(visit, form)
    language, shade = form.get("language", i18n.current()), form.get("theme", theme())
    await users.set_looks(visit.workspace, visit.actor, language, shade)
    answer = redirect(ME)
    keep_looks(visit.request, answer, language=language, shade=shade)
    return answer


async def _end_sessions(visit: Visit) -> web.StreamResponse:
    await users.end_sessions(visit.workspace, visit.actor, visit.user.id)
    drop_session(visit.request)
    return go(visit, "/sign-in")


def role_text(role: Role) -> str:
    """Return a role's name for people."""
    return {"agent": _("agent"), "supervisor": _("supervisor"), "administrator": _("administrator")}[role]


PAGES = (
    Page("GET", ME, person(_show_profile)),
    Page("POST", ME, person(_keep_looks), resumes=True),
    Page("POST", f"{ME}/sessions/end", person(_end_sessions)),
)
