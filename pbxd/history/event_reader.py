"""The PBX's events in order: first into the history, then to whoever acts on them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from pbxd.calls.events import Event
from pbxd.faults import Faults
from pbxd.history.following import Following
from pbxd.telephony.port import Pbx

_BATCH = 200  # messages followed before others get their turn: about 5 ms
_DRAIN_SECONDS = 0.3


class EventReader:
    """Reads the events of one PBX; `run` is a root task."""

    def __init__(
        self, pbx: Pbx, following: Following, feeds: Sequence[Callable[[Event], None]], faults: Faults
    ) -> None:
        """Give every event to `following`, then to each of `feeds`."""
        self._pbx = pbx
        self._following = following
        self._feeds = feeds
        self._faults = faults

    async def run(self) -> None:
        """Read events for ever."""
        while True:
            for event in await self._pbx.take(_BATCH):
                self._following.follow(event)
                self._feed(event)
            await asyncio.sleep(0)

    async def drain(self) -> None:
        """Follow, at a stop, the events that have come; nobody acts on them any more."""
        end = time.monotonic() + _DRAIN_SECONDS
        while self._pbx.pending and time.monotonic() < end:
            for event in await self._pbx.take(_BATCH):
                self._following.follow(event)

    def _feed(self, event: Event) -> None:
        for feed in self._feeds:
            try:
                feed(event)
            except Exception as error:  # noqa: BLE001 - one event may cost itself, never the events after it
                self._faults.note("event_reaction_failed", error, trace=True)
