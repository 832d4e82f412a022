"""The employees that the PBX knows, kept in the book."""

from __future__ import annotations

import asyncio
import contextlib

import structlog

from pbxd.errors import ProtocolError, RefusedError, UnavailableError
from pbxd.storage.book.employees import Employees
from pbxd.telephony.port import Pbx

_RETRY_SECONDS = 10.0
_EVERY_SECONDS = 24 * 3600.0
_SETTLE_SECONDS = 0.5  # a PBX that was just reloaded learns its new devices' states, and may reload more

_log = structlog.get_logger(__name__)


class StaffSync:
    """Takes the PBX's employees into the book; `run` is a root task."""

    def __init__(self, pbx: Pbx, employees: Employees) -> None:
        self._pbx = pbx
        self._employees = employees
        self._requested = asyncio.Event()

    def request(self) -> None:
        """Ask for a sync: after a connect, or a reload."""
        self._requested.set()

    async def run(self) -> None:
        """Sync when asked to, and daily; a sync that fails is tried again while the PBX is there."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_EVERY_SECONDS):
                    await self._requested.wait()
            await asyncio.sleep(_SETTLE_SECONDS)
            self._requested.clear()
            try:
                await self._sync()
            except (UnavailableError, RefusedError, ProtocolError) as error:
                _log.warning("employees_sync_failed", why=str(error))
                if self._pbx.connected:
                    await asyncio.sleep(_RETRY_SECONDS)
                    self._requested.set()

    async def _sync(self) -> None:
        found = await self._pbx.staff()
        there = {person.extension for person in found}
        left = await self._pbx.gone(await self._employees.on_pbx() - there, beside=there)
        done = await self._employees.upsert(found, source="pbx")
        await self._employees.retire(left)
        for each in done.passed:
            _log.warning("extension_passed" if each.another else "employee_renamed", extension=each.extension)
        _log.info("employees_synced", employees=len(found), left=len(left))
