"""How many calls somebody missed since they looked at the history. It is kept for each user, so that all tabs agree."""

from __future__ import annotations

from datetime import UTC, datetime

from pbxd.services.access.users import User
from pbxd.services.workspace import Workspace
from pbxd.storage.calls.missed_calls import count_missed, note_seen


async def count(workspace: Workspace, user: User) -> int:
    """Return how many calls rang at the user's phones and were answered by nobody since; 100: that or more."""
    return await workspace.database.ask(count_missed, user.id, user.extension)


async def note_looked(workspace: Workspace, user: User) -> None:
    """Note that the user looks at the history now."""
    await note_seen(workspace.database, user.id, datetime.now(UTC))
