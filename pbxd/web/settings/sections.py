"""The frame of the settings: for administrators only, with a tab for each section."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from pbxd import rights
from pbxd.errors import InvalidInputError
from pbxd.http.client import HTTP_SETTINGS
from pbxd.i18n import N_, _
from pbxd.web.frame import PersonalView, Visit, person, show
from pbxd.web.pages import View, sentence

SETTINGS: Final = "/settings"
_SECTIONS: Final = {
    "users": N_("Users"),
    "tokens": N_("Tokens"),
    "webhooks": N_("Webhooks"),
    "numbers": N_("Numbers"),
    "checks": N_("Check of the installation"),
    "audit": N_("Audit log"),
    "components": N_("Components"),
}


def administrator(view: PersonalView) -> View:
    """Return a view that only administrators see."""

    async def guarded(visit: Visit) -> web.StreamResponse:
        rights.check_scope(visit.actor, "admin")
        return await view(visit)

    guarded.__name__ = view.__name__
    return person(guarded)


def section(
    visit: Visit,
    name: str,
    status: HTTPStatus = HTTPStatus.OK,
    *,
    template: str = "",
    **values: Any,  # noqa: ANN401 - what a template shows
) -> web.Response:
    """Answer with a section; `template`: of one of its objects, if it isn't the section's own."""
    tabs = [(f"{SETTINGS}/{each}", _(text), each == name) for each, text in _SECTIONS.items()]
    return show(visit, f"settings/{template or name}.html", status, tabs=tabs, section=_(_SECTIONS[name]), **values)


def ask(visit: Visit, question: str, about: str, warning: str, button: str) -> web.Response:
    """Ask before something is done that can't be undone: a POST to the same address does it."""
    action = visit.request.path
    return show(
        visit,
        "settings/ask.html",
        part="settings/ask_part.html",
        question=question,
        about=about,
        warning=warning,
        button=button,
        action=action,
        back=action.rpartition("/")[0],
    )


def refused(error: InvalidInputError) -> dict[str, str]:
    """Return everything that is wrong with a form, by field."""
    return {each.field: sentence(str(each)) for each in error.mistakes}


def link_of(visit: Visit, path: str) -> str:
    """Return the address that others open a page of ours with."""
    return visit.request.app[HTTP_SETTINGS].own_url + path


def number_in(visit: Visit, name: str = "id") -> int:
    """Return a number of the address."""
    return int(visit.request.match_info[name])
