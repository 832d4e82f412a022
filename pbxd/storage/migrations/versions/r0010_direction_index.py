"""Drop the index of directions: each of the three is frequent. It cost 57 bytes and a write a call."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_calls_direction", "calls")
