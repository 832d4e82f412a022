"""The database at the start: opened, upgraded, and read; it may be away, and then it is tried again."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from pbxd.errors import LostError, SchemaError, UnavailableError
from pbxd.history.following import Following
from pbxd.logs import Complaints
from pbxd.lookup.index import Directory
from pbxd.notify import sd_notify
from pbxd.settings import Settings
from pbxd.storage.calls.calls import Calls
from pbxd.storage.calls.gaps import HistoryGaps
from pbxd.storage.engine.backups import Progress
from pbxd.storage.engine.database import Database

_RETRY_SECONDS = 1.0
_AN_HOUR = timedelta(hours=1)

_log = structlog.get_logger(__name__)


class Opening:
    """Opens the database, reads the book, and takes over the calls that an earlier process left open."""

    def __init__(self, settings: Settings, database: Database, directory: Directory, following: Following) -> None:
        self._settings = settings
        self._database = database
        self._directory = directory
        self._following = following
        self._opened = asyncio.Event()
        self._complaints = Complaints(database.place)

    async def open(self) -> bool:
        """Try once; return whether it worked, if not the log says why. Raises SchemaError."""
        try:
            await self._database.connect(create=self._settings.database.upgrade == "auto", report=_report_upgrade)
            self._database.remember()
            if self._database.is_new:
                _log.warning("database_made", place=self._database.place)
            await self._directory.load()
            await self._take_over_calls()
        except SchemaError:
            raise
        except UnavailableError as error:
            lost = isinstance(error, LostError)
            self._complaints.tell("database_lost" if lost else "database_away", str(error), error=lost)
            return False
        # Exclude the loaded book from garbage collection: a full collection over 100,000 contacts blocks look-ups for
        # 50 ms.
        gc.collect()
        gc.freeze()
        self._opened.set()
        return True

    async def retry(self, on_open: Callable[[], None]) -> None:
        """Try every second until it works, then call `on_open`; nothing to do if it is open."""
        if self._opened.is_set():
            return
        opened = False
        while not opened:
            await asyncio.sleep(_RETRY_SECONDS)
            opened = await self.open()
        _log.info("database_reached")
        on_open()

    async def then(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do some work once the database is open."""
        await self._opened.wait()
        await work()

    async def _take_over_calls(self) -> None:
        calls, pbx = Calls(self._database), self._settings.asterisk.name
        complete_until = await HistoryGaps(self._database).cursor(pbx)
        lasting = await calls.open_calls(pbx)
        ended = await calls.ended_since(pbx, lasting[0].started - _AN_HOUR) if lasting else ()
        await self._following.resume(lasting, complete_until, ended)


def _report_upgrade(progress: Progress) -> None:
    """Say how far the database's upgrade is, in the log and in `systemctl status`."""
    percent = int(progress.done * 100)
    _log.info("database_upgrade_running", stage=progress.stage, percent=percent, what=progress.what)
    sd_notify(f"STATUS=upgrading the database: {progress.stage} {percent} %")
