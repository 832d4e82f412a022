"""Imports: the contacts that each one added, and its changes to others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("contacts", sa.Column("import_id", KEY, nullable=False, server_default="0"))
    imported = sa.text("import_id <> 0")
    op.create_index(
        "ix_contacts_import_id", "contacts", ["import_id", "id"], sqlite_where=imported, postgresql_where=imported
    )
    op.create_table(
        "imports",
        sa.Column("id", KEY, nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("visibility", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created", INSTANT, nullable=False),
        sa.Column("beat", INSTANT, nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "import_changes",
        sa.Column("import_id", KEY, nullable=False),
        sa.Column("contact_id", KEY, nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("before", sa.JSON()),
        sa.Column("version", sa.Integer()),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name=op.f("fk_import_changes_import_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("import_id", "contact_id", name=op.f("pk_import_changes")),
    )
