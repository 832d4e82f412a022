"""Tables of requests from other programs: the ids that these have for our objects, and answers that are repeated."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, Table

from pbxd.storage.tables.columns import CleanText, Instant, Key, SortedText, metadata

contact_external = Table(
    "contact_external",
    metadata,
    Column("contact_id", Key, ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True),
    Column("system", SortedText, primary_key=True),
    Column("key", SortedText, nullable=False),  # what the system calls the contact
    Index("ix_contact_external_key", "system", "key"),
)

company_external = Table(
    "company_external",
    metadata,
    Column("company_id", Key, ForeignKey("companies.id", ondelete="CASCADE"), primary_key=True),
    Column("system", SortedText, primary_key=True),
    Column("key", SortedText, nullable=False),
    Index("ix_company_external_key", "system", "key"),
)

call_external = Table(
    "call_external",
    metadata,
    Column("call_id", SortedText, primary_key=True),  # it may be written before the call has a row
    Column("system", SortedText, primary_key=True),
    Column("key", SortedText, nullable=False),
    Column("at", Instant, nullable=False),  # retention deletes it by this time
    Index("ix_call_external_key", "system", "key"),
)

request_keys = Table(
    "request_keys",
    metadata,
    Column("caller", CleanText, primary_key=True),  # a token or a user
    Column("operation", CleanText, primary_key=True),
    Column("key", CleanText, primary_key=True),
    Column("digest", CleanText, nullable=False),  # SHA-256 of the request
    Column("at", Instant, nullable=False),
    Column("status", Integer),  # of the answer, like the next two; null while the request is under way
    Column("headers", JSON(none_as_null=True)),
    Column("body", CleanText),
    Column("made", Key),  # the id of what the request made, written together with it
    Index("ix_request_keys_at", "at"),
)
