"""Build the search texts and the full-text index again: after an upgrade that changed them or rebuilt the table.

Both follow from the cards. Revisions do not change them, so that no revision needs the code that makes them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator

from sqlalchemy import Connection, Row, Table, bindparam, func, select, update

from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.book.fields import Fields
from pbxd.storage.search import fulltext
from pbxd.storage.search.search_text import found_by
from pbxd.storage.tables import companies, contact_emails, contact_numbers, contact_tags, contacts

_CHUNK = 5_000  # cards
_MARKED = {"name", "manager_id", "vip"}  # what filters compare exactly, and what a draft must have


def rebuild(
    connection: Connection, fields: Fields, progress: Callable[[int, int], None] = lambda _done, _total: None
) -> None:
    """Write the search text of every card, and build the full-text index again.

    `progress` is called with the number of cards done so far, and of all.
    """
    fulltext.drop(connection)
    done, total = 0, connection.execute(select(func.count()).select_from(contacts)).scalar_one()
    one = update(contacts).where(contacts.c.id == bindparam("card")).values(search=bindparam("text"))
    for cards in _cards(connection, fields):
        connection.execute(one, [{"card": key, "text": found_by(card, fields)} for key, card in cards])
        done += len(cards)
        progress(done, total)
    fulltext.make(connection)
    fulltext.fill(connection)


def _cards(connection: Connection, fields: Fields) -> Iterator[list[tuple[int, ContactDraft]]]:
    """Yield the cards in chunks, each with its search text."""
    columns = sorted({field.name for field in fields.searchable if field.stored == "column"} | _MARKED)
    listed = (
        select(contacts.c.id, contacts.c.extra, *(contacts.c[name] for name in columns))
        .add_columns(companies.c.name.label("company"))
        .outerjoin(companies, companies.c.id == contacts.c.company_id)
        .where(contacts.c.id > bindparam("last"))
        .order_by(contacts.c.id)
        .limit(_CHUNK)
    )
    last = 0
    while rows := connection.execute(listed, {"last": last}).all():
        first, last = rows[0].id, rows[-1].id
        numbers, emails, tags = (
            _parts(connection, table, first, last) for table in (contact_numbers, contact_emails, contact_tags)
        )
        yield [
            (
                row.id,
                ContactDraft(
                    **{name: getattr(row, name) for name in columns},
                    company=row.company or "",
                    numbers=tuple(
                        ContactNumber(part.number, extension=part.extension, main=part.main) for part in numbers[row.id]
                    ),
                    emails=tuple(part.email for part in emails[row.id]),
                    tags=tuple(part.tag for part in tags[row.id]),
                    extra=row.extra or {},
                ),
            )
            for row in rows
        ]


def _parts(
    connection: Connection, table: Table, first: int, last: int
) -> defaultdict[int, list[Row[tuple[object, ...]]]]:
    found: defaultdict[int, list[Row[tuple[object, ...]]]] = defaultdict(list)
    within = table.c.contact_id.between(first, last)
    for row in connection.execute(select(table).where(within).order_by(table.c.contact_id, table.c.place)):
        found[row.contact_id].append(row)
    return found
