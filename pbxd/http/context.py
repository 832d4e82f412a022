"""What a handler works with: the application's services and who asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from pbxd.actor import Actor
from pbxd.book.employees import Employee
from pbxd.http.token_cache import TokenCache
from pbxd.services.caller_naming import CallerNaming
from pbxd.services.click_to_call import ClickToCall
from pbxd.services.health import Health
from pbxd.services.metrics import Metrics
from pbxd.services.queues import VipQueues
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
    health: Health
    metrics: Metrics
    language: Callable[[], str] = str  # of answers to those who name none; empty: English


SERVICES = web.AppKey("services", Services)
CALLER = web.RequestKey("caller", str)  # whose idempotency keys count: of one token, of one user
PINNED = web.RequestKey("pinned", int)  # the version that If-Match names; not set: any
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
