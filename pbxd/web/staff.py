"""`/staff`: our own people, what they do now, and their clients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from pbxd import rights
from pbxd.book.employees import Employee
from pbxd.book.texts import folded
from pbxd.errors import RefusedError, UnavailableError
from pbxd.i18n import N_, _
from pbxd.numbers import display
from pbxd.services import contacts as clients
from pbxd.services import employees as book
from pbxd.services.calls.live_calls import live_calls
from pbxd.web.frame import Visit, person, show
from pbxd.web.pages import Page

STAFF: Final = "/staff"
_ONE: Final = STAFF + r"/{id:\d{1,18}}"
_STATES: Final = {"free": N_("free"), "ringing": N_("rings"), "talking": N_("talks")}
_CLIENTS: Final = 20


@dataclass(frozen=True, slots=True)
class PhoneNow:
    """What somebody's phone does, as far as the visitor may know."""

    state: str = ""  # free, ringing or talking; empty: not known
    other: str = ""  # with whom; empty: nobody, or not for the visitor

    @property
    def text(self) -> str:
        """The state for people."""
        said = _(_STATES[self.state]) if self.state in _STATES else ""
        return f"{said}: {self.other}" if said and self.other else said


async def _list(visit: Visit) -> web.StreamResponse:
    rights.check_scope(visit.actor, "contacts:read")
    wanted = visit.query.get("department", "")[:300]
    words = visit.query.get("search", "")[:200].strip()
    asked = book.FindEmployees(search=words, department=wanted, active=True)
    people = await book.find(visit.workspace, visit.actor, asked)
    names = [each.name for each in await book.departments(visit.workspace, visit.actor)]
    return show(
        visit,
        "staff.html",
        part="staff_table.html",
        people=people,
        phones=await _phones(visit),
        away=not visit.services.health.pbx_connected(),
        counts=await book.clients_managed(visit.workspace, visit.actor),
        departments=[(each, each) for each in names],
        wanted=next((each for each in names if folded(each) == folded(wanted)), wanted),
        filtered=bool(words or wanted),
        silent=PhoneNow(),
    )


async def _show_one(visit: Visit) -> web.StreamResponse:
    rights.check_scope(visit.actor, "contacts:read")
    one = await book.by_id(visit.workspace, visit.actor, int(visit.request.match_info["id"]))
    found = await clients.find(
        visit.workspace, visit.actor, clients.FindContacts(managed_by=one.id, sort="name", limit=_CLIENTS)
    )
    phones = await _phones(visit)
    return show(
        visit,
        "employee.html",
        part="employee_state.html",
        one=one,
        found=found,
        phone=phones.get(one.extension, PhoneNow()),
        facts=_facts(one),
    )


def _facts(one: Employee) -> list[tuple[str, str]]:
    return [
        (_("Extension number"), one.extension),
        (_("E-mail"), one.email),
    ]


async def _phones(visit: Visit) -> dict[str, PhoneNow]:
    """Return what each extension does; nothing without the right to see calls, the PBX, or the database."""
    services = visit.services
    if not services.health.pbx_connected():
        return {}
    try:
        rights.check_scope(visit.actor, "calls:read")
        now = await live_calls(visit.workspace, visit.actor, services.events, services.calls_now)
    except (RefusedError, UnavailableError):
        return {}
    others = _others(now.items)
    return {extension: PhoneNow(state, others.get(extension, "")) for extension, state in now.extensions.items()}


def _others(calls: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return who is at the other end of each extension's call, the newest call first."""
    found: dict[str, str] = {}
    for call in calls:
        for extension in call["phones"]:
            found.setdefault(extension, _other(call, extension))
    return found


def _other(call: Mapping[str, Any], extension: str) -> str:
    caller, callee = call["caller"], call["callee"]
    ours = extension == caller["extension"]
    party = callee if ours or call["direction"] == "outgoing" else caller
    number = party["extension"] or party["number"] or ""
    return party["name"] or (display(number) if number.startswith("+") else number) or _("hidden number")


PAGES = (Page("GET", STAFF, person(_list)), Page("GET", _ONE, person(_show_one)))
