"""The frame of all pages behind the sign-in: the visitor, the menu, and forms kept when a session ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from pbxd.actor import Actor
from pbxd.errors import RefusedError
from pbxd.http import uploads
from pbxd.http.context import ACTOR, SERVICES, Services
from pbxd.http.cross_site import check_same_origin
from pbxd.http.deadlines import DEADLINE
from pbxd.http.repeated_forms import Making, carried_out_once
from pbxd.i18n import N_, _
from pbxd.roles import ROLES, Role
from pbxd.services.access import users
from pbxd.services.access.users import User
from pbxd.services.calls import missed_calls
from pbxd.services.workspace import Workspace
from pbxd.web.looks import use_looks
from pbxd.web.pages import (
    FORM,
    Unfinished,
    View,
    form_of,
    is_fragment,
    nearest,
    redirect,
    render,
    resumes,
    signed_in,
    to_sign_in,
)

_MOST_BESIDE = 1024 * 1024  # bytes
USER_FIELD = "_user"  # in every form: who fills it in
RESUMED = "_resumed"  # in a form that comes back after its session had ended: it is shown again, not saved


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of somebody who is signed in."""

    request: web.Request
    actor: Actor
    user: User
    missed: int = 0  # calls, since they looked at the history
    seq: int | None = None  # of the feed before anything was read: a page's events go on after it; None: unknown

    @property
    def services(self) -> Services:
        """What views call."""
        return self.request.app[SERVICES]

    @property
    def workspace(self) -> Workspace:
        """Where the book and the calls are."""
        return self.services.workspace

    @property
    def query(self) -> dict[str, str]:
        """What the address asks for, without what is empty."""
        return {name: value for name, value in self.request.query.items() if value.strip()}

    @property
    def asked(self) -> str:
        """The address's query as it came, with its `?`; empty: none."""
        raw = self.request.rel_url.raw_query_string  # decoded, a `#` would end the next address
        return f"?{raw}" if raw else ""

    def path_with(self, **changes: str | int | None) -> str:
        """Return this page's address with some of its query changed; empty ones are taken away."""
        query: dict[str, Any] = {**self.query, **changes}
        kept = {name: value for name, value in query.items() if value not in {None, ""}}
        return f"{self.request.path}?{urlencode(kept)}" if kept else self.request.path

    def lasting(self, seconds: float) -> None:
        """Let this request take so long from now on."""
        self.request[DEADLINE].reschedule(asyncio.get_running_loop().time() + seconds)

    async def form(self) -> Mapping[str, str]:
        """Return the fields that were sent.

        Raises HTTP errors as `form_of` does, and RefusedError for a form that another user had filled in.
        """
        fields = await form_of(self.request)
        if fields.get(USER_FIELD, str(self.user.id)) != str(self.user.id):
            raise RefusedError("other-user", _("somebody else has signed in here since this form was opened"))
        return fields

    async def made_once(self, form: Mapping[str, str], making: Making) -> int:
        """Return the id of what this form makes; sent a second time it makes nothing.

        Raises what `making.make` raises, and StillSavingError.
        """
        return await carried_out_once(self.workspace.database, self.user.id, self.request.path, form, making)


PersonalView = Callable[[Visit], Awaitable[web.StreamResponse]]


class Place(NamedTuple):
    """A line of the menu: where it leads, its name, its icon, the lowest role that sees it, what is part of it."""

    path: str
    name: str
    icon: str
    role: Role = "agent"
    parts: tuple[str, ...] = ()

    def has(self, path: str) -> bool:
        """Tell whether a page is this one, or under it."""
        return any(path == own or path.startswith(f"{own}/") for own in (self.path, *self.parts))


MENU = (
    Place("/clients", N_("Clients"), "people", parts=("/companies", "/import")),
    Place("/history", N_("History"), "clock", parts=("/calls",)),
    Place("/staff", N_("Staff"), "badge"),
    Place("/queues", N_("Queues"), "queue"),
    Place("/settings", N_("Settings"), "gear", "administrator"),
)


def person(view: PersonalView) -> View:
    """Return a view that only people who are signed in see; the others sign in first and lose nothing they typed."""

    async def shown(request: web.Request) -> web.StreamResponse:
        visit = await _visit_of(request)
        if visit is None:
            return await _lost(request)
        request[ACTOR] = visit.actor
        return await view(visit)

    shown.__name__ = view.__name__
    return shown


async def _visit_of(request: web.Request) -> Visit | None:
    actor = await signed_in(request)
    if actor is None:
        return None
    actor = actor.seeing(request.app[SERVICES].sights())
    seq = request.app[SERVICES].events.feed.seq
    user = await users.own(request.app[SERVICES].workspace, actor)
    if user is None:
        return None
    use_looks(user)
    shows_menu = request.method == "GET" and not is_fragment(request)
    missed = await missed_calls.count(request.app[SERVICES].workspace, user) if shows_menu else 0
    return Visit(request, actor, user, missed, seq)


async def _lost(request: web.Request) -> web.StreamResponse:
    """Lead to the sign-in.

    What is typed into a form is kept there and comes back to the same user, who sends it once more. Other POSTs (a
    button without typed text) are dropped, because the user would not see them again before they were carried out.
    """
    check_same_origin(request)
    if is_fragment(request):
        return web.Response(status=HTTPStatus.UNAUTHORIZED, headers={"Cache-Control": "no-store"})
    if request.method in {"GET", "HEAD"}:
        return to_sign_in(request.path_qs)
    kept = request.content_type in {FORM, uploads.FORM} and await resumes(request, request.path)
    fields = await _typed(request) if kept else {}
    if not fields:
        return to_sign_in(await nearest(request, request.path, _came_from(request)))
    draft = urlencode(list(fields.items()))
    status = HTTPStatus.UNAUTHORIZED
    return render("sign_in.html", status, next=request.path, draft=draft, login="", alert="", errors={})


async def _typed(request: web.Request) -> Mapping[str, str]:
    """Return the fields of a lost form: beside a file only those of a short one, which a stranger may make us read."""
    if request.content_type == FORM:
        return await form_of(request)
    return await uploads.fields_beside(request, _MOST_BESIDE)


def _came_from(request: web.Request) -> str:
    """Return the path of the page whose form was sent; empty: unknown."""
    try:
        page = urlsplit(request.headers.get("Referer", ""))
    except ValueError:
        return ""
    return f"{page.path}?{page.query}" if page.query else page.path


def show(
    visit: Visit,
    template: str,
    status: HTTPStatus = HTTPStatus.OK,
    *,
    part: str = "",
    **values: Any,  # noqa: ANN401 - what a template shows
) -> web.Response:
    """Answer with a page in the frame; a script that asks for a part of it gets the template `part` alone."""
    context = {"visit": visit, "menu": menu_of(visit), "partial": False, **values}
    if part and is_fragment(visit.request):
        return Unfinished(part, status, context | {"partial": True})
    return Unfinished(template, status, context)


def go(visit: Visit, path: str) -> web.Response:
    """Send the browser to another page after a form was done; a script is told where to go."""
    if is_fragment(visit.request):
        return web.Response(status=HTTPStatus.NO_CONTENT, headers={"X-Location": path, "Cache-Control": "no-store"})
    return redirect(path)


def menu_of(visit: Visit) -> list[tuple[Place, bool]]:
    """Return the lines of the menu that the visitor sees, and whether each is where they are."""
    rank, path = ROLES.index(visit.user.role), visit.request.path
    seen = [place for place in MENU if ROLES.index(place.role) <= rank]
    return [(place, place.has(path)) for place in seen]
