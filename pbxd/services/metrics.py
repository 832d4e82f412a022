"""What pbxd counts and measures. Everything is read from the parts when somebody asks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pbxd import __version__
from pbxd.errors import UnavailableError
from pbxd.measures import Measured, NamedTimings, Reading, Timings
from pbxd.services.health import DATABASE_SECONDS, Health

LOOP_SECONDS = 0.5  # how often the event loop's delay is measured
CONTENT_TYPE = "text/plain; version=0.0.4"  # Prometheus' text format
Readings = Callable[[], Iterable[Reading | Measured]]  # of one part


@dataclass(slots=True)
class Metrics:
    """Everything that is measured. `watch_loop` is a root task."""

    health: Health
    newest: Callable[[], Awaitable[int]]  # the feed's last number; raises UnavailableError
    parts: Sequence[Readings] = ()
    asked: Callable[[], Awaitable[Iterable[Reading]]] | None = None  # what the database tells; raises UnavailableError
    requests: NamedTimings = field(default_factory=NamedTimings)  # HTTP, by operation and status
    loop_delays: Timings = field(default_factory=Timings)

    async def watch_loop(self) -> None:
        """Measure for ever by how much the event loop is late: everything else is late by as much."""
        while True:
            began = time.monotonic()
            await asyncio.sleep(LOOP_SECONDS)
            self.loop_delays.observe(max(0.0, time.monotonic() - began - LOOP_SECONDS))

    async def text(self) -> str:
        """Return all metrics in Prometheus' text format."""
        from pbxd.services.metrics_text import metrics_text  # noqa: PLC0415 - 3 MB that most installations never need

        database = await self._database()
        stored = await self._stored() if database["up"] else ()
        return metrics_text([*self._own(database), *stored, *(each for readings in self.parts for each in readings())])

    async def _stored(self) -> Iterable[Reading]:
        """Return what the database tells; nothing if it went away meanwhile."""
        try:
            async with asyncio.timeout(DATABASE_SECONDS):
                return await self.asked() if self.asked else ()
        except (UnavailableError, TimeoutError):
            return ()

    async def _database(self) -> dict[str, float]:
        """Ask the database once: whether it answers, how quickly, and how long the feed is."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(DATABASE_SECONDS):
                newest = await self.newest()
        except (UnavailableError, TimeoutError):
            return {"up": 0.0}
        return {"up": 1.0, "seconds": time.monotonic() - began, "newest": float(newest)}

    def _own(self, database: Mapping[str, float]) -> Iterable[Reading | Measured]:
        health = self.health
        yield Reading("pbxd_info", "The version that runs.", "gauge", lambda: {__version__: 1}, ("version",))
        yield Reading("pbxd_pbx_connected", "1 while the link to the PBX is logged in.", "gauge", health.pbx_connected)
        yield Reading("pbxd_database_up", "1 while the database answers.", "gauge", lambda: database["up"])
        if database["up"]:
            about = "How long the database took to answer one question just now."
            yield Reading("pbxd_database_answer_seconds", about, "gauge", lambda: database["seconds"])
            yield Reading("pbxd_feed_newest", "The feed's last number.", "gauge", lambda: database["newest"])
        about = "Since the index in memory was last known to equal the book."
        yield Reading("pbxd_index_age_seconds", about, "gauge", lambda: health.directory.age_seconds)
        about = "Events not followed and calls not written as they were, by kind."
        yield Reading("pbxd_faults_total", about, "counter", health.faults, ("kind",))
        about = "By how much the event loop was late."
        yield Measured("pbxd_event_loop_delay_seconds", about, lambda: self.loop_delays)
        yield Measured("pbxd_http_request_seconds", "HTTP requests.", lambda: self.requests, ("operation", "status"))
