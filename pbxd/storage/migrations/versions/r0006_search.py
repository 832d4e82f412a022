"""What contacts are sorted by."""

from __future__ import annotations

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SORTED_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
SORTED_BY = {
    "name": "folded", "company": "company_folded", "position": "position_folded", "number": "main_number",
    "manager": "manager", "vip": "vip", "changed": "changed",
}  # fmt: skip
CHUNK = 5_000  # positions


def upgrade() -> None:
    """Add what cards are sorted by. The full-text index is made after the last revision: see `search.rebuild`."""
    for name in ("company_folded", "position_folded", "main_number"):
        op.add_column("contacts", sa.Column(name, SORTED_TEXT, nullable=False, server_default=sa.text("''")))
    op.drop_index("ix_contacts_manager", "contacts")
    _fill(op.get_bind())
    shared = sa.text("owner = ''")
    for name, column in SORTED_BY.items():
        op.create_index(
            f"ix_contacts_by_{name}", "contacts", [column, "id"], sqlite_where=shared, postgresql_where=shared
        )


def _fill(connection: sa.Connection) -> None:
    """Write what every card is sorted by."""
    op.execute(
        "UPDATE contacts SET"
        " company_folded = coalesce((SELECT folded FROM companies WHERE companies.id = contacts.company_id), ''),"
        " main_number = coalesce((SELECT number FROM contact_numbers"
        " WHERE contact_numbers.contact_id = contacts.id AND contact_numbers.main), '')"
    )
    positions = (
        connection.execute(sa.text("SELECT DISTINCT position FROM contacts WHERE position <> ''")).scalars().all()
    )
    known = sa.table("known_positions", sa.column("position"), sa.column("folded"))
    op.execute("CREATE TEMPORARY TABLE known_positions (position TEXT PRIMARY KEY, folded TEXT)")
    for start in range(0, len(positions), CHUNK):
        part = positions[start : start + CHUNK]
        connection.execute(sa.insert(known), [{"position": each, "folded": _folded(each)} for each in part])
    op.execute(
        "UPDATE contacts SET position_folded ="
        " (SELECT folded FROM known_positions WHERE known_positions.position = contacts.position)"
        " WHERE position <> ''"
    )
    op.execute("DROP TABLE known_positions")


def _folded(text: str) -> str:
    """Return the form in which texts are compared and sorted."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().replace("ё", "е").split())
