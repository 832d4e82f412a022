"""The state of an import, and the beat by which others see that somebody works at it. `imports` lists the states."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.errors import ConflictError, NotFoundError
from pbxd.i18n import _
from pbxd.storage.engine.database import possible
from pbxd.storage.engine.feed import News
from pbxd.storage.search.visibility import made_by
from pbxd.storage.tables import contacts, imports


async def news(kind: str, connection: AsyncConnection, import_id: int) -> News:
    """Return the event of an import, with the range of ids that has its contacts, and perhaps others."""
    span = select(func.min(contacts.c.id), func.max(contacts.c.id)).where(made_by(import_id))
    first, last = (await connection.execute(span)).one()
    row = await import_row(connection, import_id)
    owner_id = row.actor_id if row.visibility == "personal" else 0
    return News(kind, str(import_id), {"first": first, "last": last, "owner_id": owner_id, **row.counts})


async def import_row(connection: AsyncConnection, import_id: int) -> Row[Any]:
    """Return an import's row. Raises NotFoundError."""
    wanted = select(imports).where(imports.c.id.in_(possible([import_id])))
    row = (await connection.execute(wanted)).first()
    if row is None:
        raise NotFoundError(_("there is no import {id}").format(id=import_id))
    return row


async def enter(connection: AsyncConnection, import_id: int, state: str) -> None:
    """Put an import into a state."""
    values = {"state": state, "beat": datetime.now(UTC)}
    await connection.execute(update(imports).where(imports.c.id == import_id).values(values))


async def beat(connection: AsyncConnection, import_id: int, state: str) -> None:
    """Renew the import's beat. Raises ConflictError if it is no longer in this state."""
    mine = and_(imports.c.id == import_id, imports.c.state == state)
    if (await connection.execute(update(imports).where(mine).values(beat=datetime.now(UTC)))).rowcount != 1:
        raise ConflictError(_("import {id} was given up meanwhile, or is brought to its end").format(id=import_id))
