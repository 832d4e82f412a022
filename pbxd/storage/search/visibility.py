"""Hide the contacts of an unfinished import: rows that exist, and that nobody may see yet, or any more.

An import of any size becomes visible by one change of its state, and an undo hides it in the same way. Its changes to
other cards become visible at the same moment: see `storage.book.overlay`.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, literal_column, select

from pbxd.storage.tables import contacts, imports

HIDDEN = ("writing", "dropping", "undoing")  # states of an import whose contacts are hidden
UNFINISHED = (*HIDDEN, "applying")  # states in which a process works at the import


def made_by(import_id: int) -> ColumnElement[bool]:
    """Return the condition that an import made a row of `contacts`, in the form that uses the index of those rows."""
    return and_(contacts.c.import_id != literal_column("0"), contacts.c.import_id == import_id)


def shown() -> ColumnElement[bool]:
    """Return the condition that a row of `contacts` is visible; every statement that reads them for people has it."""
    return contacts.c.import_id.not_in(select(imports.c.id).where(imports.c.state.in_(HIDDEN)))
