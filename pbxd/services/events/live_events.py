"""Live events for one reader: what they asked for, and what their rights let them hear."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from pbxd import rights
from pbxd.actor import Actor
from pbxd.errors import RefusedError, UnavailableError
from pbxd.i18n import _
from pbxd.services.events.hearing import STATE, Hearing, checked_kinds, kinds_read
from pbxd.services.events.live_feed import LiveFeed
from pbxd.services.workspace import Workspace
from pbxd.storage.access.colleagues import calls_seen
from pbxd.storage.access.employee_ids import known
from pbxd.storage.calls.call_filter import SeenCalls
from pbxd.storage.engine.database import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class HearEvents:
    """Which events, from where on."""

    after: int | None = None  # the number of the last event that the reader has; None: from now on
    kinds: tuple[str, ...] = ()  # none: all
    queue: str = ""
    mine: bool = False


@dataclass(frozen=True, slots=True)
class LiveEvents:
    """Opens streams of events."""

    workspace: Workspace
    feed: LiveFeed

    async def follow(
        self,
        actor: Actor,
        asked: HearEvents,
        may_go_on: Callable[[], Awaitable[bool]],
        send: Callable[[bytes], bool],
    ) -> AsyncGenerator[bytes, None]:
        """Return the frames of a stream, which ends when `may_go_on` says no; `send`: see `LiveFeed.follow`.

        It ends too when the reader may hear something else than at its beginning: they connect again.

        Raises InvalidInputError for unknown kinds, RefusedError `no-employee`, UnavailableError.
        """
        wanted = checked_kinds(asked.kinds, "kinds")
        if asked.mine and not actor.is_employee:
            raise RefusedError("no-employee", _("mine=true: this token belongs to no employee"))
        hearing = await self._hearing(actor, asked, wanted)
        staff = self.feed.staff_changed

        async def hears_the_same() -> bool:
            nonlocal staff
            if not await may_go_on():
                return False
            changed = self.feed.staff_changed
            if staff != changed:
                with suppress(UnavailableError):  # asked again next time
                    if await self._hearing(actor, asked, wanted) != hearing:
                        return False
                    staff = changed
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
        actor, seen = await self.workspace.database.ask(_with_sight, actor)
        return Hearing(
            kinds=kinds_read(actor.scopes, wanted),
            sight=rights.contact_sight(actor),
            queue=asked.queue,
            calls_of=frozenset({actor.extension}) if asked.mine else None,
            seen=seen,
            phones=None if seen is None else frozenset(each.number for each in seen.extensions if each.until is None),
            sees_queues=rights.sees_all_queues(actor),
        )


def _with_sight(connection: Reading, actor: Actor) -> tuple[Actor, SeenCalls | None]:
    """Return the actor as employees and departments are now, and the calls that they see; None: all."""
    actor = known(connection, actor)
    return actor, calls_seen(connection, actor)
