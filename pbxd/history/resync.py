"""Snapshots of the PBX's channels: after every connect, and after events were dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from pbxd.errors import ProtocolError, RefusedError, UnavailableError
from pbxd.telephony.port import Pbx

_RETRY_SECONDS = 2.0

_log = structlog.get_logger(__name__)


class Resync:
    """Has the PBX list its channels when asked to; `run` is a root task, `on_done` is called after each list."""

    def __init__(self, pbx: Pbx, on_done: Callable[[], None]) -> None:
        self._pbx = pbx
        self._on_done = on_done
        self._requested = asyncio.Event()

    def request(self) -> None:
        """Ask for a snapshot."""
        self._requested.set()

    async def run(self) -> None:
        """Take snapshots for ever; one that fails is asked for again while the PBX is there."""
        while True:
            await self._requested.wait()
            self._requested.clear()
            try:
                channels = await self._pbx.request_snapshot()
            except (UnavailableError, RefusedError, ProtocolError) as error:
                _log.warning("resync_failed", why=str(error))
                if self._pbx.connected:
                    await asyncio.sleep(_RETRY_SECONDS)
                    self._requested.set()
            else:
                self._on_done()
                _log.info("resync_done", channels=channels)
