"""What a handler works with: the application's services and who asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import quote

from aiohttp import web

from pbxd.actor import Actor
from pbxd.book.employees import Employee
from pbxd.calls.tracker import CallNow
from pbxd.http.token_cache import TokenCache
from pbxd.roles import Sights
from pbxd.services.access.audit import Refusals
from pbxd.services.access.sessions import UserSessions
from pbxd.services.calls.call_watch import CallWatch
from pbxd.services.calls.caller_naming import CallerNaming
from pbxd.services.calls.card_marks import CardMarks
from pbxd.services.calls.recordings import Recordings
from pbxd.services.checkups import Checkups
from pbxd.services.click_to_call import ClickToCall
from pbxd.services.events.live_events import LiveEvents
from pbxd.services.files.uploads import Uploads
from pbxd.services.health import Health
from pbxd.services.metrics import Metrics
from pbxd.services.queues import VipQueues
from pbxd.services.webhooks.addresses import Network
from pbxd.services.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Services:
    """What handlers call and the access check asks; built by the composition root."""

    workspace: Workspace
    tokens: TokenCache
    employee: Callable[[str], Employee | None]  # who has an extension, or had it last
    caller_naming: CallerNaming
    click_to_call: ClickToCall
    queues: VipQueues
    events: LiveEvents
    health: Health
    metrics: Metrics
    refusals: Refusals
    sessions: UserSessions
    uploads: Uploads
    checkups: Checkups
    recordings: Recordings
    call_watch: CallWatch = field(default_factory=CallWatch)
    card_marks: CardMarks = field(default_factory=CardMarks)
    calls_now: Callable[[], Sequence[CallNow]] = tuple  # the calls under way
    sights: Callable[[], Sights] = Sights  # what agents see
    allowed_networks: Callable[[], Sequence[Network]] = tuple  # where webhooks may lead besides public addresses
    language: Callable[[], str] = str  # of answers to those who name none; empty: English


@dataclass(frozen=True, slots=True)
class Login:
    """Whom somebody tries to sign in as."""

    loggable: Callable[[], str]  # what the audit log may say of it


SERVICES = web.AppKey("services", Services)
LOCAL = web.AppKey("local", bool)  # everybody who connects is an administrator of this machine
# For browsers, with the word for what they do; each checks who may see it.
PAGES: web.AppKey[dict[web.AbstractRoute, str]] = web.AppKey("pages", dict)
# Shows people an error: its status, and what it says.
ERROR_PAGE: web.AppKey[Callable[[web.Request, HTTPStatus, str], web.Response]] = web.AppKey("error_page")
CALLER = web.RequestKey("caller", str)  # whose idempotency keys count: of one token, of one user
PINNED = web.RequestKey("pinned", int)  # the version that If-Match names; not set: any
LANGUAGE_COOKIE = "pbxd_language"  # which language the pages' user chose in this browser
SOCKET = "socket"  # the CALLER of everybody on the unix socket
ADMITTED = web.RequestKey("admitted", Actor)  # who was let in, before they named whom they act for
LOGIN = web.RequestKey("login", Login)  # that somebody tries to sign in with
ACTOR = web.RequestKey("actor", Actor)  # who asks; set by the access check for every operation that isn't open


@dataclass(frozen=True, slots=True)
class Context:
    """One request, as its handler sees it."""

    request: web.Request

    @property
    def services(self) -> Services:
        """What the handler calls."""
        return self.request.app[SERVICES]

    @property
    def actor(self) -> Actor:
        """Who asks; KeyError in an open operation, where nobody was asked."""
        return self.request[ACTOR]

    @property
    def caller(self) -> str:
        """Which token or user asks."""
        return self.request[CALLER]

    @property
    def pinned(self) -> int | None:
        """The version that the object must still have when it is changed; None: any."""
        return self.request.get(PINNED)


def loggable_path(request: web.Request) -> str:
    """Return a request's path for logs: of an invitation its pattern, since such a path is a secret."""
    resource = request.match_info.route.resource
    if resource is not None and "token" in request.match_info:
        return resource.canonical
    return printable(request.path)


def printable(text: str) -> str:
    """Return a text with its control characters as in URLs, so that it is one line wherever somebody prints it."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else quote(each.encode("utf-8", "surrogatepass")) for each in text)
