"""How many clients each employee manages."""

from __future__ import annotations

from sqlalchemy import func, select

from pbxd.actor import Actor
from pbxd.storage.access.employee_ids import known
from pbxd.storage.engine.database import Reading
from pbxd.storage.search.filters import seen_by
from pbxd.storage.tables import contacts


def managed_counts(connection: Reading, actor: Actor) -> dict[int, int]:
    """Return how many contacts that an actor sees each employee manages, by the employee's id."""
    seen = select(contacts.c.manager_id, func.count()).where(seen_by(known(connection, actor)))
    rows = connection.execute(seen.where(contacts.c.manager_id > 0).group_by(contacts.c.manager_id))
    return {row[0]: row[1] for row in rows}
