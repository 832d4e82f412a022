"""Indexes of calls by number get the other filters' columns. Drop the index of linkedid, which nothing uses."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

WHOLE = "merged_into IS NULL"
FACETS = ("direction", "outcome", "queue", "talk_seconds")


def upgrade() -> None:
    op.drop_index("ix_calls_linkedid", "calls")
    where = sa.text(WHOLE)
    for side in ("caller_number", "callee_number"):
        name = f"ix_calls_{side}"
        op.drop_index(name, "calls")
        columns = [side, "started", "seq", *FACETS, "merged_into"]
        op.create_index(name, "calls", columns, sqlite_where=where, postgresql_where=where)
