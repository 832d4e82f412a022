"""Tables of access: tokens."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Table, UniqueConstraint, false, text

from pbxd.storage.tables.columns import CleanText, Instant, Key, metadata

tokens = Table(
    "tokens",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", CleanText, nullable=False),
    Column("digest", CleanText, nullable=False),  # SHA-256 of the token, hexadecimal; the token itself is not stored
    Column("last_four", CleanText, nullable=False),
    Column("created", Instant, nullable=False),
    Column("revoked", Instant),
    Column("as_any", Boolean, nullable=False, server_default=false()),  # it may act for any employee
    Column("inherited", Boolean, nullable=False, server_default=false()),  # as_any since it is older than these columns
    Column("employee_id", Key, nullable=False, server_default="0"),  # whose it is; 0: nobody's
    Column("scopes", CleanText, nullable=False, server_default=text("'lookup calls:read calls:make queues:read'")),
    Column("expires", Instant),  # empty: never
    Column("used", Instant),  # last, to within a minute; empty: never
    UniqueConstraint("digest"),
    sqlite_autoincrement=True,
)
