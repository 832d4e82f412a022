"""Sorted lists are read without the cards. The full-text index is made anew after the last revision."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SORTED_BY = {
    "name": "folded", "company": "company_folded", "position": "position_folded", "number": "main_number",
    "manager": "manager", "vip": "vip", "changed": "changed",
}  # fmt: skip


def upgrade() -> None:
    shared = sa.text("owner = ''")
    for name, column in SORTED_BY.items():
        index = f"ix_contacts_by_{name}"
        op.drop_index(index, "contacts")
        op.create_index(
            index, "contacts", [column, "id", "owner", "import_id"], sqlite_where=shared, postgresql_where=shared
        )
