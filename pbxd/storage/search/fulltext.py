"""The full-text index of shared contacts: FTS5 on SQLite, pg_trgm on PostgreSQL; the database keeps it by itself.

Personal contacts never enter SQLite's index: what isn't there can't show, not even in a count. It keeps no text, only
which tokens which contact has; triggers take a changed card's old tokens out and put its new ones in, in the same
transaction, so that the index is right whoever writes.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, event

from pbxd.storage.search.search_text import tokens
from pbxd.storage.tables import contacts

TRIGGERS = (
    """CREATE TRIGGER contacts_found_new AFTER INSERT ON contacts WHEN new.owner = ''
    BEGIN INSERT INTO contacts_found(rowid, tokens) VALUES (new.id, pbxd_tokens(new.search)); END""",
    """CREATE TRIGGER contacts_found_gone AFTER DELETE ON contacts WHEN old.owner = ''
    BEGIN INSERT INTO contacts_found(contacts_found, rowid, tokens)
    VALUES ('delete', old.id, pbxd_tokens(old.search)); END""",
    # One trigger, for nobody says in which order two would run.
    """CREATE TRIGGER contacts_found_changed AFTER UPDATE OF search, owner ON contacts
    WHEN new.search <> old.search OR new.owner <> old.owner
    BEGIN
        INSERT INTO contacts_found(contacts_found, rowid, tokens)
        SELECT 'delete', old.id, pbxd_tokens(old.search) WHERE old.owner = '';
        INSERT INTO contacts_found(rowid, tokens) SELECT new.id, pbxd_tokens(new.search) WHERE new.owner = '';
    END""",
)
_SQLITE = (
    """CREATE VIRTUAL TABLE contacts_found USING fts5
    (tokens, content='', columnsize=0, detail=none, tokenize='ascii')""",
    *TRIGGERS,
)
_POSTGRESQL = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    "CREATE INDEX ix_contacts_search ON contacts USING gin (search gin_trgm_ops)",
)
_BY_DIALECT = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}
REBUILD = "INSERT INTO contacts_found(rowid, tokens) SELECT id, pbxd_tokens(search) FROM contacts WHERE owner = ''"


def lend_tokens(connection: Any) -> None:  # noqa: ANN401 - the driver's connection, or SQLAlchemy's stand-in for it
    """Give a SQLite connection the function that the triggers use."""
    connection.create_function("pbxd_tokens", 1, tokens, deterministic=True)


def make(connection: Connection) -> None:
    """Make the index and its triggers, with nothing in it yet."""
    for statement in _BY_DIALECT[connection.dialect.name]:
        connection.exec_driver_sql(statement)


@event.listens_for(contacts, "after_create")
def _with_its_table(_table: object, connection: Connection, **_how: object) -> None:
    make(connection)
