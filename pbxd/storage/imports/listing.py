"""The imports there were: who imported which file, when, what it did, and whether it can be undone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select

from pbxd import rights
from pbxd.actor import Actor
from pbxd.storage.access.employee_ids import known, people
from pbxd.storage.engine.database import Database, possible
from pbxd.storage.imports.order import later_import
from pbxd.storage.tables import imports


@dataclass(frozen=True, slots=True)
class Import:
    """One import."""

    id: int
    created: datetime
    actor: str  # the extension that the importer has now
    actor_name: str
    actor_id: int | None  # None: an administrator
    file: str
    visibility: str
    state: str
    counts: Mapping[str, int]
    undoable: bool
    undo_first: int | None  # a later import that has to be undone before this one


async def listed(
    database: Database, actor: Actor, limit: int | None, *, import_id: int = 0, before: int = 0
) -> Sequence[Import]:
    """Return the imports that the actor may know of, the latest first: an employee's own, and those of shared contacts.

    `import_id`: only this one. `before`: only earlier ones than this.

    An administrator sees all, because an administrator can undo all.
    """
    wanted = select(imports).order_by(imports.c.id.desc()).limit(limit)
    if import_id:
        wanted = wanted.where(imports.c.id.in_(possible([import_id])))
    if before:
        wanted = wanted.where(imports.c.id < before)
    async with database.reading() as connection:
        actor = await connection.run_sync(known, actor)
        if not actor.is_administrator:
            own = imports.c.actor_id == (actor.employee or -1)
            wanted = wanted.where(or_(own, imports.c.visibility == "shared"))
        rows = (await connection.execute(wanted)).all()
        there = await connection.run_sync(people, {row.actor_id for row in rows})
        found: list[Import] = []
        for row in rows:
            done = row.state == "done"
            first = await later_import(connection, row.id) if done else 0
            person = there.get(row.actor_id)
            found.append(
                Import(
                    row.id, row.created, person.extension if person else "", person.name if person else "",
                    row.actor_id or None, row.file, row.visibility, row.state, row.counts,
                    done and not first and rights.may_undo(actor, row.actor_id), first or None,
                )
            )  # fmt: skip
        return found
