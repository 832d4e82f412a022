"""`/history/ID`: the story of a call."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aiohttp import web

from pbxd import rights
from pbxd.errors import RefusedError
from pbxd.i18n import _, local_day
from pbxd.services import call_history, contacts
from pbxd.services.calls.call_people import CallPeople, people_of
from pbxd.services.calls.recordings import Lack
from pbxd.web.call_cards import colleague_of
from pbxd.web.call_rows import row_of
from pbxd.web.call_story import duration_text, lines_of
from pbxd.web.frame import Visit, go, person, show
from pbxd.web.history import HISTORY
from pbxd.web.pages import Page, is_fragment, sentence

_ONE = HISTORY + "/{id:[0-9A-Za-z]{1,64}}"


async def _show_call(visit: Visit) -> web.StreamResponse:
    rights.check_scope(visit.actor, "calls:read")
    wanted = visit.request.match_info["id"]
    call = await call_history.show(visit.workspace, visit.actor, wanted)
    if call["id"] != wanted and not is_fragment(visit.request):
        return go(visit, f"{HISTORY}/{call['id']}")  # it became part of another call
    people = await people_of(visit.workspace, visit.actor, [call])
    favourites = await contacts.favourites(visit.workspace, visit.actor) if visit.actor.is_employee else None
    row = row_of(call, people, favourites or ())
    part = "history_row.html" if "row" in visit.query else "call_story.html"
    return show(
        visit,
        "call_page.html",
        part=part,
        call=call,
        row=row,
        may_favour=favourites is not None,
        heard=await visit.services.recordings.audible(visit.actor, [call]),
        colleague_of=colleague_of,
        facts=_facts(call, people),
        lines=lines_of(call, people),
        **await _recordings(visit, call),
    )


def _facts(call: dict[str, Any], people: CallPeople) -> list[tuple[str, str]]:
    """Return what is known of a call, by name; what is empty is left out on the page."""
    started = datetime.fromisoformat(call["started"]).astimezone()
    row = row_of(call, people, ())
    parts = {
        _("Menu"): call["menu_seconds"], _("Wait"): call["wait_seconds"], _("Phones rang"): call["ring_seconds"],
        _("Conversation"): call["talk_seconds"], _("On hold"): call["hold_seconds"],
    }  # fmt: skip
    return [
        (_("Time"), f"{local_day(started)} {started:%H:%M:%S}"),
        (_("Direction"), row.direction),
        (_("Employee"), row.employees),
        (_("Queue"), ", ".join(call["queues"])),
        (_("How it ended"), row.outcome),
        *((name, duration_text(seconds) if seconds >= 1 else "") for name, seconds in parts.items()),
    ]


async def _recordings(visit: Visit, call: dict[str, Any]) -> dict[str, Any]:
    """Return the recordings that the visitor may hear; `refused`: why none."""
    try:
        found = await visit.services.recordings.of_call(visit.actor, call["id"])
    except RefusedError as error:
        return {"recordings": [], "refused": sentence(str(error)) if call["recordings"] else ""}
    return {"recordings": [(each, "" if each.lack is None else _lack(each.lack)) for each in found], "refused": ""}


def _lack(lack: Lack) -> str:
    return {
        "no-folder": _("an administrator has to say in which folder the recordings are"),
        "no-file": _("the file is gone"),
        "elsewhere": _("the file lies outside the folder of recordings"),
        "unreadable": _("the file can't be read"),
        "erased": _("the recording was erased"),
    }[lack]


PAGES = (Page("GET", _ONE, person(_show_call)),)
