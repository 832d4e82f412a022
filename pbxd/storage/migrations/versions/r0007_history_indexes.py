"""Calls: short keys, times as numbers on SQLite, and indexes that answer every filter of the history."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SORTED_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
WHOLE = "merged_into IS NULL"
FACETS = ("direction", "outcome", "queue", "talk_seconds")


def upgrade() -> None:
    for table in ("calls", "call_agents"):
        op.execute(f"CREATE TABLE old_{table} AS SELECT * FROM {table}")  # noqa: S608 - our own names
    op.drop_table("call_agents")
    op.drop_table("calls")
    _create_calls()
    _create_agents()
    _copy()
    for table in ("old_call_agents", "old_calls"):
        op.drop_table(table)


def _create_calls() -> None:
    op.create_table(
        "calls",
        sa.Column("seq", KEY, nullable=False),
        sa.Column("id", SORTED_TEXT, nullable=False),
        sa.Column("pbx", sa.Text(), nullable=False),
        sa.Column("linkedid", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text()),
        sa.Column("started", MOMENT, nullable=False),
        sa.Column("answered", MOMENT),
        sa.Column("ended", MOMENT),
        sa.Column("caller_number", sa.Text()),
        sa.Column("callee_number", sa.Text()),
        sa.Column("queue", sa.Text()),
        sa.Column("talk_seconds", sa.Float(), nullable=False),
        sa.Column("merged_into", SORTED_TEXT),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_calls")),
        sa.UniqueConstraint("id", name=op.f("uq_calls_id")),
    )
    op.create_index("ix_calls_linkedid", "calls", ["pbx", "linkedid"])
    op.create_index("ix_calls_ended", "calls", ["ended"])
    _index("merged", ["started"], "merged_into IS NOT NULL")
    _index("started", ["started", "seq", *FACETS, "merged_into"])
    for facet in FACETS:
        only = " AND talk_seconds > 0" if facet == "talk_seconds" else ""
        _index(
            facet,
            [facet, "started", "seq", *(other for other in FACETS if other != facet), "merged_into"],
            WHOLE + only,
        )
    for side in ("caller_number", "callee_number"):
        _index(side, [side, "started", "seq", "merged_into"])


def _index(name: str, columns: list[str], condition: str = WHOLE) -> None:
    where = sa.text(condition)
    op.create_index(f"ix_calls_{name}", "calls", columns, sqlite_where=where, postgresql_where=where)


def _create_agents() -> None:
    op.create_table(
        "call_agents",
        sa.Column("extension", sa.Text(), nullable=False),
        sa.Column("started", MOMENT, nullable=False),
        sa.Column("call_seq", KEY, nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text()),
        sa.Column("queue", sa.Text()),
        sa.Column("talk_seconds", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["call_seq"], ["calls.seq"], name=op.f("fk_call_agents_call_seq"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("extension", "started", "call_seq", name=op.f("pk_call_agents")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_call_agents_call_seq", "call_agents", ["call_seq"])


def _copy() -> None:
    """Copy the calls. Their records then have a few facts twice, in columns and in JSON."""
    same = "id, pbx, linkedid, direction, outcome"
    rest = "caller_number, callee_number, queue, talk_seconds, merged_into, record"
    times = ", ".join(_moment(name) for name in ("started", "answered", "ended"))
    op.execute(
        f"INSERT INTO calls ({same}, started, answered, ended, {rest}) "  # noqa: S608 - our own names
        f"SELECT {same}, {times}, {rest} FROM old_calls AS old ORDER BY old.started, old.id"
    )
    op.execute(
        "INSERT INTO call_agents (extension, started, call_seq, direction, outcome, queue, talk_seconds) "
        "SELECT a.extension, c.started, c.seq, c.direction, c.outcome, c.queue, c.talk_seconds "
        "FROM old_call_agents a JOIN calls c ON c.id = a.call_id WHERE c.merged_into IS NULL"
    )


def _moment(column: str) -> str:
    """Return SQL for an old time; SQLite has it as text of 26 characters."""
    if op.get_bind().dialect.name != "sqlite":
        return column
    return f"CAST(strftime('%s', substr({column}, 1, 19)) AS INTEGER) * 1000000 + CAST(substr({column}, 21) AS INTEGER)"
