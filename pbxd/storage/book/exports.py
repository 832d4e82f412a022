"""Read the whole book as an actor sees it, as of one moment, two thousand cards at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.actor import Actor
from pbxd.book.contacts import Contact
from pbxd.storage.book.cards import cards
from pbxd.storage.book.contacts import matching_ids
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.progress import Report
from pbxd.storage.search.filters import ContactFilter

_PART = 2000  # a process of its own writes the file: no call waits meanwhile


@asynccontextmanager
async def everything(
    database: Database, wanted: ContactFilter, *, actor: Actor, progress: Report = lambda _done, _total: None
) -> AsyncIterator[AsyncIterator[list[Contact]]]:
    """Open all contacts that match among those the actor sees, by name; `progress`: how many were read, and of all."""
    async with database.reading() as connection:
        yield _in_parts(connection, await connection.run_sync(matching_ids, wanted, actor), progress)


async def _in_parts(connection: AsyncConnection, ids: list[int], progress: Report) -> AsyncIterator[list[Contact]]:
    for start in range(0, len(ids), _PART):
        yield await cards(connection, ids[start : start + _PART])
        progress(start + _PART, len(ids))
