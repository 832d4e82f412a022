"""Who uploaded a file, for those who are no employee: tokens, administrators, the unix socket."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("imports", sa.Column("caller", sa.Text(), nullable=False, server_default=sa.text("''")))
