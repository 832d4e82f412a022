"""Count what went wrong with single events and calls; log only some of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import structlog

_REMINDER_SECONDS = 60.0

_log = structlog.get_logger(__name__)


class Faults:
    """Count faults by kind (the name of a log event). Log the first of each kind, then at most one a minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: dict[str, float] = {}
        self.counts: Counter[str] = Counter()

    def note(self, kind: str, error: Exception, *, trace: bool = False) -> None:
        """Count a fault. `trace`: it is a bug of pbxd, so log the traceback."""
        self.counts[kind] += 1
        now = self._clock()
        if now - self._told.get(kind, -_REMINDER_SECONDS) >= _REMINDER_SECONDS:
            self._told[kind] = now
            why = f"{type(error).__name__}: {error}"[:200]
            _log.error(kind, why=why, times=self.counts[kind], exc_info=error if trace else None)
