"""`/clients`: the table of clients with its filters, and the files made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from aiohttp import web

from pbxd.book.texts import is_extension
from pbxd.errors import InvalidInputError
from pbxd.http.downloads import KINDS, Download
from pbxd.i18n import _
from pbxd.numbers import parse
from pbxd.services import contacts as book
from pbxd.services import employees
from pbxd.services.files.exports import ExportContacts
from pbxd.web.call_cards import is_callable
from pbxd.web.contact_fields import employee_text
from pbxd.web.frame import Visit, go, person, show
from pbxd.web.pages import Page, is_fragment, local_path

CLIENTS: Final = "/clients"
_ONE: Final = CLIENTS + r"/{id:\d{1,18}}"
EXPORT: Final = CLIENTS + "/export"
SIZES: Final = (10, 20, 100)
_TABS: Final[dict[str, dict[str, Any]]] = {
    "": {}, "mine": {"mine": True}, "favourites": {"favourites": True}, "personal": {"personal": True}
}  # fmt: skip


async def _list(visit: Visit) -> web.StreamResponse:
    problem, wanted = "", _wanted(visit)
    try:
        found = await book.find(visit.workspace, visit.actor, wanted)
    except InvalidInputError as error:
        problem, found = str(error), book.ContactPage(0, more=False, items=[], after="")
    return show(
        visit,
        "clients.html",
        part="clients_table.html",
        found=found,
        problem=problem,
        dial=(dial := _dial(visit)),
        dialled=visit.services.employee(dial),
        sort=visit.query.get("sort", ""),
        size=wanted.limit,
        tab=_tab(visit),
        tabs=_tabs(visit),
        export=visit.path_with(limit=None, after=None, sort=None).replace(CLIENTS, EXPORT, 1),
        chips=await _chips(visit),
        managers=[] if is_fragment(visit.request) else await _managers(visit),
        favourites=await book.favourites(visit.workspace, visit.actor) if visit.actor.is_employee else None,
        filtered=bool(visit.query.keys() - {"tab", "sort", "limit", "after"}),
    )


def _dial(visit: Visit) -> str:
    """Return what was typed into the search if it can be called, whatever its notation; empty: it can't."""
    text = visit.query.get("search", "").strip()[:100]
    if not text or not is_callable(visit, text):
        return ""
    parsed = parse(text, visit.workspace.rules)
    return f"{parsed.value},{parsed.extension}".strip(",") if parsed.kind == "e164" else parsed.value or text


def _wanted(visit: Visit) -> book.FindContacts:
    """Return what the address asks for; unknown keys and values are ignored."""
    query = visit.query
    sort = query.get("sort", "").removeprefix("-")
    number = query.get("limit", "")
    return book.FindContacts(
        **_filters(visit),
        sort=next((each for each in book.SORTINGS if each == sort), "rank"),
        descending=query.get("sort", "").startswith("-"),
        limit=int(number) if number in map(str, SIZES) else 20,
        after=query.get("after", ""),
    )


def _filters(visit: Visit) -> dict[str, Any]:
    query = visit.query
    return {
        "search": query.get("search", "")[:200],
        "vip": {"1": True, "0": False}.get(query.get("vip", "")),
        "manager": query.get("manager", "")[:100],
        "company": query.get("company", "")[:300],
        "tag": query.get("tag", "")[:100],
        "number": query.get("number", "")[:50],
        **_TABS[_tab(visit)],
    }


async def _managers(visit: Visit) -> list[tuple[str, str]]:
    """Return whom one can choose as a manager: what an address says, and the name."""
    people = await employees.find(visit.workspace, visit.actor, employees.FindEmployees(active=True))
    found = [(each.extension or each.name, employee_text(each)) for each in people]
    return sorted(found, key=lambda each: each[1].casefold())


async def _chips(visit: Visit) -> list[tuple[str, str]]:
    """Return the filters that count, in words, each with the address without it."""
    names = {
        "vip": {"1": _("VIP"), "0": _("not VIP")}.get(visit.query.get("vip", ""), ""),
        "manager": _("Manager: {name}"),
        "company": _("Company: {name}"),
        "tag": _("Tag: {name}"),
        "number": _("Number: {name}"),
    }
    found = []
    for name, text in names.items():
        if value := visit.query.get(name):
            shown = dict(await _managers(visit)).get(value, value) if name == "manager" else value
            found.append((text.format(name=shown), visit.path_with(**{name: None, "after": None})))
    return [(text, path) for text, path in found if text]


async def _choose_export(visit: Visit) -> web.StreamResponse:
    found = await book.find(visit.workspace, visit.actor, book.FindContacts(**_filters(visit), limit=1, count=True))
    return show(visit, "clients_export.html", part="clients_export_part.html", query=visit.asked, total=found.total)


async def _export(visit: Visit) -> web.StreamResponse:
    ending, wanted = visit.request.match_info["format"], _filters(visit)
    if wanted["manager"] and not is_extension(wanted["manager"]):
        person = await employees.named(visit.workspace, "manager", wanted["manager"])
        wanted |= {"manager": "", "managed_by": person.id}
    asked = ExportContacts(**wanted, file=Path())
    pieces = visit.services.uploads.exported("export-contacts", visit.actor, asked, ending)
    return await Download(KINDS[ending], f"clients.{ending}", pieces).send(visit.request)


def _tab(visit: Visit) -> str:
    tab = visit.query.get("tab", "")
    known = tab in _TABS and (visit.actor.is_employee or not tab)
    return tab if known else ""


def _tabs(visit: Visit) -> list[tuple[str, str, bool]]:
    """Return the tabs: address, name, whether it is this one. Only an employee has contacts of their own."""
    names = {"": _("All"), "mine": _("Mine"), "favourites": _("Favourites"), "personal": _("Personal")}
    shown = names if visit.actor.is_employee else {}
    return [(visit.path_with(tab=tab, after=None), name, tab == _tab(visit)) for tab, name in shown.items()]


async def _set_favourite(visit: Visit) -> web.StreamResponse:
    form, contact_id = await visit.form(), int(visit.request.match_info["id"])
    favourite = form.get("favourite") == "1"
    await book.set_favourite(visit.workspace, visit.actor, contact_id, favourite=favourite)
    if not is_fragment(visit.request):
        return go(visit, local_path(form.get("back", "")))
    contact = await book.get(visit.workspace, visit.actor, contact_id)
    return show(visit, "favourite.html", part="favourite.html", contact=contact, here=favourite)


async def _or_back(visit: Visit) -> web.StreamResponse:
    """Send a file; if a filter can't be read, show the table, which says so."""
    try:
        return await _export(visit)
    except InvalidInputError:
        return go(visit, CLIENTS + visit.asked)


PAGES = (
    Page("GET", EXPORT, person(_choose_export)),
    Page("GET", EXPORT + ".{format:xlsx|csv|vcf}", person(_or_back)),
    Page("GET", CLIENTS, person(_list)),
    Page("POST", f"{_ONE}/favourite", person(_set_favourite)),
)
