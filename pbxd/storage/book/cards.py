"""Contacts as rows: read a card from its tables, and write it to them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from datetime import UTC, datetime
from operator import attrgetter, itemgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    Text,
    bindparam,
    column,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.actor import Actor
from pbxd.book.contacts import Contact, ContactDraft, ContactNumber, Listing
from pbxd.book.fields import BUILT_IN, Fields
from pbxd.book.texts import folded
from pbxd.storage.access.employee_ids import Person, people
from pbxd.storage.book import company_rows as company_cards
from pbxd.storage.book import number_ownership, overlay
from pbxd.storage.engine.database import in_parts, in_steps, possible
from pbxd.storage.search.search_text import found_by
from pbxd.storage.search.visibility import shown
from pbxd.storage.tables import companies, contact_emails, contact_numbers, contact_tags, contacts, employees

PARTS = {"numbers": contact_numbers, "emails": contact_emails, "tags": contact_tags}
_OWN = (
    *(field.name for field in BUILT_IN if field.stored == "column"),
    *(f"{field.name}_id" for field in BUILT_IN if field.stored == "employee"),
)
_own_values = attrgetter(*_OWN)
_NAMED_BY_IDS = ("manager", "manager_name", "owner", "created_by", "created_by_name")  # present names of employees
_READ = tuple(field.name for field in dataclass_fields(Contact) if field.name not in {*PARTS, *_NAMED_BY_IDS})
_COMPANY, _EXTRA = _READ.index("company"), _READ.index("extra")
# What was read and collected, in the order of a contact's fields: by position a card takes half the time that it takes
# by name, and an export reads many.
_in_order = itemgetter(*((*_READ, *_NAMED_BY_IDS, *PARTS).index(field.name) for field in dataclass_fields(Contact)))
_LISTED: Select[Any] = (
    select(
        *(contacts.c[name] for name in ("id", "name", "company_id", "manager_id", "vip", "owner_id")),
        *(contact_numbers.c[name] for name in ("number", "main")),
    )
    .select_from(contacts.outerjoin(contact_numbers, contact_numbers.c.contact_id == contacts.c.id))
    .where(shown())
    .order_by(contacts.c.id, contact_numbers.c.place)
)
# Statements built once: building one takes longer than SQLite needs to run it.
# One parameter on SQLite: SQLAlchemy needs longer to name five hundred than SQLite to find the rows.
_LISTED_IDS: dict[str, Any] = {
    "sqlite": select(func.json_each(bindparam("ids", type_=Text)).table_valued("value").c.value),
    "postgresql": bindparam("ids", expanding=True),
}
_PARTS_OF = {
    (dialect, table): select(*(each for each in table.c if each.name != "folded"))
    .where(table.c.contact_id.in_(listed))
    .order_by(table.c.contact_id, table.c.place)
    for dialect, listed in _LISTED_IDS.items()
    for table in PARTS.values()
}
_manager, _owner, _creator = (employees.alias(name) for name in ("manager", "owner", "creator"))
_WRITTEN: Select[Any] = (
    select(
        *(companies.c.name if name == "company" else contacts.c[name] for name in _READ),
        *(_manager.c.extension, _manager.c.name, _manager.c.pbx_name, _owner.c.extension),
        *(_creator.c.extension, _creator.c.name, _creator.c.pbx_name),
    )
    .select_from(contacts)
    .outerjoin(companies, contacts.c.company_id == companies.c.id)
    .outerjoin(_manager, contacts.c.manager_id == _manager.c.id)
    .outerjoin(_owner, contacts.c.owner_id == _owner.c.id)
    .outerjoin(_creator, contacts.c.created_by_id == _creator.c.id)
)
_WRITTEN_OF = {dialect: _WRITTEN.where(contacts.c.id.in_(listed)) for dialect, listed in _LISTED_IDS.items()}
_SHOWN_OF = {dialect: written.where(shown()) for dialect, written in _WRITTEN_OF.items()}
_Parts = dict[Table, defaultdict[int, list[Any]]]  # rows of each table by contact, in the card's order


async def cards(connection: AsyncConnection, ids: Collection[int], *, staged: bool = False) -> list[Contact]:
    """Call `read_cards`."""
    return await connection.run_sync(read_cards, ids, staged=staged)


def read_cards(connection: Connection, ids: Collection[int], *, staged: bool = False) -> list[Contact]:
    """Return the existing contacts with these ids, in their order, without regard to who may see them.

    Contacts of an unfinished import are left out, and the overlay is applied, unless `staged` asks for cards as they
    are written.
    """
    found: dict[int, Contact] = {}
    dialect = connection.dialect.name
    wanted = _WRITTEN_OF[dialect] if staged else _SHOWN_OF[dialect]
    for group in in_parts(possible(ids)):
        asked = {"ids": json.dumps(group) if dialect == "sqlite" else group}
        parts = _no_parts()
        for table in PARTS.values():
            _collect(parts, table, connection.execute(_PARTS_OF[dialect, table], asked).all())
        rows = connection.execute(wanted, asked).all()
        read = {row[0]: _card(row, parts) for row in rows}
        found |= read if staged else _overlaid(connection, read)
    return [found[contact_id] for contact_id in ids if contact_id in found]


async def listings(
    connection: AsyncConnection, company_names: Mapping[int, str], *conditions: ColumnElement[bool], step: int = 500
) -> AsyncIterator[list[Listing]]:
    """Yield all contacts by id, `step` numbers at a time, with only what look-ups need.

    Contacts in the overlay come again at the end, with its changes.
    """
    own: Sequence[Any] = ()
    numbers: list[str] = []
    async for rows in in_steps(connection, _LISTED.where(*conditions), step):
        found: list[Listing] = []
        for *mine, number, main in map(tuple, rows):
            if own and mine[0] != own[0]:
                found.append(_listing(own, numbers, company_names))
                numbers = []
            own = mine
            if number is not None:
                numbers.insert(0 if main else len(numbers), number)
        yield found
    if own:
        yield [_listing(own, numbers, company_names)]
    changing = (await connection.execute(overlay.contact_ids(*conditions))).scalars().all()
    for part in in_parts(changing):
        yield [Listing.of(card) for card in await cards(connection, part)]


def main_rows(drafts: Iterable[ContactDraft], fields: Fields) -> list[dict[str, Any]]:
    """Prepare the rows for `insert_cards`: the slowest part, so do it before the writing transaction."""
    return [main_values(draft, fields) for draft in drafts]


async def insert_cards(
    connection: AsyncConnection,
    drafts: Sequence[ContactDraft],
    actor: Actor,
    *,
    prepared: Sequence[dict[str, Any]],
    fields: Fields,
    import_id: int = 0,
) -> list[int]:
    """Write new contacts and return their ids in order. `prepared`: their `main_rows`, made anew for another spelling.

    The drafts are checked and `with_ids`, in this transaction; the actor is known.
    """
    names = [draft.company for draft in drafts]
    firms = await company_cards.made_by_name(connection, names, quiet=bool(import_id))
    now = datetime.now(UTC)
    fresh = {"created_by_id": actor.employee or 0, "version": 1, "created": now, "changed": now, "import_id": import_id}
    rows = [
        _at_company(values, draft, firms, fields) | fresh | {"manager": draft.manager}
        for values, draft in zip(prepared, drafts, strict=True)
    ]
    ids = await _insert_main(connection, rows)
    made = dict(zip(ids, drafts, strict=True))
    for table in PARTS.values():
        await insert_rows(connection, table, made)
    numbers = {contact_id: [each.number for each in draft.numbers] for contact_id, draft in made.items()}
    await number_ownership.note_new(connection, numbers)
    return ids


def _at_company(
    values: dict[str, Any], draft: ContactDraft, firms: Mapping[str, company_cards.Named], fields: Fields
) -> dict[str, Any]:
    """Return a row of `main_rows` with its company, made anew if that is spelled in another way."""
    company = firms.get(values["company_folded"])
    if company and folded(company.name) != values["company_folded"]:
        values = main_values(replace(draft, company=company.name), fields)
    return values | {"company_id": company.id if company else None}


async def _insert_main(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> list[int]:
    """Write the rows and return their ids in order.

    On SQLite the ids are chosen here: to get them in order, SQLAlchemy would write row by row, each with a round trip
    to the driver's thread while other writers wait. Nobody else writes meanwhile, so no id is used twice.
    RETURNING makes one statement of all rows. The full-text index writes and merges its tokens after each statement,
    which for single rows takes longer than everything else.
    """
    if connection.dialect.name != "sqlite":
        made = await connection.execute(insert(contacts).returning(contacts.c.id, sort_by_parameter_order=True), rows)
        return list(made.scalars().all())
    given: Select[Any] = (
        select(func.max(column("seq"))).select_from(text("sqlite_sequence")).where(column("name") == contacts.name)
    )
    last = await connection.execute(given.union_all(select(func.max(contacts.c.id))))  # a rebuilt table counts anew
    first = max(seen or 0 for seen in last.scalars()) + 1
    given_ids = [row | {"id": first + place} for place, row in enumerate(rows)]
    await connection.execute(insert(contacts).returning(contacts.c.id), given_ids)
    return list(range(first, first + len(rows)))


async def find_by_new_company(connection: AsyncConnection, company_id: int, fields: Fields) -> None:
    """Update the search texts of a renamed company's contacts."""
    people = (
        (await connection.execute(select(contacts.c.id).where(contacts.c.company_id == company_id))).scalars().all()
    )
    one = update(contacts).where(contacts.c.id == bindparam("which"))
    one = one.values(
        search=bindparam("now_found_by"), company_folded=bindparam("now_sorted_by"), changed=datetime.now(UTC)
    )
    for part in in_parts(people):
        rows = [
            {"which": card.id, "now_found_by": found_by(card, fields), "now_sorted_by": folded(card.company)}
            for card in await cards(connection, part, staged=True)
        ]
        await connection.execute(one, rows)


def main_values(draft: ContactDraft | Contact, fields: Fields) -> dict[str, Any]:
    """Return a card's columns, including those for search and sorting."""
    return {**plain_values(draft), "search": found_by(draft, fields)}


def plain_values(draft: ContactDraft | Contact) -> dict[str, Any]:
    """Return a card's columns without the search text, which takes longest."""
    return {
        **dict(zip(_OWN, _own_values(draft), strict=True)),
        "manager": draft.manager,
        "extra": dict(draft.extra) or None,
        "folded": folded(draft.name),
        "company_folded": folded(draft.company),
        "position_folded": folded(draft.position),
        "main_number": next((number.number for number in draft.numbers if number.main), ""),
    }


async def insert_rows(connection: AsyncConnection, table: Table, drafts: Mapping[int, ContactDraft]) -> None:
    """Write the rows that new or emptied cards have in one of the tables of `PARTS`."""
    values_of = _VALUES_OF[table]
    rows = [
        {"contact_id": contact_id, "place": place, **values}
        for contact_id, draft in drafts.items()
        for place, values in enumerate(values_of(draft))
    ]
    if rows:
        await connection.execute(insert(table), rows)


def _numbers(draft: ContactDraft) -> list[dict[str, Any]]:
    return [
        {
            "number": number.number,
            "typed": number.typed,
            "extension": number.extension,
            "label": number.label,
            "main": number.main,
        }
        for number in draft.numbers
    ]


def _emails(draft: ContactDraft) -> list[dict[str, Any]]:
    return [{"email": email, "folded": folded(email)} for email in draft.emails]


def _tags(draft: ContactDraft) -> list[dict[str, Any]]:
    return [{"tag": tag, "folded": folded(tag)} for tag in draft.tags]


_VALUES_OF: dict[Table, Callable[[ContactDraft], list[dict[str, Any]]]] = {
    contact_numbers: _numbers,
    contact_emails: _emails,
    contact_tags: _tags,
}


def _listing(own: Sequence[Any], numbers: list[str], company_names: Mapping[int, str]) -> Listing:
    contact_id, name, company_id, manager_id, vip, owner_id = own
    company = company_names.get(company_id, "")
    return Listing(
        contact_id, name, company, manager_id, vip, owner_id or None, tuple(numbers)
    )  # an owner: CHECK visibility


def _overlaid(connection: Connection, read: Mapping[int, Contact]) -> dict[int, Contact]:
    """Return the cards with the changes of imports; those that have another manager or owner name them as of now."""
    found = overlay.seen(connection, read)
    changed = [card for key, card in found.items() if card is not read[key]]
    return found | {card.id: card for card in named_now(connection, changed)}


def named_now(connection: Connection, changed: Collection[Contact]) -> list[Contact]:
    """Return changed cards that name their managers and owners, known by id, as of now."""
    there = people(connection, {key for card in changed for key in (card.manager_id, card.owner_id)})
    nobody = Person("", "")
    found: list[Contact] = []
    for card in changed:
        manager = there.get(card.manager_id, nobody)
        names = manager.extension, manager.name, there.get(card.owner_id, nobody).extension
        if names != (card.manager, card.manager_name, card.owner):
            card = replace(card, manager=names[0], manager_name=names[1], owner=names[2])  # noqa: PLW2901 - the same
        found.append(card)
    return found


def _no_parts() -> _Parts:
    return {table: defaultdict(list) for table in PARTS.values()}


def _collect(parts: _Parts, table: Table, rows: Sequence[Sequence[Any]]) -> None:
    # Read rows by position, here and below: by name takes four times as long, and there are many.
    mine = parts[table]
    if table is contact_numbers:
        for contact_id, _place, *values in rows:
            mine[contact_id].append(ContactNumber(*values))
    else:
        for contact_id, _place, word in rows:
            mine[contact_id].append(word)


def _card(row: Sequence[Any], parts: _Parts) -> Contact:
    *own, manager, listed_name, pbx_name, owner, creator, creator_name, creator_pbx_name = row
    own[_COMPANY] = own[_COMPANY] or ""
    own[_EXTRA] = own[_EXTRA] or {}
    named = (
        manager or "",
        listed_name or pbx_name or "",
        owner or "",
        creator or "",
        creator_name or creator_pbx_name or "",
    )
    lists = [tuple(mine.get(own[0], ())) for mine in parts.values()]
    return Contact(*_in_order((*own, *named, *lists)))
