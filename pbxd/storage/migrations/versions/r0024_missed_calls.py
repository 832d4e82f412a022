"""Who missed which call, and when a user looked at the history last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "missed_calls",
        sa.Column("extension", sa.Text(), nullable=False),
        sa.Column("started", MOMENT, nullable=False),
        sa.Column("call_seq", KEY, nullable=False),
        sa.ForeignKeyConstraint(["call_seq"], ["calls.seq"], name=op.f("fk_missed_calls_call_seq"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("extension", "started", "call_seq", name=op.f("pk_missed_calls")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_missed_calls_call_seq", "missed_calls", ["call_seq"])
    op.add_column("users", sa.Column("history_seen", sa.DateTime(timezone=True)))
