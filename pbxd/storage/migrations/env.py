"""What alembic runs for every command: the connection is given by `storage.schema`, which also owns the transaction."""

from __future__ import annotations

from alembic import context

from pbxd.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    on_version_apply=context.config.attributes.get("applied"),
    render_as_batch=True,  # SQLite can't alter most things in place
)
context.run_migrations()
