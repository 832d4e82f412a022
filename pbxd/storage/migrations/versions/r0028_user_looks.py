"""The language and the theme that a user chose for the pages; empty: not chosen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("language", "theme"):
        op.add_column("users", sa.Column(name, sa.Text(), nullable=False, server_default=sa.text("''")))
