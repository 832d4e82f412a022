"""Tables of webhooks: where events are sent, what was sent of them, and the id of this installation."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, Table, UniqueConstraint, text

from pbxd.storage.tables.columns import CleanText, Instant, Key, metadata

installation = Table(
    "installation",
    metadata,
    Column("id", CleanText, primary_key=True),  # random; receivers tell installations by it
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", Key, primary_key=True),
    Column("url", CleanText, nullable=False),
    Column("kinds", JSON, nullable=False),  # of events
    Column("queue", CleanText, nullable=False, server_default=text("''")),  # of calls, only those of this queue
    Column("extension", CleanText, nullable=False, server_default=text("''")),  # and only those of this extension
    Column("secret", CleanText, nullable=False),  # signs; it can't be a digest
    Column("former_secret", CleanText),  # signs too, until `former_until`
    Column("former_until", Instant),
    Column("created", Instant, nullable=False),
    Column("disabled", Instant),
    Column("disabled_why", CleanText, nullable=False, server_default=text("''")),
    Column("cursor", Key, nullable=False),  # events up to this number are in `webhook_deliveries` as far as wanted
    Column("version", Integer, nullable=False, server_default="1"),
    sqlite_autoincrement=True,
)

webhook_deliveries = Table(
    "webhook_deliveries",
    metadata,
    Column("id", Key, primary_key=True),
    Column("webhook_id", Key, ForeignKey("webhooks.id", ondelete="CASCADE"), nullable=False),
    Column("seq", Key, nullable=False),  # of the event in the feed, which has its content
    Column("kind", CleanText, nullable=False),
    Column("lane", CleanText, nullable=False),  # events of one lane are sent in order
    Column("state", CleanText, nullable=False),  # pending, delivered, dead
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("since", Instant, nullable=False),  # when it was to be sent first
    Column("due", Instant, nullable=False),  # the next attempt
    Column("last", Instant),  # the last attempt
    Column("status", Integer),  # of the last answer; empty: there was none
    Column("milliseconds", Integer),  # that it took
    Column("error", CleanText, nullable=False, server_default=text("''")),
    UniqueConstraint("webhook_id", "seq"),
    Index("ix_webhook_deliveries_state", "webhook_id", "state", "seq"),
    Index("ix_webhook_deliveries_since", "since"),
    sqlite_autoincrement=True,
)
