"""`/settings/checks`: what is wrong with the installation, and the lines that fix it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aiohttp import web

from pbxd.errors import UnavailableError
from pbxd.i18n import _
from pbxd.services.checkups import Checked
from pbxd.web.frame import Visit
from pbxd.web.pages import Page
from pbxd.web.settings.sections import SETTINGS, administrator, section

CHECKS: Final = f"{SETTINGS}/checks"
_SECONDS: Final = 120.0


async def _show_checks(visit: Visit) -> web.StreamResponse:
    return _page(visit, None)


async def _check_installation(visit: Visit) -> web.StreamResponse:
    await visit.form()
    visit.lasting(_SECONDS)
    try:
        return _page(visit, await visit.services.checkups.examine(visit.actor))
    except UnavailableError as error:
        return _page(visit, None, str(error))


def _page(visit: Visit, findings: Sequence[Checked] | None, problem: str = "") -> web.StreamResponse:
    words = {"ok": _("all well"), "warning": _("warning"), "failed": _("failed"), "skipped": _("skipped")}
    return section(visit, "checks", findings=findings, words=words, problem=problem)


PAGES = (
    Page("GET", CHECKS, administrator(_show_checks)),
    Page("POST", CHECKS, administrator(_check_installation)),
)
