"""Who had which number when. For existing cards: each number since the card was created."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "number_holdings",
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("contact_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("until", INSTANT),
        sa.PrimaryKeyConstraint("number", "contact_id", "since", name=op.f("pk_number_holdings")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_number_holdings_contact_id", "number_holdings", ["contact_id"])
    op.execute(
        "INSERT INTO number_holdings (number, contact_id, since) "
        "SELECT DISTINCT n.number, c.id, c.created FROM contacts c JOIN contact_numbers n ON n.contact_id = c.id"
    )
