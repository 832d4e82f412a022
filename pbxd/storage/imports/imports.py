"""Imports of contacts: written a few rows at a time, visible all at once, and undone in the same way.

States: `writing` → (`applying` → ) `done` → `undoing` → `undone`, or `writing` → `dropping` → `dropped`. New contacts
are hidden (`search.visibility`) while `writing` and again from `undoing` on. Changes of existing contacts are in the
overlay meanwhile. They are visible from `applying` on and are then written to the cards, some at a time: from there on
an import can only be completed. A process that works at an import renews its `beat`; `clean` drops or completes imports
without a recent one. An uploaded import is `checking` → `checked` before, or `refused`: see `uploaded`.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from sqlalchemy import Row, and_, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd import rights
from pbxd.actor import Actor
from pbxd.book.companies import Company
from pbxd.book.contacts import ContactChanges, ContactDraft, Listing
from pbxd.errors import ConflictError, NotFoundError, UnavailableError
from pbxd.i18n import _
from pbxd.storage.access.employee_ids import known, known_author, with_ids
from pbxd.storage.book import company_rows, number_ownership, overlay_changes
from pbxd.storage.book.cards import insert_cards, listings, main_rows
from pbxd.storage.book.overlay import importer
from pbxd.storage.engine.batches import BatchWriter
from pbxd.storage.engine.database import Database, in_parts, in_steps, possible
from pbxd.storage.engine.feed import News, tell
from pbxd.storage.imports import companies as import_companies
from pbxd.storage.imports import uploaded
from pbxd.storage.imports.adding import added_up
from pbxd.storage.imports.order import expect_restored, later_import
from pbxd.storage.search.filters import seen_by
from pbxd.storage.search.search_text import tokens
from pbxd.storage.search.visibility import UNFINISHED, made_by
from pbxd.storage.tables import companies, contacts, employees, import_changes, imports

ABANDONED_SECONDS = 60.0  # without a beat: the process is gone
_BEAT_SECONDS = 10.0  # longest time between two beats
_TURN_SECONDS = 0.5  # between two checks whether another import is done
_LOOKED_UP = 100  # rows read at once for the daemon's index: it serves look-ups meanwhile
_NAMED = 100  # names of spared contacts, at most

Report = Callable[[int, int], None]  # how many contacts are done, and how many there are


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo did. `spared`: contacts edited since, with the names that the actor may see."""

    deleted: int
    restored: int
    spared: int
    names: tuple[tuple[int, str], ...]


class Imports:
    """All imports of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(
        self, file: str, *, actor: Actor, visibility: str, alone: bool = False, reserved: int = 0
    ) -> Writing:
        """Begin an import. Nothing of it is visible before `Writing.finish`.

        `alone`: wait until nobody else writes one. The other's contacts are not `known` before its end, and both would
        add the same contacts. `reserved`: the id of one that was uploaded; ConflictError unless it waits for this.
        """
        row = {"file": file, "visibility": visibility, "state": "writing", "counts": {}}
        while True:
            now = datetime.now(UTC)
            fresh = imports.c.beat >= now - timedelta(seconds=ABANDONED_SECONDS)
            others = select(imports.c.id).where(imports.c.state == "writing", fresh).limit(1)
            async with self._database.writing() as connection:
                if not alone or (await connection.execute(others)).first() is None:
                    actor = await known_author(connection, actor)
                    values = row | {"actor_id": actor.employee or 0, "created": now, "beat": now}
                    if reserved:
                        await uploaded.leave(connection, reserved, "checked", values)
                        return Writing(self._database, reserved, actor)
                    made = await connection.execute(insert(imports).returning(imports.c.id), [values])
                    return Writing(self._database, int(made.scalar_one()), actor)
            await asyncio.sleep(_TURN_SECONDS)
            with suppress(ConflictError):  # another process cleans too
                await self.clean()

    async def undo(self, import_id: int, *, actor: Actor, progress: Report = lambda _done, _total: None) -> Undone:
        """Undo a whole import, except contacts edited since.

        Raises NotFoundError, RefusedError for anybody but who imported and administrators, ConflictError unless it is
        done, and while a later import that changed the same contacts is there.
        """
        async with self._database.reading() as connection:
            later = await later_import(connection, import_id)
        async with self._database.writing() as connection:
            row = await _row(connection, import_id)
            actor = await connection.run_sync(known, actor)
            rights.check_undo(actor, row.actor_id)
            if row.state != "done":
                raise ConflictError(_why_not_undone(row.state).format(id=import_id))
            if later:
                message = _("import {later} changed the same contacts after import {id}: undo {later} first")
                raise ConflictError(message.format(id=import_id, later=later))
            spared, names = await _spare(connection, import_id, actor)
            await _enter(connection, import_id, "undoing")
            await tell(connection, [await _news("import.undone", connection, import_id)])
        total = int(row.counts.get("created", 0)) + int(row.counts.get("updated", 0))
        restored, kept_names, kept = await self._restore(import_id, actor, lambda done: progress(done, total))
        before = restored + kept
        deleted = await drop_rows(
            self._database, import_id, "undoing", "undone", lambda done: progress(before + done, total)
        )
        return Undone(deleted, restored, spared + kept, (*names, *kept_names)[:_NAMED])

    async def clean(self, *, abandoned_seconds: float = ABANDONED_SECONDS) -> int:
        """Drop or complete imports whose process has died. Return how many."""
        cleaned = 0
        while left := await self._take_over(abandoned_seconds):
            cleaned += 1
            import_id, actor, state = left
            match state:
                case "applying":
                    await Writing(self._database, import_id, actor).apply()
                case "undoing":
                    await self._restore(import_id, actor)
                    await drop_rows(self._database, import_id, "undoing", "undone")
                case _:
                    await drop_rows(self._database, import_id, "dropping", "dropped")
        return cleaned

    async def keep_clean(self) -> None:
        """Call `clean` from time to time, until cancelled."""
        while True:
            with suppress(
                UnavailableError, ConflictError
            ):  # the index logs that the database is away; another process cleans too
                await self.clean()
            await asyncio.sleep(ABANDONED_SECONDS)

    @asynccontextmanager
    async def created(self, first: int, last: int) -> AsyncIterator[AsyncIterator[list[Listing]]]:
        """Open the visible contacts with ids between these, for the daemon's index."""
        between = contacts.c.id.between(first, last)
        used = select(contacts.c.company_id).where(between, contacts.c.company_id.is_not(None))
        wanted = select(companies.c.id, companies.c.name).where(companies.c.id.in_(used))
        async with self._database.reading() as connection:
            names: dict[int, str] = {}
            async for rows in in_steps(connection, wanted, _LOOKED_UP):
                names.update(map(tuple, rows))
            yield listings(connection, names, between, step=_LOOKED_UP)

    async def changed(self, import_id: int) -> list[int]:
        """Return the ids of the contacts that an import changed."""
        wanted = select(import_changes.c.contact_id).where(import_changes.c.import_id == import_id)
        async with self._database.reading() as connection:
            return [key async for rows in in_steps(connection, wanted, _LOOKED_UP) for (key,) in rows]

    async def _take_over(self, abandoned_seconds: float) -> tuple[int, Actor, str] | None:
        before = datetime.now(UTC) - timedelta(seconds=abandoned_seconds)
        by_whom = imports.outerjoin(employees, employees.c.id == imports.c.actor_id)
        wanted = select(imports, employees.c.extension.label("actor")).select_from(by_whom)
        wanted = wanted.where(imports.c.state.in_(UNFINISHED), imports.c.beat < before).order_by(imports.c.id)
        async with self._database.reading() as connection:
            if (await connection.execute(wanted.limit(1))).first() is None:
                return None
        async with self._database.writing() as connection:
            row = (await connection.execute(wanted.limit(1))).first()
            if row is None:
                return None
            state = "dropping" if row.state == "writing" else row.state
            await _enter(connection, row.id, state)
            return row.id, importer(row), state

    async def _restore(
        self, import_id: int, actor: Actor, progress: Callable[[int], None] = lambda _done: None
    ) -> tuple[int, list[tuple[int, str]], int]:
        """Undo the changes of contacts. Return how many, and which were spared because they were edited since."""
        batches, restored, spared, names = BatchWriter(self._database), 0, 0, list[tuple[int, str]]()
        while True:
            async with batches.writing(batches.size) as connection:
                await _beat(connection, import_id, "undoing")
                rows = await overlay_changes.left(connection, import_id, batches.size)
                if not rows:
                    return restored, names, spared
                given_back, edited = await overlay_changes.give_back(connection, rows, self._database.fields)
                await expect_restored(connection, rows, {card.id for card in edited})
                restored += given_back
                spared += len(edited)
                sight = rights.contact_sight(actor)
                names += [(card.id, card.name) for card in edited if sight.has(card.owner_id, card.manager_id)]
            progress(restored + spared)


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
                await _beat(connection, self.id, "writing")
                some, wanted = wanted[: self._batches.size], wanted[self._batches.size :]
                added = {key: lists[key] for key, _fields in some if key in lists}
                kept = await added_up(connection, self.id, dict(some), added) if added else dict(some)
                await overlay_changes.keep(connection, self.id, kept)
            self._beaten = time.monotonic()
        if time.monotonic() - self._beaten > _BEAT_SECONDS:  # only known and bad rows for a long time
            async with self._database.writing() as connection:
                await _beat(connection, self.id, "writing")
            self._beaten = time.monotonic()

    def _id(self, key: int) -> int:
        """Return the id of a contact of the book, or of the n-th new one."""
        return key if key >= 0 else self._made[-1 - key]

    async def add_companies(self, firms: Sequence[Company]) -> None:
        """Keep companies, which are made when the import is visible. Raises ConflictError as `add` does."""
        if firms:
            async with self._batches.writing(len(firms)) as connection:
                await _beat(connection, self.id, "writing")
                await import_companies.keep(connection, self.id, firms)

    async def _write(self) -> None:
        part = await self._named(self._rest[: self._batches.size])
        prepared = main_rows(part, self._database.fields)
        for values in prepared:  # the index's triggers need them while other writers wait
            tokens(values["search"])
        async with self._batches.writing(len(part)) as connection:
            await _beat(connection, self.id, "writing")
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
            await _beat(connection, self.id, "writing")
            await connection.execute(update(imports).where(imports.c.id == self.id).values(counts=dict(counts)))
            await _enter(connection, self.id, "applying")
            await tell(connection, [await _news("import.done", connection, self.id)])
        await self.apply(progress)

    async def apply(self, progress: Callable[[int], None] = lambda _done: None) -> None:
        """Write the visible changes to the cards, some at a time."""
        done = 0
        while True:
            async with self._batches.writing(self._batches.size) as connection:
                await _beat(connection, self.id, "applying")
                rows = await overlay_changes.left(connection, self.id, self._batches.size)
                if rows:
                    await overlay_changes.make(connection, rows, self._database.fields)
                    done += len(rows)
                    progress(done)
                elif not await import_companies.make(connection, self.id, self._batches.size):
                    await _enter(connection, self.id, "done")
                    return

    async def drop(self) -> None:
        """Drop the import: nothing of it stays."""
        async with self._database.writing() as connection:
            await _beat(connection, self.id, "writing")
            await _enter(connection, self.id, "dropping")
        await drop_rows(self._database, self.id, "dropping", "dropped")


async def drop_rows(
    database: Database, import_id: int, state: str, end: str, progress: Callable[[int], None] = lambda _done: None
) -> int:
    """Delete the hidden contacts of an import and its companies, if unused, then end the import. Return how many."""
    batches, deleted = BatchWriter(database), 0
    wanted = select(contacts.c.id, contacts.c.company_id).where(made_by(import_id)).order_by(contacts.c.id)
    while True:
        size = batches.size
        if database.is_sqlite:
            await _prepare_tokens(database, import_id, size)
        async with batches.writing(size) as connection:
            await _beat(connection, import_id, state)
            rows = (await connection.execute(wanted.limit(size))).all()
            if not rows and not await import_companies.give_back(connection, import_id, size):
                await connection.execute(delete(import_changes).where(import_changes.c.import_id == import_id))
                await _enter(connection, import_id, end)
                return deleted
            if not rows:
                continue
            await connection.execute(delete(contacts).where(contacts.c.id.in_([row.id for row in rows])))
            await number_ownership.forget(connection, [row.id for row in rows])
            await company_rows.drop_orphans(connection, {row.company_id for row in rows if row.company_id})
            deleted += len(rows)
        progress(deleted)


async def _prepare_tokens(database: Database, import_id: int, most: int) -> None:
    """Make the tokens of the next rows to delete: the index's triggers need them while other writers wait."""
    wanted = select(contacts.c.search).where(made_by(import_id)).order_by(contacts.c.id).limit(most)
    async with database.reading() as connection:
        for text in (await connection.execute(wanted)).scalars():
            tokens(text)


async def _spare(connection: AsyncConnection, import_id: int, actor: Actor) -> tuple[int, list[tuple[int, str]]]:
    """Remove new contacts that were edited since from the import. Return how many, and those that the actor may see."""
    own = and_(import_changes.c.import_id == import_id, import_changes.c.contact_id == contacts.c.id)
    expected = func.coalesce(select(import_changes.c.version).where(own).scalar_subquery(), 1)
    edited = and_(made_by(import_id), contacts.c.version != expected)
    named = select(contacts.c.id, contacts.c.name).where(edited, seen_by(actor)).order_by(contacts.c.id)
    names = [(row.id, row.name) for row in await connection.execute(named.limit(_NAMED))]
    ids = (await connection.execute(update(contacts).where(edited).values(import_id=0).returning(contacts.c.id))).all()
    for part in in_parts([row.id for row in ids]):
        await overlay_changes.forget(connection, import_id, part)
    return len(ids), names


async def _news(kind: str, connection: AsyncConnection, import_id: int) -> News:
    """Return the event of an import, with the range of ids that has its contacts, and perhaps others."""
    span = select(func.min(contacts.c.id), func.max(contacts.c.id)).where(made_by(import_id))
    first, last = (await connection.execute(span)).one()
    row = await _row(connection, import_id)
    owner_id = row.actor_id if row.visibility == "personal" else 0
    return News(kind, str(import_id), {"first": first, "last": last, "owner_id": owner_id, **row.counts})


async def _row(connection: AsyncConnection, import_id: int) -> Row[Any]:
    wanted = select(imports).where(imports.c.id.in_(possible([import_id])))
    row = (await connection.execute(wanted)).first()
    if row is None:
        raise NotFoundError(_("there is no import {id}").format(id=import_id))
    return row


async def _enter(connection: AsyncConnection, import_id: int, state: str) -> None:
    values = {"state": state, "beat": datetime.now(UTC)}
    await connection.execute(update(imports).where(imports.c.id == import_id).values(values))


async def _beat(connection: AsyncConnection, import_id: int, state: str) -> None:
    """Renew the import's beat. Raises ConflictError if it is no longer in this state."""
    mine = and_(imports.c.id == import_id, imports.c.state == state)
    if (await connection.execute(update(imports).where(mine).values(beat=datetime.now(UTC)))).rowcount != 1:
        raise ConflictError(_("import {id} was given up meanwhile, or is brought to its end").format(id=import_id))


def _why_not_undone(state: str) -> str:
    if state == "undone":
        return _("import {id} was undone already")
    if state == "undoing":
        return _("import {id} is being undone")
    if state in {"dropping", "dropped"}:
        return _("import {id} was broken off: nothing came of it")
    return _("import {id} is still under way")
