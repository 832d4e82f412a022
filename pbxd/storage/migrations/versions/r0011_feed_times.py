"""The feed's times as numbers on SQLite, as those of calls: a call has three rows in the feed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return
    op.rename_table("feed", "old_feed")
    op.create_table(
        "feed",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_feed")),
        sqlite_autoincrement=True,
    )
    # The newest row is never deleted, so that the numbers go on from there.
    at = "CAST(strftime('%s', substr(at, 1, 19)) AS INTEGER) * 1000000 + CAST(substr(at, 21) AS INTEGER)"
    op.execute(f"INSERT INTO feed SELECT seq, {at}, kind, subject, data FROM old_feed ORDER BY seq")  # noqa: S608 - our own
    op.drop_table("old_feed")
