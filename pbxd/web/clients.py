"""`/clients`: the table of clients, and a client's own page."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from pbxd.errors import InvalidInputError
from pbxd.i18n import _
from pbxd.services import contacts as book
from pbxd.web.frame import Visit, go, person, show
from pbxd.web.pages import Page, is_fragment, local_path

CLIENTS: Final = "/clients"
_ONE: Final = CLIENTS + r"/{id:\d{1,18}}"
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
        sort=visit.query.get("sort", ""),
        size=wanted.limit,
        tab=_tab(visit),
        tabs=_tabs(visit),
        favourites=await book.favourites(visit.workspace, visit.actor) if visit.actor.is_employee else None,
        filtered=bool(visit.query.keys() - {"tab", "sort", "limit", "after"}),
    )


def _wanted(visit: Visit) -> book.FindContacts:
    """Return what the address asks for; what no page of ours asks for doesn't matter."""
    query = visit.query
    sort = query.get("sort", "").removeprefix("-")
    number = query.get("limit", "")
    return book.FindContacts(
        search=query.get("search", "")[:200],
        vip={"1": True, "0": False}.get(query.get("vip", "")),
        manager=query.get("manager", "")[:100],
        company=query.get("company", "")[:300],
        tag=query.get("tag", "")[:100],
        number=query.get("number", "")[:50],
        sort=next((each for each in book.SORTINGS if each == sort), "rank"),
        descending=query.get("sort", "").startswith("-"),
        limit=int(number) if number in map(str, SIZES) else 20,
        after=query.get("after", ""),
        **_TABS[_tab(visit)],
    )


def _tab(visit: Visit) -> str:
    tab = visit.query.get("tab", "")
    known = tab in _TABS and (visit.actor.is_employee or not tab)
    return tab if known else ""


def _tabs(visit: Visit) -> list[tuple[str, str, bool]]:
    """Return the tabs: address, name, whether it is this one. Only an employee has contacts of their own."""
    names = {"": _("All"), "mine": _("Mine"), "favourites": _("Favourites"), "personal": _("Personal ones")}
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


PAGES = (
    Page("GET", CLIENTS, person(_list)),
    Page("POST", f"{_ONE}/favourite", person(_set_favourite)),
)
