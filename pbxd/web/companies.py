"""`/companies`: companies, their people and numbers."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from pbxd.services import companies
from pbxd.web.frame import Visit, person, show
from pbxd.web.pages import Page

COMPANIES: Final = "/companies"
_SUGGESTED: Final = 10


async def _names(visit: Visit) -> web.StreamResponse:
    """Answer with companies that have the typed words in their names, for a list of suggestions."""
    search = visit.query.get("search", "")[:200]
    asked = companies.FindCompanies(search=search, limit=_SUGGESTED)
    found = (await companies.find(visit.workspace, visit.actor, asked)).companies if search else ()
    return show(visit, "company_names.html", part="company_names.html", companies=found)


PAGES = (Page("GET", f"{COMPANIES}/names", person(_names)),)
