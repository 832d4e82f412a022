"""The tokens in memory, so that a request is let in while the database is away.

While the database answers within a moment, a token is checked against what it said at most FRESH_SECONDS ago: a revoked
one closes that soon. A new one opens at once. While the database is slow or hangs, a known token waits no longer than
that moment, and what was read last counts; it is read again in the background. While it is away, that counts for
LONGEST_SECONDS; in that time nobody can revoke a token, unless the database is away for pbxd alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from pbxd.errors import UnavailableError
from pbxd.i18n import _
from pbxd.storage.tokens import Token, Tokens, digest

FRESH_SECONDS = 0.05
LONGEST_SECONDS = 24 * 3600.0
_POLL_SECONDS = 1.0  # so that what is in memory is young when the database goes away
_MOMENT_SECONDS = 0.02  # how long a known token waits for the database, which answers within some milliseconds
_PATIENCE_SECONDS = 2.0  # of one that is not known; a busy machine is no database that is away
_POLL_PATIENCE_SECONDS = 10.0
_RETRY_SECONDS = 1.0  # after a failure requests don't ask, they would all wait

_log = structlog.get_logger(__name__)


class Keyring:
    """Lets requests in by their token; `follow` is a root task."""

    def __init__(
        self, tokens: Tokens, clock: Callable[[], float] = time.monotonic, *, moment: float = _MOMENT_SECONDS
    ) -> None:
        self._tokens = tokens
        self._clock = clock
        self._known: dict[str, Token] = {}
        self._read: float | None = None  # when the database was asked for what is known; None: never
        self._failing = False
        self._retry = 0.0  # when a request may ask again
        self._turn = asyncio.Lock()
        self._moment = moment
        self._asking: asyncio.Task[None] | None = None  # the database, for known tokens
        self._waited_for = 0.0  # until when, by the loop's time

    async def verify(self, plain: str) -> Token | None:
        """Return the token in force that this is, else None. Raises UnavailableError where nobody can tell."""
        asked = self._clock()
        if not self._failing or asked >= self._retry:
            known = digest(plain) in self._known
            await (self._glance(asked) if known else self._refresh(asked - FRESH_SECONDS, _PATIENCE_SECONDS))
        token = self._known.get(digest(plain))
        if token is None and not self._failing:  # it may be a new one
            await self._refresh(asked, _PATIENCE_SECONDS)
            token = self._known.get(digest(plain))
        too_old = self._read is None or self._clock() - self._read > LONGEST_SECONDS
        if too_old or (token is None and self._failing):
            raise UnavailableError(_("the token can't be checked now: the database is away"))
        return token if token and not token.revoked else None

    async def follow(self) -> None:
        """Keep what is known young until cancelled."""
        while True:
            await self._refresh(self._clock(), _POLL_PATIENCE_SECONDS)
            await asyncio.sleep(_POLL_SECONDS)

    async def _glance(self, asked: float) -> None:
        """Have what is known read again unless it is fresh; wait a moment at most, however many ask meanwhile."""
        if self._read is not None and self._read > asked - FRESH_SECONDS:
            return
        loop = asyncio.get_running_loop()
        if self._asking is None or self._asking.done():
            self._asking = loop.create_task(self._refresh(asked, _PATIENCE_SECONDS))
            self._waited_for = loop.time() + self._moment
        if (left := self._waited_for - loop.time()) > 0:
            for done in (await asyncio.wait({self._asking}, timeout=left))[0]:
                done.result()

    async def _refresh(self, since: float, patience: float) -> None:
        """Ask the database unless it was asked after `since`."""
        try:
            async with asyncio.timeout(patience), self._turn:
                if self._read is None or self._read <= since:
                    began = self._clock()
                    self._known = await self._tokens.by_digest()
                    self._read = began
        except (UnavailableError, TimeoutError) as error:
            self._retry = self._clock() + _RETRY_SECONDS
            if not self._failing:
                _log.warning("tokens_not_fresh", why=str(error) or "timeout", known=len(self._known))
            self._failing = True
        else:
            self._failing = False
