"""Tables of imports of contacts: each import, and its changes to cards that were there before it."""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, Table, text

from pbxd.storage.tables.columns import CleanText, Instant, Key, metadata

imports = Table(
    "imports",
    metadata,
    Column("id", Key, primary_key=True),
    Column("file", CleanText, nullable=False),  # the file's name, for people
    Column("visibility", CleanText, nullable=False),
    Column("state", CleanText, nullable=False),  # `storage.imports` lists the states
    Column("created", Instant, nullable=False),
    Column("beat", Instant, nullable=False),  # when its worker last reported
    Column("counts", JSON, nullable=False),
    Column("actor_id", Key, nullable=False, server_default="0"),  # the employee who imports; 0: no employee
    Column(
        "caller", CleanText, nullable=False, server_default=text("''")
    ),  # who uploaded the file: `token 3`, `user 7`
    sqlite_autoincrement=True,
)

import_changes = Table(
    "import_changes",  # what an import changes in cards that were there before
    metadata,
    Column("import_id", Key, ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True),
    Column("contact_id", Key, primary_key=True),
    Column("changes", JSON, nullable=False),  # by field
    Column("before", JSON(none_as_null=True)),  # the card's old values; null where nothing changed
    Column("version", Integer),  # of the card after the change; null until then
    Index("ix_import_changes_contact_id", "contact_id", "import_id"),
)

import_companies = Table(
    "import_companies",  # companies that an import brings: rows without a person
    metadata,
    Column("import_id", Key, ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True),
    Column("place", Integer, primary_key=True),  # in the file's order
    Column("name", CleanText, nullable=False),
    Column("numbers", JSON, nullable=False),  # E.164
    Column("emails", JSON, nullable=False),
    Column("known", Boolean, nullable=False),  # whether the book had it before
    Column("company_id", Key),  # null until the import is visible, likewise below
    Column("before", JSON(none_as_null=True)),  # its numbers and e-mails before
    Column("version", Integer),  # of its card after the change
)
