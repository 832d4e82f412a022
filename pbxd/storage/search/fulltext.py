"""The full-text index of shared contacts: FTS5 on SQLite, pg_trgm on PostgreSQL. The database updates it by itself.

SQLite's index has no personal contacts, so they cannot appear, not even in a count. It has no text, only the tokens of
each contact. Triggers replace a changed card's tokens in the same transaction, for every writer.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, event, inspect

from pbxd.storage.search.search_text import changed_tokens, tokens
from pbxd.storage.tables import contacts

TRIGGERS = (
    """CREATE TRIGGER contacts_found_new AFTER INSERT ON contacts WHEN new.owner_id = 0
    BEGIN INSERT INTO contacts_found(rowid, tokens) VALUES (new.id, pbxd_tokens(new.search)); END""",
    """CREATE TRIGGER contacts_found_gone AFTER DELETE ON contacts WHEN old.owner_id = 0
    BEGIN INSERT INTO contacts_found(contacts_found, rowid, tokens)
    VALUES ('delete', old.id, pbxd_tokens(old.search)); END""",
    # A changed card loses and gets only the tokens that differ: most of its two hundred stay, and removing one costs as
    # much as adding one. The index has no text and no positions, so that a card's tokens need not be written together.
    """CREATE TRIGGER contacts_found_changed AFTER UPDATE OF search ON contacts
    WHEN new.search <> old.search AND new.owner_id = 0 AND old.owner_id = 0
    BEGIN
        INSERT INTO contacts_found(contacts_found, rowid, tokens)
        VALUES ('delete', old.id, pbxd_tokens_gone(old.search, new.search));
        INSERT INTO contacts_found(rowid, tokens) VALUES (new.id, pbxd_tokens_come(old.search, new.search));
    END""",
    """CREATE TRIGGER contacts_found_shared AFTER UPDATE OF owner_id ON contacts
    WHEN new.owner_id <> old.owner_id AND (new.owner_id = 0 OR old.owner_id = 0)
    BEGIN
        INSERT INTO contacts_found(contacts_found, rowid, tokens)
        SELECT 'delete', old.id, pbxd_tokens(old.search) WHERE old.owner_id = 0;
        INSERT INTO contacts_found(rowid, tokens) SELECT new.id, pbxd_tokens(new.search) WHERE new.owner_id = 0;
    END""",
)
SQLITE = (
    """CREATE VIRTUAL TABLE contacts_found USING fts5
    (tokens, content='', columnsize=0, detail=none, tokenize='ascii')""",
    *TRIGGERS,
)
_POSTGRESQL = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    "CREATE INDEX ix_contacts_search ON contacts USING gin (search gin_trgm_ops)",
)
_MAKE = {"sqlite": SQLITE, "postgresql": _POSTGRESQL}
_TRIGGER_NAMES = ("contacts_found_new", "contacts_found_gone", "contacts_found_changed", "contacts_found_shared")
_DROP = {
    "sqlite": (*(f"DROP TRIGGER IF EXISTS {name}" for name in _TRIGGER_NAMES), "DROP TABLE IF EXISTS contacts_found"),
    "postgresql": ("DROP INDEX IF EXISTS ix_contacts_search",),
}
_FILL = "INSERT INTO contacts_found(rowid, tokens) SELECT id, pbxd_tokens(search) FROM contacts WHERE owner_id = 0"


def lend_tokens(connection: Any) -> None:  # noqa: ANN401 - the driver's connection, or SQLAlchemy's stand-in for it
    """Give a SQLite connection the functions that the triggers use."""
    connection.create_function("pbxd_tokens", 1, tokens, deterministic=True)
    connection.create_function("pbxd_tokens_gone", 2, lambda old, new: changed_tokens(old, new)[0], deterministic=True)
    connection.create_function("pbxd_tokens_come", 2, lambda old, new: changed_tokens(old, new)[1], deterministic=True)


def make(connection: Connection) -> None:
    """Create the index and its triggers. On SQLite it is empty until `fill`."""
    for statement in _MAKE[connection.dialect.name]:
        connection.exec_driver_sql(statement)


def fill(connection: Connection) -> None:
    """Put the contacts into a new index. PostgreSQL fills its index when it creates it."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_FILL)


def drop(connection: Connection) -> None:
    """Drop the index and its triggers if they exist."""
    for statement in _DROP[connection.dialect.name]:
        connection.exec_driver_sql(statement)


def is_there(connection: Connection) -> bool:
    """Tell whether there is an index, with or without its triggers."""
    if connection.dialect.name != "sqlite":
        return "ix_contacts_search" in {index["name"] for index in inspect(connection).get_indexes("contacts")}
    return bool(connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'contacts_found'").first())


def restore_triggers(connection: Connection) -> None:
    """Make the triggers anew: SQLite drops them where a revision rebuilds `contacts`. What is indexed stays right."""
    if connection.dialect.name == "sqlite":
        for name in _TRIGGER_NAMES:
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
        for statement in TRIGGERS:
            connection.exec_driver_sql(statement)


@event.listens_for(contacts, "after_create")
def _with_its_table(_table: object, connection: Connection, **_how: object) -> None:
    make(connection)
