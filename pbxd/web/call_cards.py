"""Cards of calls, which scripts put over any page, and the calls that people make by a click."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from pbxd import rights
from pbxd.book.employees import Employee
from pbxd.errors import ConflictError, InvalidInputError, NotFoundError, PbxdError, RefusedError, UnavailableError
from pbxd.i18n import _
from pbxd.numbers import is_emergency, parse
from pbxd.services.calls.call_cards import CallCard, CallCards
from pbxd.services.click_to_call import CallAsked
from pbxd.web.call_card_view import CardView, view_of
from pbxd.web.frame import Visit, go, person, show
from pbxd.web.pages import Page, is_fragment, render, sentence

_ID: Final = r"{id:[0-9A-Za-z]{1,40}}"
_MOST_OPEN: Final = 12
_CARD: Final = "call_card.html"


async def _cards(visit: Visit) -> web.StreamResponse:
    """Show the cards of all calls in which the visitor is now, and of those that a page has open still."""
    asked = visit.query.get("open", "").split(",")[:_MOST_OPEN]
    ids = dict.fromkeys([each for each in asked if each.isalnum()] + _service(visit).current(visit.actor))
    views = []
    for call_id in ids:
        if _service(visit).is_closed(visit.actor, call_id):
            continue
        try:
            views.append(await _view(visit, call_id))
        except NotFoundError:
            continue
    return _fragment(visit, "call_cards.html", views=views)


async def _one(visit: Visit) -> web.StreamResponse:
    call_id = visit.request.match_info["id"]
    if is_fragment(visit.request) and _service(visit).is_closed(visit.actor, call_id):
        raise NotFoundError(_("the card of this call is closed"))
    view = await _view(visit, call_id)
    if is_fragment(visit.request):
        return _fragment(visit, _CARD, view=view)
    return show(visit, "call.html", view=view)


async def _close(visit: Visit) -> web.StreamResponse:
    """Close a card, in all browsers of the visitor."""
    await visit.form()
    _service(visit).close(visit.actor, visit.request.match_info["id"])
    return _done(visit)


async def _choose(visit: Visit) -> web.StreamResponse:
    """Take the caller for one of several contacts, in all browsers of the visitor."""
    contact = _id((await visit.form()).get("contact", ""))
    _service(visit).choose(visit.actor, visit.request.match_info["id"], contact)
    return _done(visit)


def _done(visit: Visit) -> web.StreamResponse:
    if not is_fragment(visit.request):
        return go(visit, f"/calls/{visit.request.match_info['id']}")
    return web.Response(status=HTTPStatus.NO_CONTENT, headers={"Cache-Control": "no-store"})


async def _call(visit: Visit) -> web.StreamResponse:
    """Make a call: the visitor's phone rings first."""
    rights.check_scope(visit.actor, "calls:make")
    form = await visit.form()
    try:
        number = callable_number(visit, form.get("number", ""))
        made = await visit.services.click_to_call.make(visit.actor, CallAsked(target=number))
    except (ConflictError, InvalidInputError, NotFoundError, RefusedError, UnavailableError) as error:
        return _refused(visit, error)
    if not is_fragment(visit.request):
        return go(visit, f"/calls/{made.id}")
    return _fragment(visit, _CARD, view=await _view(visit, made.id))


async def _hang_up(visit: Visit) -> web.StreamResponse:
    call_id = visit.request.match_info["id"]
    await visit.form()
    try:
        await visit.services.click_to_call.hang_up(visit.actor, call_id)
    except (ConflictError, NotFoundError):
        pass  # it has ended meanwhile
    except (RefusedError, UnavailableError) as error:
        return _refused(visit, error)
    return _done(visit)


def callable_number(visit: Visit, text: str) -> str:
    """Return a number as it was typed, if it is one: a text never means the id of a contact here.

    Raises InvalidInputError.
    """
    number, rules = text.strip()[:100], visit.workspace.rules
    parsed = parse(number, rules)
    if parsed.kind == "e164" or is_emergency(number, rules):
        return number
    employee = visit.services.employee(parsed.value) if parsed.kind == "internal" else None
    if employee is None or not employee.active:
        raise InvalidInputError("number", _("{number} can't be called: it is no phone number").format(number=number))
    return parsed.value


def is_callable(visit: Visit, text: str) -> bool:
    """Tell whether the visitor can call a number, or a colleague's extension, that is not their own."""
    try:
        return callable_number(visit, text) != visit.actor.extension
    except InvalidInputError:
        return False


def colleague_of(visit: Visit, extensions: Sequence[str]) -> Employee | None:
    """Return whom the visitor would call back after a call among ourselves: the first one who is not themselves."""
    others = (visit.services.employee(each) for each in extensions if each != visit.actor.extension)
    return next((each for each in others if each and each.active), None)


def _refused(visit: Visit, error: PbxdError) -> web.Response:
    status = HTTPStatus.CONFLICT if isinstance(error, ConflictError) else HTTPStatus.UNPROCESSABLE_ENTITY
    if is_fragment(visit.request):
        return web.Response(status=status, text=sentence(str(error)), headers={"Cache-Control": "no-store"})
    return render("error.html", status, message=sentence(str(error)))


async def _view(visit: Visit, call_id: str) -> CardView:
    service = _service(visit)
    card = await service.show(visit.actor, call_id)
    chosen = _id(visit.query.get("contact", "")) or service.marks.chosen(visit.actor, call_id)
    person_there = await service.person(visit.actor, _whom(card), chosen)
    return view_of(card, person_there, visit.services.employee)


def _id(text: str) -> int:
    return int(text[:18]) if text.isdecimal() else 0


def _whom(card: CallCard) -> str:
    return card.extension or card.number


def _service(visit: Visit) -> CallCards:
    services = visit.services
    return CallCards(
        services.workspace, services.call_watch, services.click_to_call, services.card_marks, services.events.feed
    )


def _fragment(visit: Visit, template: str, **values: Any) -> web.Response:  # noqa: ANN401 - what a template shows
    return render(template, visit=visit, **values)


PAGES = (
    Page("GET", "/cards", person(_cards)),
    Page("GET", f"/card/{_ID}", person(_one)),
    Page("GET", f"/calls/{_ID}", person(_one)),
    Page("POST", f"/card/{_ID}/close", person(_close)),
    Page("POST", f"/card/{_ID}/contact", person(_choose)),
    Page("POST", "/calls", person(_call)),
    Page("POST", f"/calls/{_ID}/hangup", person(_hang_up)),
)
