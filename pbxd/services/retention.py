"""Deleting what is older than it may be, every hour."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from pbxd.errors import UnavailableError
from pbxd.settings import RetentionSettings
from pbxd.storage.engine.database import Database
from pbxd.storage.retention import Retention

_EVERY_SECONDS = 3600.0

_log = structlog.get_logger(__name__)


async def keep_clearing(database: Database, settings: Callable[[], RetentionSettings]) -> None:
    """Delete every hour what `settings` no longer keep; for ever."""
    retention = Retention(database)
    while True:
        await asyncio.sleep(_EVERY_SECONDS)
        try:
            cleared = await retention.clear(settings())
        except UnavailableError as error:
            _log.warning("retention_failed", why=str(error))
        else:
            if any(cleared.values()):
                _log.info("retention_done", **cleared)
