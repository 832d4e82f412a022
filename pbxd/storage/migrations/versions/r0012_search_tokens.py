"""What is typed often is a token of the full-text index by itself; sorted lists are walked without a look at cards."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pbxd.storage.search import fulltext

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
    if op.get_bind().dialect.name == "sqlite":
        for trigger in ("new", "gone", "changed"):
            op.execute(f"DROP TRIGGER contacts_found_{trigger}")
        op.execute("DROP TABLE contacts_found")
        fulltext.make(op.get_bind())
        op.execute(fulltext.REBUILD)
