"""Other programs' ids of contacts, companies and calls; repeated answers; when a company's card was changed."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SORTED = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    for kind, owners in (("contact", "contacts"), ("company", "companies")):
        op.create_table(
            f"{kind}_external",
            sa.Column(f"{kind}_id", KEY, nullable=False),
            sa.Column("system", SORTED, nullable=False),
            sa.Column("key", SORTED, nullable=False),
            sa.ForeignKeyConstraint(
                [f"{kind}_id"], [f"{owners}.id"], name=op.f(f"fk_{kind}_external_{kind}_id"), ondelete="CASCADE"
            ),
            sa.PrimaryKeyConstraint(f"{kind}_id", "system", name=op.f(f"pk_{kind}_external")),
        )
        op.create_index(f"ix_{kind}_external_key", f"{kind}_external", ["system", "key"])
    op.create_table(
        "call_external",
        sa.Column("call_id", SORTED, nullable=False),
        sa.Column("system", SORTED, nullable=False),
        sa.Column("key", SORTED, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("call_id", "system", name=op.f("pk_call_external")),
    )
    op.create_index("ix_call_external_key", "call_external", ["system", "key"])
    op.create_table(
        "request_keys",
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("headers", sa.JSON()),
        sa.Column("body", sa.Text()),
        sa.PrimaryKeyConstraint("caller", "operation", "key", name=op.f("pk_request_keys")),
    )
    op.create_index("ix_request_keys_at", "request_keys", ["at"])
    op.add_column("companies", sa.Column("changed", sa.DateTime(timezone=True)))
    companies = sa.table("companies", sa.column("changed", sa.DateTime(timezone=True)))
    now = datetime.now(UTC)
    if op.get_bind().dialect.name == "sqlite":
        now = now.replace(tzinfo=None)  # as instants are kept there
    op.execute(companies.update().values(changed=now))
