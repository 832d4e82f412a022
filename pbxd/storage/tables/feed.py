"""The table of the feed: everything worth telling, in one order."""

from __future__ import annotations

from sqlalchemy import JSON, Column, Table

from pbxd.storage.tables.columns import CleanText, CompactInstant, Key, metadata

feed = Table(
    "feed",
    metadata,
    Column("seq", Key, primary_key=True),
    Column("at", CompactInstant, nullable=False),
    Column("kind", CleanText, nullable=False),  # call.ended, contact.changed …
    Column("subject", CleanText, nullable=False),  # the id of the call, contact …
    Column("data", JSON, nullable=False),
    sqlite_autoincrement=True,  # a number is never used twice, even after old rows are deleted
)
