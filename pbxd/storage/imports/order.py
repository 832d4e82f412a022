"""In which order imports can be undone: a later import that changed the same contacts has to be undone first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Row, and_, bindparam, exists, insert, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.storage.tables import contacts, import_changes, import_companies, imports

_NEW = 1  # the version of a new contact
_MOVED = (
    update(import_changes)
    .where(import_changes.c.import_id == bindparam("of_import"), import_changes.c.contact_id == bindparam("of_contact"))
    .values(version=bindparam("now"))
)


async def later_import(connection: AsyncConnection, import_id: int) -> int:
    """Return the latest import that changed contacts or companies of this one; 0 if there is none."""
    later, mine = import_changes.alias("later"), import_changes.alias("mine")
    created = exists().where(contacts.c.id == later.c.contact_id, contacts.c.import_id == import_id)
    changed = exists().where(
        mine.c.contact_id == later.c.contact_id, mine.c.import_id == import_id, mine.c.before.is_not(None)
    )
    over = select(later.c.import_id).join(imports, imports.c.id == later.c.import_id)
    over = over.where(later.c.import_id > import_id, later.c.before.is_not(None), or_(created, changed))
    firm, same = import_companies.alias("firm"), import_companies.alias("same")
    shared = exists().where(same.c.company_id == firm.c.company_id, same.c.import_id == import_id)
    over_firms = select(firm.c.import_id).where(firm.c.import_id > import_id, shared)
    found = [
        (await connection.execute(wanted.order_by(column.desc()).limit(1))).scalar() or 0
        for wanted, column in ((over, later.c.import_id), (over_firms, firm.c.import_id))
    ]
    return max(found)


async def expect_restored(connection: AsyncConnection, rows: Sequence[Row[Any]], edited: Collection[int]) -> None:
    """Say that cards are as earlier imports left them again, though their versions are others now.

    `rows` are the changes that were taken back, except those of the `edited` contacts.
    """
    restored = {row.contact_id for row in rows if row.contact_id not in edited}
    if not restored:
        return
    earlier = and_(import_changes.c.contact_id.in_(restored), import_changes.c.import_id < rows[0].import_id)
    wanted = select(import_changes.c.import_id, import_changes.c.contact_id, import_changes.c.version).where(earlier)
    found = (await connection.execute(wanted)).all()
    # Each moves by the change and its way back, so that an edit between two imports is still noticed.
    moved = [
        {"of_import": import_id, "of_contact": key, "now": version + 2} for import_id, key, version in found if version
    ]
    if moved:
        await connection.execute(_MOVED, moved)
    await _expect_new(connection, list(restored), rows[0].import_id)


async def _expect_new(connection: AsyncConnection, ids: Collection[int], before: int) -> None:
    """Say the same of the imports that made cards, and that have no changes of them."""
    none = ~exists().where(
        import_changes.c.import_id == contacts.c.import_id, import_changes.c.contact_id == contacts.c.id
    )
    kind = import_changes.c.changes.type
    made = select(contacts.c.import_id, contacts.c.id, literal({}, kind), literal(_NEW + 2))
    made = made.where(contacts.c.id.in_(ids), contacts.c.import_id.between(1, before - 1), none)
    columns = ["import_id", "contact_id", "changes", "version"]
    await connection.execute(insert(import_changes).from_select(columns, made))
