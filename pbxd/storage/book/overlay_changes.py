"""Changes of imports to existing cards: keep them in the overlay, write them to the cards, undo them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Row, and_, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.actor import Actor
from pbxd.book.contacts import Contact, ContactChanges, ContactDraft
from pbxd.book.fields import Fields
from pbxd.storage.access.employee_ids import changes_with_ids
from pbxd.storage.book import changes as changes_of
from pbxd.storage.book import company_rows
from pbxd.storage.book.card_json import changes_json, draft_json, draft_of
from pbxd.storage.book.card_news import change_news
from pbxd.storage.book.card_updates import update_cards
from pbxd.storage.book.cards import cards, named_now
from pbxd.storage.book.overlay import becomes, edited, importer, waiting
from pbxd.storage.engine.database import possible
from pbxd.storage.engine.feed import tell
from pbxd.storage.tables import contacts, import_changes

_MADE = (
    update(import_changes)
    .where(import_changes.c.import_id == bindparam("of_import"))
    .where(import_changes.c.contact_id == bindparam("of_contact"))
)
_LEFT = waiting(import_changes.c.import_id == bindparam("of_import")).limit(bindparam("most"))


async def keep(connection: AsyncConnection, import_id: int, changes: Mapping[int, ContactChanges]) -> None:
    """Store changes by contact id. Of two changes of a field the later one wins."""
    mine = import_changes.c.import_id == import_id
    wanted = select(import_changes).where(mine, import_changes.c.contact_id.in_(changes))
    kept = {row.contact_id: row.changes for row in await connection.execute(wanted)}
    if kept:
        await forget(connection, import_id, list(kept))
    named = zip(changes, await changes_with_ids(connection, list(changes.values())), strict=True)
    rows = [
        {"import_id": import_id, "contact_id": key, "changes": kept.get(key, {}) | changes_json(change)}
        for key, change in named
    ]
    await connection.execute(insert(import_changes), rows)


async def forget(connection: AsyncConnection, import_id: int, ids: Sequence[int]) -> None:
    """Remove an import's changes of these contacts."""
    mine = and_(import_changes.c.import_id == import_id, import_changes.c.contact_id.in_(ids))
    await connection.execute(delete(import_changes).where(mine))


async def left(connection: AsyncConnection, import_id: int, most: int) -> Sequence[Row[Any]]:
    """Return the next changes of an import that wait to be written."""
    rows: Sequence[Row[Any]] = (await connection.execute(_LEFT, {"of_import": import_id, "most": most})).all()
    return rows


async def make(connection: AsyncConnection, rows: Sequence[Row[Any]], fields: Fields) -> None:
    """Write changes of one import to the cards.

    Changes of contacts that are gone or belong to somebody else now are dropped.
    """
    there = {card.id: card for card in await cards(connection, [row.contact_id for row in rows], staged=True)}
    after = _becoming(there, rows)
    await _write(connection, there, after, importer(rows[0]), fields)
    done = [
        {
            "of_import": row.import_id,
            "of_contact": row.contact_id,
            "version": there[row.contact_id].version + (row.contact_id in after) if row.contact_id in there else 0,
            "before": draft_json(draft_of(there[row.contact_id])) if row.contact_id in after else None,
        }
        for row in rows
    ]
    await connection.execute(_MADE, done)


async def give_back(connection: AsyncConnection, rows: Sequence[Row[Any]], fields: Fields) -> tuple[int, list[Contact]]:
    """Undo changes of one import. Return how many, and the cards that were spared because they were edited since."""
    there = {card.id: card for card in await cards(connection, [row.contact_id for row in rows], staged=True)}
    before = _becoming(there, rows)
    await _write(connection, there, before, importer(rows[0]), fields)
    changed = [change_news(there[key], edited(there[key], draft)) for key, draft in before.items()]
    await tell(connection, [piece for news in changed for piece in news])
    await forget(connection, rows[0].import_id, [row.contact_id for row in rows])
    return len(before), [card for key, card in there.items() if key not in before]


async def settle(connection: AsyncConnection, contact_id: int, fields: Fields) -> None:
    """Write the waiting changes of one contact before somebody edits it."""
    mine = waiting(import_changes.c.contact_id.in_(possible([contact_id])))
    for row in (await connection.execute(mine)).all():
        work = make if row.state == "applying" else give_back
        await work(connection, [row], fields)


async def unsettled(connection: AsyncConnection, ids: Collection[int]) -> list[int]:
    """Return those of these contacts that have changes of imports waiting."""
    rows = (await connection.execute(waiting(import_changes.c.contact_id.in_(possible(ids))))).all()
    return list(dict.fromkeys(row.contact_id for row in rows))


async def company_ids(connection: AsyncConnection, ids: Collection[int]) -> Sequence[int]:
    """Return the companies of these contacts; the next changes may leave them without contacts."""
    wanted = select(contacts.c.company_id).distinct().where(contacts.c.id.in_(ids), contacts.c.company_id.is_not(None))
    return (await connection.execute(wanted)).scalars().all()


def _becoming(there: Mapping[int, Contact], rows: Sequence[Row[Any]]) -> dict[int, ContactDraft]:
    """Return the cards that the rows change, as they will be."""
    found = ((row.contact_id, becomes(there[row.contact_id], row)) for row in rows if row.contact_id in there)
    return {key: draft for key, draft in found if draft}


async def _write(
    connection: AsyncConnection,
    there: Mapping[int, Contact],
    drafts: Mapping[int, ContactDraft],
    actor: Actor,
    fields: Fields,
) -> None:
    """Write drafts to their cards, and to the history; drop companies that lose their last contact."""
    leaving = [key for key, draft in drafts.items() if draft.company != there[key].company]
    firms = await company_ids(connection, leaving) if leaving else []
    written = await update_cards(connection, there, drafts, fields)
    after = await connection.run_sync(named_now, written)
    await changes_of.record(connection, [(there[card.id], card) for card in after], actor)
    await company_rows.drop_orphans(connection, firms)
