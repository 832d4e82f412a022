"""Rows of one file about one contact: what they list adds up."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, cast

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.book.contact_merging import LISTS, united
from pbxd.book.contacts import ContactChanges
from pbxd.book.field_kinds import checked_value
from pbxd.book.fields import BUILT_IN
from pbxd.book.texts import EMAILS_LIMIT
from pbxd.errors import InvalidInputError
from pbxd.storage.book.card_json import changes_from
from pbxd.storage.book.cards import cards
from pbxd.storage.tables import import_changes


async def added_up(
    connection: AsyncConnection,
    import_id: int,
    changes: Mapping[int, ContactChanges],
    adding: Mapping[int, Collection[str]],
) -> dict[int, ContactChanges]:
    """Return the changes with the lists of `adding` added to what the contact has.

    That is what earlier rows of the import changed, else what the card has.
    """
    mine = import_changes.c.import_id == import_id
    wanted = select(import_changes.c.contact_id, import_changes.c.changes).where(mine)
    kept = {
        row.contact_id: changes_from(row.changes)
        for row in await connection.execute(wanted.where(import_changes.c.contact_id.in_(adding)))
    }
    there = {card.id: card for card in await cards(connection, list(adding), staged=True)}
    found = dict(changes)
    for key, names in adding.items():
        if key not in there:
            continue
        earlier: Mapping[str, Any] = kept.get(key, {})
        base = {name: earlier.get(name, getattr(there[key], name)) for name in names}
        found[key] = _bounded(united(cast("ContactChanges", base), changes[key]))
    return found


def _bounded(changes: ContactChanges) -> ContactChanges:
    """Return the changes with the first entries of lists that became longer than a contact's may be."""
    values = cast("dict[str, Any]", changes)
    for name in LISTS:
        try:
            checked_value(name, BUILT_IN[name].kind, values.get(name, ()))
        except InvalidInputError:
            values[name] = values[name][:EMAILS_LIMIT]
    return changes
