"""Live events for one reader: what they asked for, and what their rights let them hear."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from pbxd import rights
from pbxd.actor import Actor
from pbxd.book.employees import Employee
from pbxd.errors import RefusedError, UnavailableError
from pbxd.i18n import _
from pbxd.services.events.hearing import STATE, Hearing, checked_kinds, kinds_read, narrowed
from pbxd.services.events.live_feed import LiveFeed
from pbxd.services.workspace import Workspace
from pbxd.storage.access.employee_ids import known


@dataclass(frozen=True, slots=True, kw_only=True)
class HearEvents:
    """Which events, from where on."""

    after: int | None = None  # the number of the last event that the reader has; None: from now on
    kinds: tuple[str, ...] = ()  # none: all
    queue: str = ""
    mine: bool = False


@dataclass(frozen=True, slots=True)
class LiveEvents:
    """Opens streams of events. `colleagues` are the employees now."""

    workspace: Workspace
    feed: LiveFeed
    colleagues: Callable[[], Iterable[Employee]]

    async def follow(
        self,
        actor: Actor,
        asked: HearEvents,
        may_go_on: Callable[[], Awaitable[bool]],
        send: Callable[[bytes], bool],
    ) -> AsyncGenerator[bytes, None]:
        """Return the frames of a stream, which ends when `may_go_on` says no; `send` is that of `LiveFeed.follow`.

        It ends too when the reader may hear something else than at its beginning: they connect again.

        Raises InvalidInputError for unknown kinds, RefusedError `no-employee`, UnavailableError.
        """
        wanted = checked_kinds(asked.kinds, "kinds")
        if asked.mine and not actor.is_employee:
            raise RefusedError("no-employee", _("mine=true: this token belongs to no employee"))
        hearing = await self._hearing(actor, asked, wanted)
        staff, looks = self.feed.staff_changed, 0

        async def hears_the_same() -> bool:
            nonlocal staff, looks
            if not await may_go_on():
                return False
            if staff != self.feed.staff_changed:
                staff, looks = self.feed.staff_changed, 2  # the second one when `colleagues` surely know of it
            if looks:
                with suppress(UnavailableError):
                    if await self._hearing(actor, asked, wanted) != hearing:
                        return False
                    looks -= 1
            return True

        return self.feed.follow(hearing, await self.feed.start(asked.after), hears_the_same, send)

    async def states(self, actor: Actor) -> dict[str, str]:
        """Return the present state of each extension that the actor hears of. Raises UnavailableError."""
        hearing = await self._hearing(actor, HearEvents(), frozenset({STATE}))
        return {
            name: state
            for name, state in self.feed.states.phones().items()
            if hearing.hears_state(STATE, frozenset({name}))
        }

    async def _hearing(self, actor: Actor, asked: HearEvents, wanted: frozenset[str]) -> Hearing:
        """Return what the actor hears as employees and departments are now. Raises UnavailableError."""
        actor = await self.workspace.database.ask(known, actor)
        own = (actor.extension,) if asked.mine else None
        return Hearing(
            kinds=kinds_read(actor.scopes, wanted),
            sight=rights.contact_sight(actor),
            queue=asked.queue,
            calls_of=narrowed(own, self._calls_of(actor)),
        )

    def _calls_of(self, actor: Actor) -> tuple[str, ...] | None:
        """Return the extensions whose calls the actor sees; None: everybody's."""
        sight = rights.calls_seen(actor)
        if sight == "all":
            return None
        there = list(self.colleagues())
        own = {name for each in there if each.extension == actor.extension for name in each.departments}
        beside = [each.extension for each in there if own.intersection(each.departments)]
        return (actor.extension, *(beside if sight == "department" else ()))
