"""Webhooks, their deliveries, and the id of this installation."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
WHEN = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "installation",
        sa.Column("id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )
    op.create_table(
        "webhooks",
        sa.Column("id", KEY, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=False),
        sa.Column("queue", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.Column("extension", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("former_secret", sa.Text()),
        sa.Column("former_until", WHEN),
        sa.Column("created", WHEN, nullable=False),
        sa.Column("disabled", WHEN),
        sa.Column("disabled_why", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.Column("cursor", KEY, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, server_default="1"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", KEY, nullable=False),
        sa.Column("webhook_id", KEY, nullable=False),
        sa.Column("seq", KEY, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("since", WHEN, nullable=False),
        sa.Column("due", WHEN, nullable=False),
        sa.Column("last", WHEN),
        sa.Column("status", sa.Integer()),
        sa.Column("milliseconds", sa.Integer()),
        sa.Column("error", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name=op.f("fk_webhook_deliveries_webhook_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
        sa.UniqueConstraint("webhook_id", "seq", name=op.f("uq_webhook_deliveries_webhook_id_seq")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_webhook_deliveries_state", "webhook_deliveries", ["webhook_id", "state", "seq"])
    op.create_index("ix_webhook_deliveries_since", "webhook_deliveries", ["since"])
