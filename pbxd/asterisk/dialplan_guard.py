"""Global variables by which the dialplan knows pbxd: that it lives, and the key of personal look-ups."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time

from pbxd.asterisk.ami.client import AmiClient
from pbxd.errors import PbxdError

KEY_VARIABLE = "PBXD_KEY"
_ALIVE_SECONDS = 1.0


class DialplanGuard:
    """Sets the variables of the guard in dialplan/pbxd.conf; `run` is a root task."""

    def __init__(self, ami: AmiClient) -> None:
        self.key = secrets.token_hex(16)  # another one in each process
        self._ami = ami

    async def announce(self) -> None:
        """Say after a connect that pbxd lives: else the guard finds out by a trial, which costs a call its name."""
        await self._ami.action("Setvar", {"Variable": "PBXD_ASKED", "Value": ""})
        await self._set_key()

    async def run(self) -> None:
        """Set PBXD_ALIVE every second, and the key, which a reload of the dialplan may have cleared; for ever."""
        while True:
            if self._ami.connected:
                with contextlib.suppress(PbxdError):  # the link logs its own troubles
                    await self._ami.action("Setvar", {"Variable": "PBXD_ALIVE", "Value": str(int(time.time()))})
                    await self._set_key()
            await asyncio.sleep(_ALIVE_SECONDS)

    async def _set_key(self) -> None:
        await self._ami.action("Setvar", {"Variable": KEY_VARIABLE, "Value": self.key})
