"""The history of calls, as an actor may see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pbxd.actor import Actor
from pbxd.numbers import NumberRules
from pbxd.services.call_queries import CallsAsked, Listed, listed, named
from pbxd.storage.calls.calls import Calls
from pbxd.storage.engine.database import Database


@dataclass(frozen=True, slots=True)
class CallHistory:
    """Reads recorded calls and names their parties."""

    database: Database
    rules: NumberRules

    async def page(self, asked: CallsAsked, *, limit: int, offset: int = 0, before: str = "") -> Listed:
        """Return a page of the history, newest first. Raises what `call_queries.listed` raises."""
        return await listed(self.database, asked, self.rules, limit=limit, offset=offset, before=before)

    async def call(self, call_id: str, actor: Actor) -> dict[str, Any]:
        """Return a call's record in its public form. Raises NotFoundError."""
        record = await Calls(self.database).record(call_id)
        (found,) = await named(self.database, [record], self.rules, actor)
        return found
