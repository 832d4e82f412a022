"""Reconnect after a loss: how long to wait, and how not to fill the log while nothing changes."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator

import structlog

_REMINDER_SECONDS = 60.0

_log = structlog.get_logger(__name__)


def backoff(first: float, longest: float, share: float) -> Iterator[float]:
    """Yield the seconds to wait before each new try: a share of the time waited so far.

    At least `first`, at most `longest`; then a random part of up to half is taken off, so that several clients of a
    restarted PBX don't come back all at once. A peer that was away for T seconds is tried again within `share` x T
    seconds of its return.
    """
    waited = 0.0
    while True:
        nominal = min(max(first, share * waited), longest)
        wait = random.uniform(nominal / 2, nominal)  # noqa: S311 - spreads load, hides nothing
        yield wait
        waited += wait


class Complaints:
    """Logs a failure when its kind changes, and at most once a minute while it stays the same."""

    def __init__(self, address: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._address = address
        self._clock = clock
        self._last = ""
        self._logged_at = 0.0

    def tell(self, event: str, why: str, *, error: bool = False) -> None:
        """Log `event` (a log event's name) if it is new or a reminder is due; as an error, or a warning."""
        now = self._clock()
        if event != self._last or now - self._logged_at >= _REMINDER_SECONDS:
            self._last, self._logged_at = event, now
            _log.log(logging.ERROR if error else logging.WARNING, event, address=self._address, why=why)

    def forget(self) -> None:
        """Treat the next failure as new: the link was up meanwhile."""
        self._last = ""
