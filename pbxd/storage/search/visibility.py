"""Contacts of an import that isn't finished: rows that are there, and that nobody may see yet (or any more).

An import of any size becomes visible by one change of its state, and goes the same way when it is undone. What it
changes in other cards is seen from that moment too, for they are written through a few at a time: see `pending`.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, literal_column, select

from pbxd.storage.tables import contacts, imports

HIDDEN = ("writing", "dropping", "undoing")  # states of an import whose contacts aren't in the book
UNFINISHED = (*HIDDEN, "applying")  # states in which somebody is to be at work


def made_by(import_id: int) -> ColumnElement[bool]:
    """Tell whether a row of `contacts` was made by an import; said so that the index of those is used."""
    return and_(contacts.c.import_id != literal_column("0"), contacts.c.import_id == import_id)


def shown() -> ColumnElement[bool]:
    """Tell whether a row of `contacts` is in the book; every statement that reads them for anybody has this in it."""
    return contacts.c.import_id.not_in(select(imports.c.id).where(imports.c.state.in_(HIDDEN)))
