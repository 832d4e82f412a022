"""What services work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from pbxd.numbers import NumberRules, rules_from
from pbxd.settings import Settings
from pbxd.storage.engine.database import Database


@dataclass(frozen=True, slots=True)
class Context:
    """The open database and the configuration; an adapter makes one for as long as its database is open."""

    database: Database
    settings: Settings
    rules: NumberRules

    @classmethod
    def of(cls, database: Database, settings: Settings) -> Self:
        """Make one with the number rules of the configuration."""
        return cls(database, settings, rules_from(settings))
