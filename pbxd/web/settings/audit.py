"""`/settings/audit`: who did what, from where, and what was refused."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final, cast

from aiohttp import web

from pbxd.errors import InvalidInputError
from pbxd.i18n import _
from pbxd.services import employees
from pbxd.services.access import audit
from pbxd.services.access.audit import Result
from pbxd.web.frame import Visit
from pbxd.web.pages import Page
from pbxd.web.settings.sections import SETTINGS, administrator, refused, section

AUDIT: Final = f"{SETTINGS}/audit"
_SHOWN: Final = 50


async def _show_audit(visit: Visit) -> web.StreamResponse:
    query = visit.query
    result, employee, before = query.get("result", ""), query.get("employee", ""), query.get("before", "")
    asked = audit.FindDeeds(
        since=query.get("from", "")[:40],
        until=query.get("to", "")[:40],
        action=query.get("action", "").strip()[:100],
        source=query.get("source", "").strip()[:200],
        result=cast("Result", result) if result in {"done", "refused"} else None,
        employee=_number(employee),
        before=_number(before),
        limit=_SHOWN,
    )
    errors, found = dict[str, str](), []
    try:
        found = await audit.find(visit.workspace, visit.actor, asked)
    except InvalidInputError as error:
        errors = refused(error)
    people = await employees.find(visit.workspace, visit.actor, employees.FindEmployees())
    return section(
        visit,
        "audit",
        HTTPStatus.UNPROCESSABLE_ENTITY if errors else HTTPStatus.OK,
        rows=found,
        more=len(found) == _SHOWN,
        errors=errors,
        people=[(str(each.id), each.name or each.extension) for each in people],
        results=[("done", _("carried out")), ("refused", _("refused"))],
    )


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 19 else None  # noqa: PLR2004 - 64 bits


PAGES = (Page("GET", AUDIT, administrator(_show_audit)),)
