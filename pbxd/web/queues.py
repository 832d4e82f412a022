"""`/queues`: who waits in which queue; supervisors move a caller to the front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from pbxd import rights
from pbxd.errors import ConflictError, NotFoundError, RefusedError, UnavailableError
from pbxd.i18n import _
from pbxd.numbers import display
from pbxd.services.queues.to_front import MoveToFront, move_to_front
from pbxd.services.queues.waiting_callers import WaitingCaller, waiting_callers
from pbxd.web.call_cards import is_callable
from pbxd.web.frame import Visit, go, person, show
from pbxd.web.pages import Page, is_fragment, sentence

QUEUES: Final = "/queues"


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue and who waits in it, the next to be served first."""

    name: str
    callers: Sequence[WaitingCaller]


async def _list(visit: Visit) -> web.StreamResponse:
    return await _page(visit)


async def _page(visit: Visit, problem: str = "") -> web.StreamResponse:
    rights.check_scope(visit.actor, "queues:read")
    queues: list[Queue] = []
    try:
        seen = await waiting_callers(visit.services.queues, visit.services.caller_naming, visit.actor)
        queues = [Queue(name, [each for each in seen.items if each.queue == name]) for name in seen.queues]
    except UnavailableError:
        problem = problem or _("The PBX does not answer; who waits is not known now")
    return show(
        visit,
        "queues.html",
        part="queues_table.html",
        queues=sorted(queues, key=lambda each: (not each.callers, each.name)),
        problem=problem,
        may_move=_may_move(visit),
        shown=_shown,
        may_call=lambda caller: bool(caller.number) and is_callable(visit, caller.number),
    )


async def _move(visit: Visit) -> web.StreamResponse:
    form = await visit.form()
    asked = MoveToFront(form.get("queue", ""), form.get("call", ""))
    rights.check_scope(visit.actor, "queues:move")
    try:
        await move_to_front(visit.workspace, visit.actor, visit.services.queues, asked)
    except (NotFoundError, ConflictError) as error:
        return await _page(visit, sentence(str(error)))
    except UnavailableError:
        return await _page(visit, _("The PBX did not answer; check whether the caller was moved"))
    return await _page(visit) if is_fragment(visit.request) else go(visit, QUEUES)


def _may_move(visit: Visit) -> bool:
    try:
        rights.check_scope(visit.actor, "queues:move")
    except RefusedError:
        return False
    return True


def _shown(caller: WaitingCaller) -> str:
    """Return a caller's name, else the number."""
    return caller.name or (display(caller.number) if caller.number else _("hidden number"))


PAGES = (Page("GET", QUEUES, person(_list)), Page("POST", f"{QUEUES}/first", person(_move)))
