"""A request with an idempotency key keeps what it made, from the moment on in which that is committed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("request_keys", sa.Column("made", sa.BigInteger().with_variant(sa.Integer(), "sqlite")))
