"""`/companies`: companies, their people and numbers; those of one name that stand there twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from http import HTTPStatus
from itertools import groupby
from typing import Any, Final

from aiohttp import web

from pbxd.book.companies import Company
from pbxd.book.company_names import company_key
from pbxd.errors import ConflictError, InvalidInputError, NameTakenError
from pbxd.http.repeated_forms import Making, StillSavingError
from pbxd.i18n import N_, _
from pbxd.numbers import display
from pbxd.services import companies as book
from pbxd.web.contact_fields import mark
from pbxd.web.frame import RESUMED, Visit, go, person, show
from pbxd.web.pages import Page, sentence

COMPANIES: Final = "/companies"
_ONE: Final = COMPANIES + r"/{id:\d{1,18}}"
_SUGGESTED: Final = 10
_LONGEST: Final = 200  # characters of a search
_DOUBLES: Final = 100  # companies of similar names on the page; a search finds others
_SIZES: Final = (10, 20, 100)
_LINES: Final = ("numbers", "emails")  # fields with a value in each line
FIELDS: Final = {
    "name": N_("Name of the company"),
    "numbers": N_("Phone numbers"),
    "emails": N_("E-mail address"),
    "site": N_("Site"),
    "address": N_("Address"),
}


async def _list(visit: Visit) -> web.StreamResponse:
    query, doubles = visit.query, visit.query.get("tab") == "doubles"
    size = int(query["limit"]) if query.get("limit", "") in map(str, _SIZES) else 20
    asked = book.FindCompanies(
        search=query.get("search", "")[:_LONGEST],
        doubles=doubles,
        limit=_DOUBLES if doubles else size,
        after=query.get("after", ""),
    )
    problem = ""
    try:
        found = await book.find(visit.workspace, visit.actor, asked)
    except InvalidInputError as error:
        problem, found = str(error), book.CompanyPage([], "")
    tabs = [("", _("All"), not doubles), ("doubles", _("Similar"), doubles)]
    return show(
        visit,
        "companies.html",
        part="companies_table.html",
        found=found,
        problem=problem,
        size=size,
        tabs=[(visit.path_with(tab=name, after=None), text, here) for name, text, here in tabs],
        groups=_groups(found.companies) if doubles else [],
        doubles=doubles,
    )


def _groups(found: Sequence[Company]) -> list[list[Company]]:
    """Return companies of one name together; they come in that order."""
    return [list(each) for _key, each in groupby(found, lambda company: company_key(company.name))]


async def _names(visit: Visit) -> web.StreamResponse:
    """Answer with companies that have the typed words in their names, for a list of suggestions."""
    search = visit.query.get("search", "")[:_LONGEST]
    asked = book.FindCompanies(search=search, limit=_SUGGESTED)
    found = (await book.find(visit.workspace, visit.actor, asked)).companies if search else ()
    return show(visit, "company_names.html", part="company_names.html", companies=found)


async def _show(visit: Visit) -> web.StreamResponse:
    shown = await book.show(visit.workspace, visit.actor, _id(visit))
    return show(visit, "company.html", part="company_part.html", company=shown.company, shown=shown)


def _id(visit: Visit) -> int:
    return int(visit.request.match_info["id"])


def _values(company: Company) -> dict[str, str]:
    numbers, emails = "\n".join(map(display, company.numbers)), "\n".join(company.emails)
    return {"name": company.name, "numbers": numbers, "emails": emails, "site": company.site} | {
        "address": company.address
    }


def _texts(values: dict[str, str]) -> dict[str, str]:
    """Return the fields as they count: without empty lines and blanks around."""
    found = {name: values.get(name, "").replace("\r\n", "\n").strip() for name in FIELDS}
    return found | {name: "\n".join(_lines(found[name])) for name in _LINES}


def _lines(text: str) -> list[str]:
    return [line for each in text.splitlines() if (line := each.strip())]


async def _edit(visit: Visit) -> web.StreamResponse:
    company = await book.get(visit.workspace, visit.actor, _id(visit))
    return _form(visit, company, _values(company))


def _form(
    visit: Visit,
    company: Company | None,
    values: dict[str, str],
    status: HTTPStatus = HTTPStatus.OK,
    **more: object,
) -> web.StreamResponse:
    """Show the form. `was` marks the values with which it began, unless it goes on with an older state."""
    now = _texts(_values(company)) if company else {}
    begun = {"version": str(company.version if company else ""), "was": " ".join(map(mark, now.values()))}
    context = {"errors": {}, "alert": "", "clashes": [], **begun, **more}
    return show(
        visit, "company_form.html", status, part="company_form_part.html", company=company, values=values, **context
    )


async def _new(visit: Visit) -> web.StreamResponse:
    return _form(visit, None, {})


async def _add_company(visit: Visit) -> web.StreamResponse:
    values = dict(await visit.form())
    if RESUMED in values:
        return _form(visit, None, values)

    async def create() -> int:
        return (await book.create(visit.workspace, visit.actor, _asked(0, _texts(values), FIELDS))).id

    try:
        made = await visit.made_once(values, Making(create, partial(book.get, visit.workspace, visit.actor)))
    except StillSavingError as error:
        return _form(visit, None, values, HTTPStatus.CONFLICT, alert=sentence(str(error)))
    except InvalidInputError as error:
        return _form(visit, None, values, HTTPStatus.UNPROCESSABLE_ENTITY, errors=_errors(error))
    except ConflictError as error:
        return _form(visit, None, values, HTTPStatus.UNPROCESSABLE_ENTITY, errors=_conflict(error))
    return go(visit, f"{COMPANIES}/{made}")


async def _change_company(visit: Visit) -> web.StreamResponse:
    values = dict(await visit.form())
    company = await book.get(visit.workspace, visit.actor, _id(visit))
    mine, now = _texts(values), _texts(_values(company))
    if RESUMED in values:
        return _form(visit, company, values, version=values.get("version", ""), was=values.get("was", ""))
    was = dict(zip(FIELDS, values.get("was", "").split(), strict=False))
    if values.get("version") != str(company.version):
        theirs = [name for name in FIELDS if was.get(name) != mark(now[name]) and now[name] != mine[name]]
        clashes = [(_(FIELDS[name]), mine[name], now[name]) for name in theirs]
        untouched = {name: now[name] for name in theirs if was.get(name) == mark(mine[name])}
        if clashes:
            alert = _("Somebody else changed this company while you were editing it. Look at both and save again.")
            return _form(visit, company, values | untouched, HTTPStatus.CONFLICT, alert=alert, clashes=clashes)
    changed = [name for name in FIELDS if mine[name] != now[name]]
    try:
        await book.edit(visit.workspace, visit.actor, _asked(company.id, mine, changed, company.version))
    except InvalidInputError as error:
        return _form(visit, company, values, HTTPStatus.UNPROCESSABLE_ENTITY, errors=_errors(error))
    except ConflictError as error:  # the name is another company's, or somebody saved in between
        more = {"errors": _conflict(error), **{name: values.get(name, "") for name in ("version", "was")}}
        return _form(visit, company, values, HTTPStatus.UNPROCESSABLE_ENTITY, **more)
    return go(visit, f"{COMPANIES}/{company.id}")


def _asked(
    company_id: int, texts: dict[str, str], names: Iterable[str], version: int | None = None
) -> book.EditCompany:
    values: dict[str, Any] = {name: _lines(texts[name]) if name in _LINES else texts[name] for name in names}
    return book.EditCompany(company_id=company_id, version=version, **values)


def _conflict(error: ConflictError) -> dict[str, str]:
    if isinstance(error, NameTakenError):  # its own text is for the command line: with an id, or a command
        return {"name": _("There is such a company already: {name}").format(name=error.name)}
    return {"name": sentence(str(error))}


def _errors(error: InvalidInputError) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in error.mistakes:
        message = sentence(str(each).removeprefix(f"{each.field}: "))
        found[each.field] = f"{found[each.field]}; {message}" if each.field in found else message
    return found


async def _ask_merge(visit: Visit) -> web.StreamResponse:
    others = _others(visit.query.get("with", ""))
    joining = await book.to_merge(visit.workspace, visit.actor, _id(visit), others, seen=True)
    return show(visit, "company_merge.html", part="company_merge_part.html", joining=joining)


async def _merge_companies(visit: Visit) -> web.StreamResponse:
    form = await visit.form()
    others = _others(form.get("with", ""))
    if RESUMED in form:
        return go(visit, f"{COMPANIES}/{_id(visit)}/merge?with={','.join(map(str, others))}")
    await book.merge(visit.workspace, visit.actor, _id(visit), others, seen=True)
    return go(visit, f"{COMPANIES}/{_id(visit)}")


def _others(text: str) -> list[int]:
    return [int(each) for each in text.split(",")[:100] if each.isdecimal() and len(each) <= len(str(2**62))]


PAGES = (
    Page("GET", COMPANIES, person(_list)),
    Page("GET", f"{COMPANIES}/names", person(_names)),
    Page("GET", f"{COMPANIES}/new", person(_new)),
    Page("POST", f"{COMPANIES}/new", person(_add_company), resumes=True),
    Page("GET", _ONE, person(_show)),
    Page("GET", f"{_ONE}/edit", person(_edit)),
    Page("POST", f"{_ONE}/edit", person(_change_company), resumes=True),
    Page("GET", f"{_ONE}/merge", person(_ask_merge)),
    Page("POST", f"{_ONE}/merge", person(_merge_companies), resumes=True),
)
