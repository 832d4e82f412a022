"""The schema's history: alembic revisions, run by `storage.engine.schema`."""
