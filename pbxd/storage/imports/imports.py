"""Imports of contacts: written a few rows at a time, visible all at once, and undone in the same way.

States: `writing` → (`applying` → ) `done` → `undoing` → `undone`, or `writing` → `dropping` → `dropped`. New contacts
are hidden (`search.visibility`) while `writing` and again from `undoing` on. Changes of existing contacts are in the
overlay meanwhile. They are visible from `applying` on and are then written to the cards, some at a time: from there on
an import can only be completed. A process that works at an import renews its `beat`; `clean` drops or completes imports
without a recent one. An uploaded import is `checking` → `checked` before, or `refused`: see `uploaded`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import and_, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd import rights
from pbxd.actor import Actor
from pbxd.book.contacts import Listing
from pbxd.errors import ConflictError, UnavailableError
from pbxd.i18n import _
from pbxd.storage.access.employee_ids import known, known_author
from pbxd.storage.book import overlay_changes
from pbxd.storage.book.cards import listings
from pbxd.storage.book.overlay import importer
from pbxd.storage.engine.batches import BatchWriter
from pbxd.storage.engine.database import Database, in_parts, in_steps
from pbxd.storage.engine.feed import tell
from pbxd.storage.engine.progress import Report, silent
from pbxd.storage.imports import uploaded
from pbxd.storage.imports.order import expect_restored, later_import
from pbxd.storage.imports.states import beat, enter, import_row, news
from pbxd.storage.imports.writing import Writing, drop_rows
from pbxd.storage.search.filters import seen_by
from pbxd.storage.search.visibility import UNFINISHED, made_by
from pbxd.storage.tables import companies, contacts, employees, import_changes, imports

ABANDONED_SECONDS = 60.0  # without a beat: the process is gone
_BEAT_SECONDS = 10.0  # longest time between two beats
_TURN_SECONDS = 0.5  # between two checks whether another import is done
_LOOKED_UP = 100  # rows read at once for the daemon's index: it serves look-ups meanwhile
_NAMED = 100  # names of spared contacts, at most


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo did. `spared`: contacts edited since, with the names that the actor may see."""

    deleted: int
    restored: int
    spared: int
    names: tuple[tuple[int, str], ...]


async def refuse_under_way(database: Database) -> None:
    """Raise ConflictError while somebody writes an import."""
    fresh = imports.c.beat >= datetime.now(UTC) - timedelta(seconds=ABANDONED_SECONDS)
    wanted = select(imports.c.id).where(imports.c.state.in_(("writing", "applying")), fresh)
    async with database.reading() as connection:
        if (under_way := (await connection.execute(wanted.limit(1))).scalar()) is not None:
            raise ConflictError(_("import {id} is under way").format(id=under_way))


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

    async def undo(self, import_id: int, *, actor: Actor, progress: Report = silent) -> Undone:
        """Undo a whole import, except contacts edited since.

        Raises NotFoundError, RefusedError for anybody but who imported and administrators, ConflictError unless it is
        done, and while a later import that changed the same contacts is there.
        """
        async with self._database.reading() as connection:
            later = await later_import(connection, import_id)
        async with self._database.writing() as connection:
            row = await import_row(connection, import_id)
            actor = await connection.run_sync(known, actor)
            rights.check_undo(actor, row.actor_id)
            if row.state != "done":
                raise ConflictError(_why_not_undone(row.state).format(id=import_id))
            if later:
                message = _("import {later} changed the same contacts after import {id}: undo {later} first")
                raise ConflictError(message.format(id=import_id, later=later))
            spared, names = await _spare(connection, import_id, actor)
            await enter(connection, import_id, "undoing")
            await tell(connection, [await news("import.undone", connection, import_id)])
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
            await enter(connection, row.id, state)
            return row.id, importer(row), state

    async def _restore(
        self, import_id: int, actor: Actor, progress: Callable[[int], None] = lambda _done: None
    ) -> tuple[int, list[tuple[int, str]], int]:
        """Undo the changes of contacts. Return how many, and which were spared because they were edited since."""
        batches, restored, spared, names = BatchWriter(self._database), 0, 0, list[tuple[int, str]]()
        while True:
            async with batches.writing(batches.size) as connection:
                await beat(connection, import_id, "undoing")
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


def _why_not_undone(state: str) -> str:
    if state == "undone":
        return _("import {id} was undone already")
    if state == "undoing":
        return _("import {id} is being undone")
    if state in {"dropping", "dropped"}:
        return _("import {id} was broken off: nothing came of it")
    return _("import {id} is still under way")
