"""An index to count each employee's clients by, so that the page of the staff reads no cards."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text("manager_id > 0")
    op.create_index(
        "ix_contacts_managed",
        "contacts",
        ["manager_id", "owner_id", "import_id"],
        sqlite_where=where,
        postgresql_where=where,
    )
