"""The audit log: who did what, from where, and what was refused. Administrators read it; nobody changes it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncGenerator, Hashable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

import structlog

from pbxd import rights
from pbxd.actor import Actor
from pbxd.errors import UnavailableError
from pbxd.measures import Reading
from pbxd.services.dates import read_instant
from pbxd.services.workspace import Workspace
from pbxd.storage.access.audit import Audit, AuditFilter, AuditRow, Deed
from pbxd.storage.access.audit import Result as Result
from pbxd.storage.engine.database import Database
from pbxd.storage.search.paging import FIRST_PART, PART

_FINISH_SECONDS = 1.0
_GATHER_SECONDS = 0.5  # refusals within this time are written together
_MOST_A_MINUTE = 60  # refusals of one quota that are written one by one: a scanner must not fill the disk
_MOST_UNKNOWN = 600  # of all that nobody known was refused
_MINUTE = 60.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FindDeeds:
    """Which rows of the log are wanted; an empty field doesn't matter."""

    since: str = ""  # a local date or time, as `dates.read_instant` reads it
    until: str = ""  # the same; a date means that whole day
    source: str = ""  # whole, or its first words: `token 3`
    action: str = ""
    result: Result | None = None
    employee: int | None = None
    before: int | None = None  # the id of the last row of the page before
    limit: int | None = 50  # None: all


async def find(workspace: Workspace, actor: Actor, asked: FindDeeds) -> list[AuditRow]:
    """Return rows of the log, the newest first. Raises InvalidInputError for a text that is no date."""
    rights.check_administrator(actor)
    wanted = AuditFilter(
        since=read_instant("from", asked.since) if asked.since else None,
        until=read_instant("to", asked.until, end_of_day=True) if asked.until else None,
        source=asked.source,
        action=asked.action,
        result=asked.result,
        employee=asked.employee,
        before=asked.before,
    )
    return await Audit(workspace.database).find(wanted, asked.limit)


async def every(workspace: Workspace, actor: Actor, asked: FindDeeds) -> AsyncGenerator[list[AuditRow], None]:
    """Yield all such rows, the newest first, in parts. Raises InvalidInputError for a text that is no date."""
    length = FIRST_PART
    while found := await find(workspace, actor, replace(asked, limit=length)):
        yield found
        if len(found) < length:
            return
        asked, length = replace(asked, before=found[-1].id), PART


class Refusals:
    """Writes what was refused, and what was done without the database; `run` is a root task.

    Nobody waits for it, and a database that is away loses nothing.

    What one client is refused for one reason has a quota of 60 rows a minute, so that no flood hides what others are
    refused. Beyond it refusals are counted only; the next row of that quota says how many there were. Refusals of
    unknown clients share a quota for each reason and login that was tried (logins of nobody count as one), and 600 rows
    a minute together.
    """

    def __init__(self, database: Database) -> None:
        self._audit = Audit(database)
        self._waiting: deque[Deed] = deque()
        self._minute = 0.0  # when it began, monotonic clock
        self._written = Counter[Hashable]()  # in this minute, by quota
        self._of_unknown = 0  # in this minute
        self._unwritten = Counter[Hashable]()  # since the last row of the quota
        self.count = 0

    def note(self, deed: Deed, login: str = "") -> None:
        """Take a refusal; never waits. `login`: the one that was tried without success."""
        self.count += 1
        now = time.monotonic()
        if now - self._minute >= _MINUTE:
            self._minute, self._of_unknown = now, 0
            self._written.clear()
        quota, unknown = (deed.source, login, deed.reason), not deed.source
        if self._written[quota] >= _MOST_A_MINUTE or (unknown and self._of_unknown >= _MOST_UNKNOWN):
            self._unwritten[quota] += 1
            return
        self._written[quota] += 1
        self._of_unknown += unknown
        unwritten = self._unwritten.pop(quota, 0)
        more = f" (+{unwritten})" if unwritten else ""
        self._waiting.append(replace(deed, result="refused", reason=deed.reason + more))

    def note_done(self, deed: Deed) -> None:
        """Take what was done without the database; never waits, and loses none."""
        self._waiting.append(deed)

    async def run(self) -> None:
        """Write refusals as they come, for ever."""
        while True:
            await asyncio.sleep(_GATHER_SECONDS)
            try:
                await self.flush()
            except UnavailableError as error:
                _log.debug("audit_waits", why=str(error), waiting=len(self._waiting))

    async def finish(self) -> None:
        """Write what is left when the daemon stops, unless the database takes too long."""
        with suppress(UnavailableError, TimeoutError):
            async with asyncio.timeout(_FINISH_SECONDS):
                await self.flush()

    async def flush(self) -> None:
        """Write what has come so far. Raises UnavailableError; nothing is lost then."""
        deeds = list(self._waiting)
        await self._audit.add(deeds)
        for _deed in deeds:
            self._waiting.popleft()

    def readings(self) -> Iterator[Reading]:
        """Say what is counted."""
        about = "Requests that were refused (401, 403, 429)."
        yield Reading("pbxd_refusals_total", about, "counter", lambda: self.count)
