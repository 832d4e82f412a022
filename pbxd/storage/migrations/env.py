"""What alembic runs for every command: `storage.engine.schema` gives the connection and owns the transaction."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    on_version_apply=context.config.attributes.get("applied"),
)
context.run_migrations()
