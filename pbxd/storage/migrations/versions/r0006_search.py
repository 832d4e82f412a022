"""The full-text index of contacts, and what they are sorted by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.book.texts import folded
from pbxd.storage.search import fulltext
from pbxd.storage.search.search_text import found_by

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SORTED_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SORTED_BY = {
    "name": "folded", "company": "company_folded", "position": "position_folded", "number": "main_number",
    "manager": "manager", "vip": "vip", "changed": "changed",
}  # fmt: skip
CHUNK = 5_000  # cards


def upgrade() -> None:
    for name in ("company_folded", "position_folded", "main_number"):
        op.add_column("contacts", sa.Column(name, SORTED_TEXT, nullable=False, server_default=sa.text("''")))
    op.drop_index("ix_contacts_manager", "contacts")
    _fill(op.get_bind())
    shared = sa.text("owner = ''")
    for name, column in SORTED_BY.items():
        op.create_index(
            f"ix_contacts_by_{name}", "contacts", [column, "id"], sqlite_where=shared, postgresql_where=shared
        )
    fulltext.make(op.get_bind())
    if op.get_bind().dialect.name == "sqlite":
        op.execute(fulltext.REBUILD)


def _fill(connection: sa.Connection) -> None:
    """Write what every card is found and sorted by; today's code says what that is, a later change does it anew."""
    contacts = sa.table(
        "contacts", *map(sa.column, ("id", "search", "company_folded", "position_folded", "main_number"))
    )
    one = (
        sa.update(contacts)
        .where(contacts.c.id == sa.bindparam("which"))
        .values({name: sa.bindparam(name) for name in ("search", "company_folded", "position_folded", "main_number")})
    )
    for cards in _cards(connection):
        connection.execute(one, [{"which": key, **_values(card)} for key, card in cards])


def _values(card: ContactDraft) -> dict[str, str]:
    return {
        "search": found_by(card),
        "company_folded": folded(card.company),
        "position_folded": folded(card.position),
        "main_number": next((number.number for number in card.numbers if number.main), ""),
    }


def _cards(connection: sa.Connection) -> Iterator[list[tuple[int, ContactDraft]]]:
    last = 0
    listed = sa.text(
        "SELECT contacts.id, contacts.name, companies.name, position, manager, vip, comment"
        " FROM contacts LEFT JOIN companies ON companies.id = contacts.company_id"
        " WHERE contacts.id > :last ORDER BY contacts.id LIMIT :chunk"
    )
    while rows := connection.execute(listed, {"last": last, "chunk": CHUNK}).all():
        span = {"first": rows[0][0], "last": rows[-1][0]}
        numbers, emails, tags = (_parts(connection, *part, span) for part in (
            ("contact_numbers", "number, main"), ("contact_emails", "email"), ("contact_tags", "tag")
        ))  # fmt: skip
        yield [
            (
                key,
                ContactDraft(
                    name,
                    company or "",
                    position,
                    tuple(ContactNumber(number, main=bool(main)) for number, main in numbers[key]),
                    tuple(email for (email,) in emails[key]),
                    manager,
                    bool(vip),
                    comment,
                    tuple(tag for (tag,) in tags[key]),
                ),
            )
            for key, name, company, position, manager, vip, comment in rows
        ]
        last = rows[-1][0]


def _parts(
    connection: sa.Connection, table: str, columns: str, span: dict[str, int]
) -> defaultdict[int, list[Sequence[Any]]]:
    found: defaultdict[int, list[Sequence[Any]]] = defaultdict(list)
    wanted = f"SELECT contact_id, {columns} FROM {table} WHERE contact_id BETWEEN :first AND :last ORDER BY 1, place"  # noqa: S608 - our own names
    for key, *values in connection.execute(sa.text(wanted), span):
        found[key].append(values)
    return found
