"""How many clients each employee manages."""

from __future__ import annotations

from sqlalchemy import func, literal_column, select

from pbxd.actor import Actor
from pbxd.storage.access.employee_ids import known
from pbxd.storage.engine.database import Reading
from pbxd.storage.index_hints import read_by
from pbxd.storage.search.filters import seen_by
from pbxd.storage.tables import contacts


def managed_counts(connection: Reading, actor: Actor) -> dict[int, int]:
    """Return how many contacts that an actor sees each employee manages, by the employee's id."""
    counted = read_by(select(contacts.c.manager_id, func.count()), contacts, "ix_contacts_managed")
    managed = contacts.c.manager_id > literal_column("0")  # the index's condition
    seen = counted.where(managed, seen_by(known(connection, actor)))
    return {row[0]: row[1] for row in connection.execute(seen.group_by(contacts.c.manager_id))}
