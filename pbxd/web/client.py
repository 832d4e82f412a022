"""`/clients/ID`: a client's own page, and what one shares of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from aiohttp import web

from pbxd.book.contacts import Contact
from pbxd.errors import InvalidInputError
from pbxd.i18n import _
from pbxd.services import call_history, companies
from pbxd.services import contacts as book
from pbxd.services.call_filters import FindCalls
from pbxd.services.calls.call_people import people_of
from pbxd.services.calls.card_text import change_text, main_lines
from pbxd.services.contact_changes import extensions_of
from pbxd.services.files import exports
from pbxd.web.call_rows import Call
from pbxd.web.change_texts import edits_of, person_text
from pbxd.web.client_calls import CallRow, rows_of
from pbxd.web.contact_edits import ONE, id_of
from pbxd.web.frame import Visit, go, person, show
from pbxd.web.pages import Page

_CALLS_SHOWN: Final = 50
_TABS: Final = ("", "calls", "changes")


async def _show(visit: Visit) -> web.StreamResponse:
    shown = await book.show(visit.workspace, visit.actor, id_of(visit))
    contact, tab = shown.contact, visit.query.get("tab", "")
    tab = tab if tab in _TABS else ""
    values: dict[str, Any] = {"calls": await _rows(visit, shown.last_calls)}
    if tab == "calls":
        values |= await _calls(visit, contact)
    elif tab == "changes":
        values |= await _changes(visit, contact)
    favourites = await book.favourites(visit.workspace, visit.actor) if visit.actor.is_employee else None
    return show(
        visit,
        "client.html",
        part="client_part.html",
        contact=contact,
        main=next((each for each in contact.numbers if each.main), None),
        doubles=await book.doubles(visit.workspace, visit.actor, contact),
        favourites=favourites,
        text="\n".join(main_lines(contact)),
        manager=person_text(contact.manager_name, contact.manager),
        creator=person_text(contact.created_by_name, contact.created_by),
        company_id=await companies.id_of(visit.workspace, visit.actor, contact.company),
        extra=_extra(visit, contact),
        tab=tab,
        tabs=_tabs(visit, tab),
        **values,
    )


def _extra(visit: Visit, contact: Contact) -> list[tuple[str, str]]:
    """Return the fields that the company defined, in words."""
    fields = visit.workspace.fields
    found = ((str(fields[name].title), change_text(value, fields[name].kind)) for name, value in contact.extra.items())
    return [(title, text) for title, text in found if text]


def _tabs(visit: Visit, tab: str) -> list[tuple[str, str, bool]]:
    names = {"": _("About the contact"), "calls": _("Calls"), "changes": _("Changes")}
    return [(visit.path_with(tab=name, after=None), text, name == tab) for name, text in names.items()]


async def _calls(visit: Visit, contact: Contact) -> dict[str, Any]:
    asked = FindCalls(contact=contact.id, limit=_CALLS_SHOWN, after=visit.query.get("after", ""))
    try:
        page = await call_history.find(visit.workspace, visit.actor, asked)
    except InvalidInputError:  # a cursor of another list
        page = await call_history.find(visit.workspace, visit.actor, FindCalls(contact=contact.id, limit=_CALLS_SHOWN))
    rows = await _rows(visit, page.items)
    return {"calls": rows, "next": page.next, "total": page.total, "more": not page.total_is_exact}


async def _rows(visit: Visit, calls: Sequence[Call]) -> list[CallRow]:
    people = await people_of(visit.workspace, visit.actor, calls)
    return rows_of(calls, people, await visit.services.recordings.audible(visit.actor, calls))


async def _changes(visit: Visit, contact: Contact) -> dict[str, Any]:
    changes = await book.history(visit.workspace, visit.actor, contact.id)
    people = await extensions_of(visit.workspace, changes)
    return {"edits": [*reversed(edits_of(changes, visit.workspace.fields, people))]}


async def _make_contact_shared(visit: Visit) -> web.StreamResponse:
    await visit.form()
    asked = book.EditContact(contact_id=id_of(visit), values={"visibility": "shared"})
    await book.edit(visit.workspace, visit.actor, asked)
    return go(visit, f"/clients/{id_of(visit)}")


async def _send_text(visit: Visit) -> web.StreamResponse:
    contact = await book.get(visit.workspace, visit.actor, id_of(visit))
    return _file("\n".join(main_lines(contact)) + "\n", "text/plain")


async def _send_card(visit: Visit) -> web.StreamResponse:
    contact = await book.get(visit.workspace, visit.actor, id_of(visit))
    text = await exports.vcard(visit.workspace, visit.actor, contact.id)
    answer = _file(text, "text/vcard")
    answer.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(contact.name, safe='')}.vcf"
    return answer


def _file(text: str, kind: str) -> web.Response:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return web.Response(text=text, content_type=kind, charset="utf-8", headers=headers)


PAGES = (
    Page("GET", ONE, person(_show)),
    Page("POST", f"{ONE}/shared", person(_make_contact_shared)),
    Page("GET", f"{ONE}/text", person(_send_text)),
    Page("GET", f"{ONE}/card.vcf", person(_send_card)),
)
