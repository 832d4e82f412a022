"""A token belongs to an employee, to anybody or to nobody. Existing tokens go on acting for anybody."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tokens", sa.Column("employee", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column("tokens", sa.Column("as_any", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("tokens", sa.Column("inherited", sa.Boolean(), nullable=False, server_default=sa.false()))
    tokens = sa.table("tokens", sa.column("as_any", sa.Boolean()), sa.column("inherited", sa.Boolean()))
    op.execute(tokens.update().values(as_any=True, inherited=True))
