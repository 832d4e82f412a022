"""A token has scopes, may expire, and keeps when it was last used. Existing tokens keep what they could do."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    before = sa.text("'lookup calls:read calls:make queues:read'")
    op.add_column("tokens", sa.Column("scopes", sa.Text(), nullable=False, server_default=before))
    op.add_column("tokens", sa.Column("expires", sa.DateTime(timezone=True)))
    op.add_column("tokens", sa.Column("used", sa.DateTime(timezone=True)))
