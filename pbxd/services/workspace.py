"""What the services work with."""

from __future__ import annotations

from dataclasses import dataclass

from pbxd.book.fields import Fields
from pbxd.numbers import NumberRules
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed


@dataclass(frozen=True, slots=True)
class Workspace:
    """The open database, and how numbers are read; an adapter makes one for as long as its database is open."""

    database: Database
    rules: NumberRules

    @property
    def fields(self) -> Fields:
        """The fields that contacts have."""
        return self.database.fields

    async def seq(self) -> int:
        """Return the number of the newest event. Read it before a list, so that `events?after=` misses nothing."""
        return await Feed(self.database).last()
