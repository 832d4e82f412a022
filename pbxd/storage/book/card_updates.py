"""Write changed cards: many of them in a few statements, and only what differs."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Text, Update, bindparam, delete, func, type_coerce, update
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.book.contacts import Contact, ContactDraft
from pbxd.book.fields import Fields
from pbxd.book.texts import folded
from pbxd.storage.access.employee_ids import with_ids
from pbxd.storage.book import company_rows, number_ownership
from pbxd.storage.book.cards import PARTS, insert_rows, plain_values
from pbxd.storage.book.overlay import edited
from pbxd.storage.engine.database import in_parts
from pbxd.storage.search.search_text import found_by
from pbxd.storage.tables import contacts

# SQLite: all new search texts in one statement. The full-text index writes what it has gathered before each statement,
# which for single rows takes longer than everything else.
_listed = func.json_each(bindparam("listed", type_=Text)).table_valued("value")
_SEARCH_TEXTS = (
    update(contacts)
    .where(contacts.c.id == func.json_extract(_listed.c.value, "$[0]"))
    .values(search=type_coerce(func.json_extract(_listed.c.value, "$[1]"), contacts.c.search.type))
)


async def update_cards(
    connection: AsyncConnection, before: Mapping[int, Contact], drafts: Mapping[int, ContactDraft], fields: Fields
) -> list[Contact]:
    """Write changed contacts, each with the next version; return them. `before`: their cards as they are written now.

    The returned cards name employees by id alone.
    """
    if not drafts:
        return []
    after = dict(zip(drafts, await with_ids(connection, list(drafts.values())), strict=True))
    after = await _update_main(connection, before, after, fields)
    for name, table in PARTS.items():
        theirs = {key: draft for key, draft in after.items() if getattr(draft, name) != getattr(before[key], name)}
        for part in in_parts(theirs):
            await connection.execute(delete(table).where(table.c.contact_id.in_(part)))
        await insert_rows(connection, table, theirs)
        if name == "numbers":
            await number_ownership.note(connection, list(theirs))
    return [edited(before[key], draft) for key, draft in after.items()]


async def _update_main(
    connection: AsyncConnection, before: Mapping[int, Contact], after: Mapping[int, ContactDraft], fields: Fields
) -> dict[int, ContactDraft]:
    """Update the table of contacts. Return the drafts with their companies as these are spelled."""
    moved = [draft.company for key, draft in after.items() if draft.company != before[key].company]
    firms = await company_rows.made_by_name(connection, moved) if moved else {}
    written: dict[int, ContactDraft] = {}
    now = datetime.now(UTC)
    alike: defaultdict[frozenset[str], list[dict[str, Any]]] = defaultdict(list)  # by the columns that differ
    searched: list[tuple[int, str]] = []
    for key, draft in after.items():
        old = plain_values(before[key])
        company = firms.get(folded(draft.company)) if draft.company != before[key].company else None
        spelled = written[key] = replace(draft, company=company.name) if company else draft
        differing = {name: value for name, value in plain_values(spelled).items() if value != old[name]}
        if "company_folded" in differing:
            differing["company_id"] = company.id if company else None
        search = found_by(spelled, fields)
        if connection.dialect.name == "sqlite":
            searched.append((key, search))
        else:
            differing["search"] = search
        row = {f"new_{name}": value for name, value in differing.items()}
        alike[frozenset(differing)].append({"which": key, "now": now, **row})
    for names, rows in alike.items():
        await connection.execute(_update_of(names), rows)
    if searched:
        await connection.execute(_SEARCH_TEXTS, {"listed": json.dumps(searched, ensure_ascii=False)})
    return written


@lru_cache(maxsize=100)
def _update_of(names: frozenset[str]) -> Update:
    values = {name: bindparam(f"new_{name}", type_=contacts.c[name].type) for name in names}
    one = update(contacts).where(contacts.c.id == bindparam("which"))
    return one.values(**values, changed=bindparam("now"), version=contacts.c.version + 1)
