"""Whether pbxd does its work, for those who watch it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from pbxd.errors import LostError, UnavailableError
from pbxd.lookup.index import Directory
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed

DATABASE_SECONDS = 2.0  # how long a probe may wait for the database
DatabaseState = Literal["answers", "away", "lost"]


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether pbxd does its work, and what it depends on."""

    pbx: Literal["connected", "away"]
    database: DatabaseState  # lost: its file is gone, which only an administrator can mend
    index_age_seconds: float | None  # since the index in memory was last known to equal the book; None: never loaded
    faults: Mapping[str, int]  # events not followed and calls not written as they were, since the start, by kind

    @property
    def ready(self) -> bool:
        """Whether look-ups are served and the database isn't lost.

        Look-ups come from memory: a PBX link or a database that is away leaves pbxd ready.
        """
        return self.index_age_seconds is not None and self.database != "lost"


@dataclass(frozen=True, slots=True)
class Health:
    """What is watched."""

    database: Database
    directory: Directory
    pbx_connected: Callable[[], bool]  # whether the link to the PBX is logged in
    faults: Callable[[], Mapping[str, int]]

    async def check(self) -> Readiness:
        """Look at everything, within DATABASE_SECONDS."""
        age = self.directory.age_seconds
        return Readiness(
            pbx="connected" if self.pbx_connected() else "away",
            database=await self._database_state(),
            index_age_seconds=round(age, 3) if math.isfinite(age) else None,
            faults=self.faults(),
        )

    async def _database_state(self) -> DatabaseState:
        try:
            async with asyncio.timeout(DATABASE_SECONDS):
                await Feed(self.database).last()
        except LostError:
            return "lost"
        except (UnavailableError, TimeoutError):
            return "away"
        return "answers"
