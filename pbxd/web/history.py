"""`/history`: the calls, as a table with filters and as a file."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, get_args

from aiohttp import web

from pbxd import rights
from pbxd.book.texts import folded
from pbxd.calls.record import Direction, Outcome
from pbxd.errors import InvalidInputError, NotFoundError
from pbxd.http.access import asks_by_itself
from pbxd.http.downloads import KINDS, Download
from pbxd.i18n import _
from pbxd.services import call_history, companies, contacts, employees
from pbxd.services.call_filters import FindCalls
from pbxd.services.calls import missed_calls
from pbxd.services.calls.call_people import people_of
from pbxd.services.calls.call_texts import direction_name, outcome_name
from pbxd.services.dates import read_instant
from pbxd.services.files.exports import ExportCalls
from pbxd.web.call_cards import colleague_of
from pbxd.web.call_rows import days_of
from pbxd.web.frame import Visit, go, person, show
from pbxd.web.pages import Page, is_fragment, sentence

HISTORY: Final = "/history"
SIZES: Final = (10, 20, 100)
_FILTERS: Final = (
    *("from", "to", "department", "direction", "client", "company", "agent", "queue", "outcome", "min_talk"),
    "no_callback",
)
_LENGTHS: Final = (10, 60, 300, 900)  # seconds that the filter offers
_MOST_DIGITS: Final = 6
_COMPANIES_MEANT: Final = 20  # of which a part of a name may be
_ISO_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")


async def _list(visit: Visit) -> web.StreamResponse:
    rights.check_scope(visit.actor, "calls:read")
    problem, size = "", visit.query.get("limit", "")
    limit = int(size) if size in map(str, SIZES) else 20
    found = call_history.CallPage(0, total_is_exact=True, items=[], gaps=[])
    try:
        wanted = FindCalls(**await _wanted(visit), limit=limit, after=visit.query.get("after", ""))
        found = await call_history.find(visit.workspace, visit.actor, wanted)
    except (InvalidInputError, NotFoundError) as error:
        problem = _problem(error)
    favourites = await contacts.favourites(visit.workspace, visit.actor) if visit.actor.is_employee else None
    people = await people_of(visit.workspace, visit.actor, found.items)
    return show(
        await _looked(visit),
        "history.html",
        part="history_table.html",
        found=found,
        days=days_of(found.items, found.gaps, people, favourites or ()),
        may_favour=favourites is not None,
        heard=await visit.services.recordings.audible(visit.actor, found.items),
        colleague_of=colleague_of,
        problem=problem,
        size=limit,
        filtered=any(name in visit.query for name in _FILTERS),
        export=visit.path_with(after=None, limit=None).removeprefix(HISTORY),
        **({} if is_fragment(visit.request) else await _choices(visit)),
    )


def _problem(error: InvalidInputError | NotFoundError) -> str:
    """Say what is wrong with a filter, by the name that it has on the page."""
    field = error.field if isinstance(error, InvalidInputError) else ""
    name = {"from": _("From"), "to": _("Until")}.get(field, "")
    text = sentence(str(error).removeprefix(f"{field}: "))
    return f"{name}: {text}" if name else text


async def _looked(visit: Visit) -> Visit:
    """Note that the visitor looks at the history: no call counts as missed any more.

    Only if they asked for it: an open page fetches itself again while nobody may sit before it.
    """
    looks = visit.request.method == "GET" and not asks_by_itself(visit.request)
    if looks and await missed_calls.count(visit.workspace, visit.user):
        await missed_calls.note_looked(visit.workspace, visit.user)
    return replace(visit, missed=0)


async def _count_missed(visit: Visit) -> web.StreamResponse:
    rights.check_scope(visit.actor, "calls:read")
    if not is_fragment(visit.request):
        return go(visit, HISTORY)  # the number alone is no page
    missed = await missed_calls.count(visit.workspace, visit.user)
    return show(replace(visit, missed=missed), "missed.html", part="missed.html")


async def _wanted(visit: Visit) -> dict[str, Any]:
    """Return the filters of the address as the service takes them; others are ignored."""
    query = visit.query
    company = query.get("company", "")[:300]
    return {
        "since": query.get("from", "")[:40],
        "until": query.get("to", "")[:40],
        "department": query.get("department", "")[:300],
        "direction": next((each for each in get_args(Direction) if each == query.get("direction")), None),
        "search": query.get("client", "")[:200],
        "companies": await _companies(visit, company) if company else None,
        "agent": query.get("agent", "")[:40],
        "queue": query.get("queue", "")[:300],
        "outcome": next((each for each in get_args(Outcome) if each == query.get("outcome")), None),
        "min_talk": _seconds(query.get("min_talk", "")),
        "no_callback": query.get("no_callback") == "1",
    }


def _seconds(text: str) -> int:
    """Return how long a call is to be at least; 0 for anything but a number of seconds."""
    return int(text) if text.isdecimal() and len(text) <= _MOST_DIGITS else 0


def _from_length(seconds: int) -> str:
    if seconds % 60:
        return _("from {seconds} s").format(seconds=seconds)
    return _("from {minutes} min").format(minutes=seconds // 60)


async def _companies(visit: Visit, text: str) -> tuple[str, ...]:
    """Return the company of that name, else those with all the words in their names."""
    asked = companies.FindCompanies(search=text, limit=_COMPANIES_MEANT)
    names = [each.name for each in (await companies.find(visit.workspace, visit.actor, asked)).companies]
    whole = [name for name in names if folded(name) == folded(text)]
    return tuple(whole or names)


async def _choices(visit: Visit) -> dict[str, Any]:
    """Return what the filters offer."""
    people = await employees.find(visit.workspace, visit.actor, employees.FindEmployees())
    agents = [(each.extension, f"{each.name} ({each.extension})" if each.name else each.extension) for each in people]
    departments = employees.departments_of(each for each in people if each.active)
    wanted = [each for each in [_seconds(visit.query.get("min_talk", ""))] if each]
    return {
        "agents": [each for each in agents if each[0]],
        "departments": [(each.name, each.name) for each in departments],
        "queues": sorted({queue for each in people for queue in each.queues}),
        "directions": [(each, sentence(direction_name(each))) for each in get_args(Direction)],
        "outcomes": [(each, sentence(outcome_name(each))) for each in get_args(Outcome)],
        "lengths": [(str(each), _from_length(each)) for each in sorted({*_LENGTHS, *wanted})],
        "min_talk": str(*wanted),
        "dates": {name: _day(visit.query.get(name, "")) for name in ("from", "to")},
    }


def _day(text: str) -> str:
    """Return a date of the address as a date field takes it."""
    if not text or _ISO_DAY.fullmatch(text):
        return text
    try:
        return read_instant("from", text).date().isoformat()
    except InvalidInputError:
        return ""


async def _export(visit: Visit) -> web.StreamResponse:
    rights.check_scope(visit.actor, "calls:read")
    ending = visit.request.match_info["format"]
    try:
        asked = ExportCalls(**await _wanted(visit), file=Path())
        pieces = visit.services.uploads.exported("export-calls", visit.actor, asked, ending)
        return await Download(KINDS[ending], f"calls.{ending}", pieces).send(visit.request)
    except (InvalidInputError, NotFoundError):
        return go(visit, HISTORY + visit.asked)


PAGES = (
    Page("GET", HISTORY, person(_list)),
    Page("GET", HISTORY + "/missed", person(_count_missed)),
    Page("GET", HISTORY + "/export.{format:xlsx|csv}", person(_export)),
)
