"""The tokens in memory, so that requests are let in while the database is slow or away.

- The database answers: a known token is checked against what was read at most SOON_SECONDS ago, so that a revoked one
  closes that soon; after a change over HTTP, against what is read then. From FRESH_SECONDS on they are read again in
  the background, so that no request waits while there are many. An unknown token is looked for in the database at once,
  so that a new one opens at once.
- The database is slow or hangs: a known token waits for _MOMENT_SECONDS at most, then what was read last counts. It is
  read again in the background.
- The database is away: what was read last counts for LONGEST_SECONDS. Nobody can revoke a token in that time, unless
  the database is away for pbxd alone.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import structlog

from pbxd.errors import UnavailableError
from pbxd.i18n import _
from pbxd.storage.access.tokens import Token, Tokens, digest

FRESH_SECONDS = 0.2
SOON_SECONDS = 0.3
LONGEST_SECONDS = 24 * 3600.0
_POLL_SECONDS = 1.0  # how old the tokens in memory are at most when the database goes away
_MOMENT_SECONDS = 0.02  # how long a known token waits for the database, which usually answers within milliseconds
_PATIENCE_SECONDS = 2.0  # how long an unknown one waits: a slow answer does not mean that the database is away
_POLL_PATIENCE_SECONDS = 10.0
_RETRY_SECONDS = 1.0  # after a failure requests don't read the tokens for this long: each would wait

_USED_EVERY = timedelta(minutes=1)  # so that a token that is used all the time is a small write a minute

_log = structlog.get_logger(__name__)


class TokenCache:
    """Verifies tokens; `follow` is a root task."""

    def __init__(
        self, tokens: Tokens, clock: Callable[[], float] = time.monotonic, *, moment: float = _MOMENT_SECONDS
    ) -> None:
        self._tokens = tokens
        self._clock = clock
        self._known: dict[str, Token] = {}
        self._read_at = -math.inf  # when the reading of what is known began
        self._used: dict[int, datetime] = {}  # uses to write down, by the token's id
        self._doubted_at = -math.inf  # when something was changed that may be a token
        self._failing = False
        self._retry_at = 0.0  # when a request may read again
        self._lock = asyncio.Lock()
        self._moment = moment
        self._refreshing: asyncio.Task[None] | None = None  # for known tokens
        self._waited_for = 0.0  # until when requests wait for it, by the loop's time

    async def verify(self, plain: str) -> Token | None:
        """Return the token, or None if it is unknown or revoked. Raises UnavailableError if that can't be told."""
        asked, key = self._clock(), digest(plain)
        token = self._known.get(key)
        if token is None or not self._is_fresh(asked):
            token = await self._look_again(key, asked)
        now = datetime.now(UTC)
        if token is None or not token.opens(now):
            return None
        if token.used is None or now - token.used > _USED_EVERY:
            self._used.setdefault(token.id, now)
        return token

    def doubt(self) -> None:
        """Check the next request against the database: something was changed."""
        self._doubted_at = self._clock()

    def _is_fresh(self, asked: float) -> bool:
        """Tell whether what is known was read so lately that a request made now need not have it read again."""
        return self._read_at > max(asked - FRESH_SECONDS, self._doubted_at)

    async def _look_again(self, key: str, asked: float) -> Token | None:
        """Return the token with this digest after a reading, if there is time for one; raises UnavailableError."""
        if not self._failing or asked >= self._retry_at:
            await (
                self._refresh_briefly(asked)
                if key in self._known
                else self._refresh(asked - FRESH_SECONDS, _PATIENCE_SECONDS)
            )
        token = self._known.get(key)
        if token is None and not self._failing:  # it may be a new one
            await self._refresh(asked, _PATIENCE_SECONDS)
            token = self._known.get(key)
        too_old = self._clock() - self._read_at > LONGEST_SECONDS
        if too_old or (token is None and self._failing):
            raise UnavailableError(_("the token can't be checked now: the database is away"))
        return token

    async def follow(self) -> None:
        """Read the tokens every _POLL_SECONDS until cancelled."""
        while True:
            await self._refresh(self._clock(), _POLL_PATIENCE_SECONDS)
            await self._note_used()
            await asyncio.sleep(_POLL_SECONDS)

    async def _note_used(self) -> None:
        """Write down which tokens were used. It is no loss if the database is away: the next use is noted."""
        used, self._used = self._used, {}
        with suppress(UnavailableError, TimeoutError):
            async with asyncio.timeout(_POLL_PATIENCE_SECONDS):
                await self._tokens.note_used(used)

    async def _refresh_briefly(self, asked: float) -> None:
        """Read the tokens again in the background; if they are old, wait a moment for that.

        All requests of one reading wait for the same moment together.
        """
        loop = asyncio.get_running_loop()
        if self._refreshing is None or self._refreshing.done():
            self._refreshing = loop.create_task(self._refresh(asked, _PATIENCE_SECONDS))
            self._waited_for = loop.time() + self._moment
        if self._read_at > max(asked - SOON_SECONDS, self._doubted_at):
            return
        if (left := self._waited_for - loop.time()) > 0:
            for done in (await asyncio.wait({self._refreshing}, timeout=left))[0]:
                done.result()

    async def _refresh(self, since: float, patience: float) -> None:
        """Read the tokens unless that was done after `since`."""
        try:
            async with asyncio.timeout(patience), self._lock:
                if self._read_at <= since:
                    began = self._clock()
                    self._known = await self._tokens.by_digest()
                    self._read_at = began
        except (UnavailableError, TimeoutError) as error:
            self._retry_at = self._clock() + _RETRY_SECONDS
            if not self._failing:
                _log.warning("tokens_stale", why=str(error) or "timeout", known=len(self._known))
            self._failing = True
        else:
            self._failing = False
