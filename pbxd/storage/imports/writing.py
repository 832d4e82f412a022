"""One import being written: new contacts hidden, changes in the overlay, then both made visible.

`imports` describes the states. Transactions are short, so that no other writer waits long.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from types import MappingProxyType

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.actor import Actor
from pbxd.book.companies import Company
from pbxd.book.contacts import ContactChanges, ContactDraft
from pbxd.storage.access.employee_ids import with_ids
from pbxd.storage.book import company_rows, number_ownership, overlay_changes
from pbxd.storage.book.cards import insert_cards, main_rows
from pbxd.storage.engine.batches import BatchWriter
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import tell
from pbxd.storage.imports import companies as import_companies
from pbxd.storage.imports.adding import added_up
from pbxd.storage.imports.states import beat, enter, news
from pbxd.storage.search.search_text import tokens
from pbxd.storage.search.visibility import made_by
from pbxd.storage.tables import contacts, import_changes, imports

_BEAT_SECONDS = 10.0  # longest time between two beats


class Writing:
    """One import being written."""

    def __init__(self, database: Database, import_id: int, actor: Actor) -> None:
        self.id = import_id
        self.actor = actor  # with the id of its employee
        self._database = database
        self._batches = BatchWriter(database)
        self._made = array("q")  # ids of the new contacts, in order
        self._rest: list[ContactDraft] = []  # not written yet: they wait for a full transaction
        self._beaten = time.monotonic()

    async def add(
        self,
        drafts: Sequence[ContactDraft],
        changes: Mapping[int, ContactChanges],
        adding: Mapping[int, Collection[str]] = MappingProxyType({}),
    ) -> None:
        """Write new, checked contacts, and keep changes for the end.

        `changes` are by the contact's id, or by -1 - n for the n-th new contact (from 0) of this import; a later
        change of the same field wins. The lists that `adding` names are added to what the contact has. Raises
        ConflictError if another process took this import for abandoned.
        """
        self._rest += drafts
        while len(self._rest) >= self._batches.size or (self._rest and changes):
            await self._write()
        wanted = [(self._id(key), fields) for key, fields in changes.items()]
        lists = {self._id(key): names for key, names in adding.items()}
        while wanted:
            async with self._batches.writing(min(len(wanted), self._batches.size)) as connection:
                await beat(connection, self.id, "writing")
                some, wanted = wanted[: self._batches.size], wanted[self._batches.size :]
                added = {key: lists[key] for key, _fields in some if key in lists}
                kept = await added_up(connection, self.id, dict(some), added) if added else dict(some)
                await overlay_changes.keep(connection, self.id, kept)
            self._beaten = time.monotonic()
        if time.monotonic() - self._beaten > _BEAT_SECONDS:  # only known and bad rows for a long time
            async with self._database.writing() as connection:
                await beat(connection, self.id, "writing")
            self._beaten = time.monotonic()

    def _id(self, key: int) -> int:
        """Return the id of a contact of the book, or of the n-th new one."""
        return key if key >= 0 else self._made[-1 - key]

    async def add_companies(self, firms: Sequence[Company]) -> None:
        """Keep companies, which are made when the import is visible. Raises ConflictError as `add` does."""
        if firms:
            async with self._batches.writing(len(firms)) as connection:
                await beat(connection, self.id, "writing")
                await import_companies.keep(connection, self.id, firms)

    async def _write(self) -> None:
        part = await self._named(self._rest[: self._batches.size])
        prepared = main_rows(part, self._database.fields)
        for values in prepared:  # the index's triggers need them while other writers wait
            tokens(values["search"])
        async with self._batches.writing(len(part)) as connection:
            await beat(connection, self.id, "writing")
            part = await with_ids(connection, part)  # again: an extension may have passed to somebody else meanwhile
            made = await insert_cards(
                connection, part, self.actor, import_id=self.id, prepared=prepared, fields=self._database.fields
            )
            self._made.extend(made)
        self._rest = self._rest[len(part) :]
        self._beaten = time.monotonic()

    async def _named(self, drafts: Sequence[ContactDraft]) -> list[ContactDraft]:
        """Return the drafts with the ids of their employees."""
        async with self._database.writing() as connection:
            return await with_ids(connection, drafts)

    async def finish(self, counts: Mapping[str, int], progress: Callable[[int], None] = lambda _done: None) -> None:
        """Make the whole import visible. From here on it can only be completed, also if this process dies.

        `progress` is called with the number of contacts changed so far.
        """
        while self._rest:
            await self._write()
        async with self._database.writing() as connection:
            await beat(connection, self.id, "writing")
            await connection.execute(update(imports).where(imports.c.id == self.id).values(counts=dict(counts)))
            await enter(connection, self.id, "applying")
            await tell(connection, [await news("import.done", connection, self.id)])
        await self.apply(progress)

    async def apply(self, progress: Callable[[int], None] = lambda _done: None) -> None:
        """Write the visible changes to the cards, some at a time."""
        done = 0
        while (made := await self._batches.write(self._batches.size, self._apply_some)) is not None:
            done += made
            progress(done)

    async def _apply_some(self, connection: AsyncConnection) -> int | None:
        """Write the next changes to the cards, then the next companies. Return how many cards; None: that was all."""
        size = self._batches.size
        await beat(connection, self.id, "applying")
        rows = await overlay_changes.left(connection, self.id, size)
        if rows:
            await overlay_changes.make(connection, rows, self._database.fields)
        elif not await import_companies.make(connection, self.id, size):
            await enter(connection, self.id, "done")
            return None
        return len(rows)

    async def drop(self) -> None:
        """Drop the import: nothing of it stays."""
        async with self._database.writing() as connection:
            await beat(connection, self.id, "writing")
            await enter(connection, self.id, "dropping")
        await drop_rows(self._database, self.id, "dropping", "dropped")


async def drop_rows(
    database: Database, import_id: int, state: str, end: str, progress: Callable[[int], None] = lambda _done: None
) -> int:
    """Delete the hidden contacts of an import and its companies, if unused, then end the import. Return how many."""
    batches, deleted = BatchWriter(database), 0
    while True:
        size = batches.size
        if database.is_sqlite:
            await database.ask(_prepare_tokens, import_id, size)
        done = await batches.write(size, partial(_drop_some, import_id, size, state, end))
        if done is None:
            return deleted
        deleted += done
        progress(deleted)


async def _drop_some(import_id: int, most: int, state: str, end: str, connection: AsyncConnection) -> int | None:
    """Delete the next contacts, then the next companies. Return how many contacts; None: that was all."""
    await beat(connection, import_id, state)
    wanted = select(contacts.c.id, contacts.c.company_id).where(made_by(import_id)).order_by(contacts.c.id)
    rows = (await connection.execute(wanted.limit(most))).all()
    if rows:
        await connection.execute(delete(contacts).where(contacts.c.id.in_([row.id for row in rows])))
        await number_ownership.forget(connection, [row.id for row in rows])
        await company_rows.drop_orphans(connection, {row.company_id for row in rows if row.company_id})
    elif not await import_companies.give_back(connection, import_id, most):
        await connection.execute(delete(import_changes).where(import_changes.c.import_id == import_id))
        await enter(connection, import_id, end)
        return None
    return len(rows)


def _prepare_tokens(connection: Connection, import_id: int, most: int) -> None:
    """Make the tokens of the next rows to delete: the index's triggers need them while other writers wait."""
    wanted = select(contacts.c.search).where(made_by(import_id)).order_by(contacts.c.id).limit(most)
    for text in connection.execute(wanted).scalars():
        tokens(text)
