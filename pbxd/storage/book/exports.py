"""Read the whole book as an actor sees it, as of one moment, some hundreds of cards at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.actor import Actor
from pbxd.book.contacts import Contact
from pbxd.storage.access.employee_ids import known
from pbxd.storage.book.cards import cards
from pbxd.storage.engine.database import Database
from pbxd.storage.search.filters import seen_by
from pbxd.storage.tables import contacts

_PART = 200


@asynccontextmanager
async def everything(database: Database, *, actor: Actor) -> AsyncIterator[AsyncIterator[list[Contact]]]:
    """Open all contacts that the actor sees, by name."""
    async with database.reading() as connection:
        seen = seen_by(await connection.run_sync(known, actor))
        wanted = select(contacts.c.id).where(seen).order_by(contacts.c.folded, contacts.c.id)
        ids = (await connection.execute(wanted)).scalars().all()
        yield _in_parts(connection, list(ids))


async def _in_parts(connection: AsyncConnection, ids: list[int]) -> AsyncIterator[list[Contact]]:
    for start in range(0, len(ids), _PART):
        yield await cards(connection, ids[start : start + _PART])
