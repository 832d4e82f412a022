"""Reading by a named index on SQLite, whose planner knows only averages. PostgreSQL has statistics and chooses itself.

Two places choose the index themselves, each by one function `choose`: `search.plan` for pages of contacts, `calls.plan`
for pages of calls. Both say why, with what they measured.
"""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import FromClause, Select, Table
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler

Statement = TypeVar("Statement", bound=Select[Any])


def read_by(statement: Statement, table: Table, index: str) -> Statement:
    """Make SQLite read a table by this index."""
    return statement.with_hint(table, f"INDEXED BY {index}", "sqlite")


class HintedCompiler(SQLiteCompiler):
    """Writes a table's hint behind its name. SQLAlchemy does so for other databases only."""

    def get_from_hint_text(self, table: FromClause, text: str | None) -> str | None:
        """Return the hint as it is."""
        del table
        return text
