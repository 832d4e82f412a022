"""Tables of access: tokens, users with invitations and sessions, the audit log. Secrets are kept as digests only."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Table, UniqueConstraint, false, text

from pbxd.storage.tables.columns import CleanText, Instant, Key, metadata, partial_index

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

audit = Table(
    "audit",
    metadata,
    Column("id", Key, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("source", CleanText, nullable=False),  # cli, socket, `token ID NAME`, `user LOGIN`
    Column("employee_id", Key, nullable=False),  # who acted; 0: no employee
    Column("extension", CleanText, nullable=False),  # that they had then
    Column("address", CleanText, nullable=False),  # an IP address, or a user of the operating system
    Column("action", CleanText, nullable=False),  # a command, or an operation of the API
    Column("subject", CleanText, nullable=False),  # what it was about
    Column("result", CleanText, nullable=False),  # done, refused
    Column("reason", CleanText, nullable=False),  # of a refusal
    Index("ix_audit_at", "at"),
    sqlite_autoincrement=True,
)

users = Table(
    "users",
    metadata,
    Column("id", Key, primary_key=True),
    Column("employee_id", Key, nullable=False, server_default="0"),  # who signs in; 0: somebody without a phone
    Column("email", CleanText, nullable=False, server_default=text("''")),  # folded; of somebody without a phone
    Column("role", CleanText, nullable=False),
    Column("password", CleanText, nullable=False, server_default=text("''")),  # argon2id; empty: none was set yet
    Column("blocked", Boolean, nullable=False, server_default=false()),
    Column("created", Instant, nullable=False),
    Column("history_seen", Instant),  # when they looked at the history last; empty: never
    Column("language", CleanText, nullable=False, server_default=text("''")),  # of their pages; empty: the browser's
    Column("theme", CleanText, nullable=False, server_default=text("''")),  # of their pages; empty: not chosen
    partial_index("uq_users_employee_id", "employee_id", where="employee_id <> 0", unique=True),
    partial_index("uq_users_email", "email", where="email <> ''", unique=True),
    sqlite_autoincrement=True,
)

invitations = Table(
    "invitations",  # at most one for each user
    metadata,
    Column("user_id", Key, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("digest", CleanText, nullable=False),  # SHA-256 of what the link has
    Column("expires", Instant, nullable=False),
    UniqueConstraint("digest"),
    sqlite_with_rowid=False,
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Key, primary_key=True),
    Column("user_id", Key, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("digest", CleanText, nullable=False),  # SHA-256 of what the cookie has
    Column("created", Instant, nullable=False),
    Column("used", Instant, nullable=False),  # last, to within a minute
    Column("address", CleanText, nullable=False),  # where the sign-in came from
    UniqueConstraint("digest"),
    Index("ix_sessions_user_id", "user_id"),
    sqlite_autoincrement=True,
)
