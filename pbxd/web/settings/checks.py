"""`/settings/checks`: what is wrong with the installation, and the lines that fix it."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from pbxd.i18n import _
from pbxd.web.frame import Visit, go
from pbxd.web.pages import Page, sentence
from pbxd.web.settings.sections import SETTINGS, administrator, section

CHECKS: Final = f"{SETTINGS}/checks"


async def _show_checks(visit: Visit) -> web.StreamResponse:
    """Show what was found; while the checks run, this part of the page asks again."""
    words = {"ok": _("all well"), "warning": _("warning"), "failed": _("not passed"), "skipped": _("skipped")}
    seen = visit.services.checkups.show(visit.actor)
    return section(
        visit, "checks", part="settings/checks_found.html", seen=seen, words=words, problem=sentence(seen.problem)
    )


async def _check_installation(visit: Visit) -> web.StreamResponse:
    await visit.form()
    visit.services.checkups.begin(visit.actor)
    return go(visit, CHECKS)


PAGES = (
    Page("GET", CHECKS, administrator(_show_checks)),
    Page("POST", CHECKS, administrator(_check_installation)),
)
