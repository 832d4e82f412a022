"""`/settings/numbers`: how numbers are read, and what a number becomes."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from pbxd.i18n import _
from pbxd.lookup.matching import phone_text
from pbxd.services.lookups import LookUp, look_up, rule_text, status_text
from pbxd.web.frame import Visit
from pbxd.web.pages import Page
from pbxd.web.settings.sections import SETTINGS, administrator, section

NUMBERS: Final = f"{SETTINGS}/numbers"


async def _show_numbers(visit: Visit) -> web.StreamResponse:
    tried = visit.query.get("number", "").strip()[:200]
    found = await look_up(visit.workspace, visit.actor, LookUp(number=tried)) if tried else None
    rules = visit.workspace.rules
    return section(
        visit,
        "numbers",
        tried=tried,
        found=found,
        phone=phone_text(found.match) if found else "",
        answer=status_text(found.match.status) if found else "",
        why=rule_text(found.match.rule) if found else "",
        rules=[
            (_("Country"), rules.region, "numbers.region"),
            (_("Area code"), rules.area_code or _("none: short numbers can't be read"), "numbers.area_code"),
            (_("Extensions"), rules.internal.pattern, "employees.pattern"),
        ],
    )


PAGES = (Page("GET", NUMBERS, administrator(_show_numbers)),)
