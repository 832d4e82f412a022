"""The overlay: changes of an import that are visible before they are written to the cards.

An import that changes a hundred thousand cards cannot write them in one transaction: other writers would wait. So its
changes are stored in the overlay. Its state makes them visible in one moment (`applying`) or hides them (`undoing`).
Readers of a card apply the overlay, also if the process that was to write the card has died.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, exists, or_, select

from pbxd import rights
from pbxd.actor import Actor
from pbxd.book.company_names import company_key
from pbxd.book.contacts import ATTRIBUTES, Contact, ContactDraft, ContactNumber, checked_attributes, with_changes
from pbxd.storage.book.card_json import changes_from, draft_from, draft_of
from pbxd.storage.engine.database import in_parts
from pbxd.storage.tables import contacts, employees, import_changes, imports

_made = and_(imports.c.state == "applying", import_changes.c.version.is_(None))
_taken_back = and_(imports.c.state == "undoing", import_changes.c.before.is_not(None))

# Built once, and run first: there is rarely such a change.
_ANY = select(exists().where(imports.c.state.in_(("applying", "undoing"))))


def waiting(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Return the query for changes that wait to be written, earlier imports first."""
    joined = import_changes.join(imports, imports.c.id == import_changes.c.import_id)
    joined = joined.outerjoin(employees, employees.c.id == imports.c.actor_id)
    actor = employees.c.extension.label("actor")
    wanted = select(import_changes, imports.c.actor_id, actor, imports.c.state).select_from(joined)
    ordered = wanted.order_by(import_changes.c.import_id, import_changes.c.contact_id)
    return ordered.where(or_(_made, _taken_back), *conditions)


def contact_ids(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Return the query for contacts that match the conditions and have such changes."""
    joined = import_changes.join(imports, imports.c.id == import_changes.c.import_id)
    joined = joined.join(contacts, contacts.c.id == import_changes.c.contact_id)
    return select(contacts.c.id).distinct().select_from(joined).where(or_(_made, _taken_back), *conditions)


def becomes(card: Contact, row: Row[Any]) -> ContactDraft | None:
    """Return the card with a waiting change applied; None if it stays the same.

    A card that became another employee's personal contact, or was edited since an import that is undone, stays.
    """
    before = draft_of(card, manager="", owner="")
    if row.state == "undoing":
        return without_extensions(draft_from(row.before)) if card.version == row.version else None
    if not rights.sees(importer(row), card.owner_id):
        return None
    changes = changes_from(row.changes)
    after = checked_attributes(with_changes(before, changes), changes)
    if "company" in changes and company_key(after.company) == company_key(before.company):  # in another spelling
        after = replace(after, company=before.company)
    if "numbers" in changes and _untyped(after) == _untyped(before):  # the same numbers in another notation
        after = replace(after, numbers=before.numbers)
    return after if after != before else None


def importer(row: Row[Any]) -> Actor:
    """Return who asked for an import; the row has its `actor_id` and the extension they have now as `actor`."""
    if row.actor_id:
        return Actor.agent(row.actor or "", "import", row.actor_id)
    return Actor.administrator("import")


def without_extensions(draft: ContactDraft) -> ContactDraft:
    """Return a draft that names employees by their ids alone: their extensions may have passed since it was kept."""
    return replace(draft, manager="", owner="")


def seen(connection: Connection, found: Mapping[int, Contact]) -> dict[int, Contact]:
    """Return these cards with the overlay applied."""
    now = dict(found)
    if not connection.execute(_ANY).scalar_one():
        return now
    for part in in_parts(found):
        for row in connection.execute(waiting(import_changes.c.contact_id.in_(part))):
            card = now[row.contact_id]
            if draft := becomes(card, row):
                now[card.id] = edited(card, draft)
    return now


def edited(card: Contact, draft: ContactDraft) -> Contact:
    """Return the card after an edit that makes it what the draft says."""
    fields = {name: getattr(draft, name) for name in ATTRIBUTES}
    return replace(card, **fields, extra=draft.extra, version=card.version + 1)


def _untyped(draft: ContactDraft) -> list[ContactNumber]:
    return [replace(number, typed="") for number in draft.numbers]
