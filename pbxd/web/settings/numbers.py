"""`/settings/numbers`: how numbers are read, and what a number becomes."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from pbxd.i18n import _
from pbxd.lookup.matching import phone_text
from pbxd.services.lookups import LookUp, look_up
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
        answer=_status(found.match.status) if found else "",
        why=_why(found.match.rule) if found else "",
        rules=[
            (_("Country"), rules.region, "numbers.region"),
            (_("Area code"), rules.area_code or _("none: short numbers can't be read"), "numbers.area_code"),
            (_("Extensions"), rules.internal.pattern, "employees.pattern"),
        ],
    )


def _status(status: str) -> str:
    return {
        "found": _("found"),
        "shared": _("several contacts have the number"),
        "company": _("a company's number"),
        "employee": _("an employee's number"),
        "unknown": _("unknown number"),
        "withheld": _("the number is withheld"),
        "unreadable": _("the number can't be read"),
    }.get(status, status)


def _why(rule: str) -> str:
    """Return why a number was read so, for people; a rule without a text by its own word."""
    kind, _dash, prefix = rule.partition("-")
    if prefix.isdecimal() and kind == "national":
        return _("it is a number of this country that begins with {prefix}").format(prefix=prefix)
    if prefix.isdecimal() and kind == "international":
        return _("it has a country code behind {prefix}, the prefix of calls abroad").format(prefix=prefix)
    return {
        "too-long": _("the text is too long for a number"),
        "control-characters": _("the text has control characters"),
        "anonymous": _("the text says that the number is withheld"),
        "empty": _("there is no number"),
        "internal": _("it matches the pattern of extensions"),
        "e164": _("it has a country code"),
        "national": _("it is a number of this country"),
        "missing-plus": _("it has a country code without the plus"),
        "area-code": _("it is a local number; the area code was put before it"),
        "not-a-number": _("it is no phone number"),
        "other-country": _("such numbers exist only in another country"),
        "impossible": _("no numbering plan has such a number"),
    }.get(rule, rule)


PAGES = (Page("GET", NUMBERS, administrator(_show_numbers)),)
