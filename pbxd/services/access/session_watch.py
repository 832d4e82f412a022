"""Whether the sessions of open streams are still open: one question for all of them, not one for each."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

from pbxd.storage.access.sessions import Sessions, SignedIn

FRESH_SECONDS = 1.0  # how old an answer may be: a stream must end 5 s after its right has
_FORGET_SECONDS = 10.0  # after which a stream that no longer asks is gone


class SessionWatch:
    """Looks all sessions up again that were asked for lately."""

    def __init__(self, sessions: Sessions, clock: Callable[[], float] = time.monotonic) -> None:
        self._sessions, self._clock = sessions, clock
        self._asked: dict[str, float] = {}  # when each was asked for last
        self._known: dict[str, SignedIn | None] = {}
        self._read_at = -math.inf
        self._lock = asyncio.Lock()

    async def find(self, digest: str) -> SignedIn | None:
        """Return the session with this digest, as it was FRESH_SECONDS ago at most. Raises UnavailableError."""
        asked = self._clock()
        async with self._lock:
            self._asked[digest] = self._clock()  # now: a database that hangs may have held the lock for long
            if digest not in self._known or self._read_at < asked - FRESH_SECONDS:
                await self._read()
        return self._known.get(digest)

    async def _read(self) -> None:
        began = self._clock()
        self._asked = {each: at for each, at in self._asked.items() if at > began - _FORGET_SECONDS}
        wanted = list(self._asked)
        found = await self._sessions.find(wanted)
        self._known, self._read_at = {each: found.get(each) for each in wanted}, began
