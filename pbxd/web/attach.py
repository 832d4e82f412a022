"""`/history/attach`: give a caller's number to a contact that is in the book already."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from aiohttp import web

from pbxd.errors import ConflictError, InvalidInputError, NotFoundError, RefusedError
from pbxd.services import contacts
from pbxd.services.contact_edits import EditContact
from pbxd.web.clients import CLIENTS
from pbxd.web.frame import RESUMED, Visit, go, person, show
from pbxd.web.pages import Page, sentence

ATTACH: Final = "/history/attach"
_SHOWN: Final = 10  # contacts to choose from


async def _choose(visit: Visit) -> web.StreamResponse:
    part = "attach_results.html" if visit.query.get("part") == "results" else "attach_form.html"
    return await _page(visit, visit.query.get("number", ""), part=part)


async def _attach(visit: Visit) -> web.StreamResponse:
    form = await visit.form()
    number, contact = form.get("number", "")[:50], form.get("contact", "")
    if RESUMED in form or not (contact.isascii() and contact.isdigit()):
        return await _page(visit, number)
    asked = EditContact(contact_id=int(contact[:18]), added={"numbers": [number]})
    try:
        await contacts.edit(visit.workspace, visit.actor, asked)
    except (InvalidInputError, RefusedError, ConflictError, NotFoundError) as error:
        return await _page(visit, number, problem=sentence(str(error)))
    return go(visit, f"{CLIENTS}/{asked.contact_id}")


async def _page(visit: Visit, number: str, *, part: str = "attach_form.html", problem: str = "") -> web.Response:
    search = visit.query.get("search", "")[:200]
    found = None
    if search:
        asked = contacts.FindContacts(search=search, limit=_SHOWN)
        found = (await contacts.find(visit.workspace, visit.actor, asked)).items
    status = HTTPStatus.UNPROCESSABLE_ENTITY if problem else HTTPStatus.OK
    return show(visit, "attach.html", status, part=part, number=number[:50], found=found, problem=problem)


PAGES = (Page("GET", ATTACH, person(_choose)), Page("POST", ATTACH, person(_attach), resumes=True))
