"""The tables. A change here needs a migration beside it: a test compares the two on both databases."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

Key = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows by itself for INTEGER alone
SortedText = Text().with_variant(Text(collation="C"), "postgresql")  # by code point, as SQLite does


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime; SQLite, which knows no zones, keeps it as text that sorts by time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times: nobody could say later what they meant."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the time back in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


companies = Table(
    "companies",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Text, nullable=False),
    Column("folded", SortedText, nullable=False),  # book.folded(name): one company per name, whatever its case
    UniqueConstraint("folded"),
    sqlite_autoincrement=True,  # an id is never given twice
)

company_numbers = Table(
    "company_numbers",
    metadata,
    Column("company_id", Key, ForeignKey("companies.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Text, primary_key=True),  # E.164
    Index("ix_company_numbers_number", "number"),
)

contacts = Table(
    "contacts",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Text, nullable=False),
    Column("folded", SortedText, nullable=False),  # of the name, to sort by
    Column("search", Text, nullable=False),  # folded: everything a search looks into; cards.searchable
    Column("company_id", Key, ForeignKey("companies.id", ondelete="SET NULL")),
    Column("position", Text, nullable=False),
    Column("manager", Text, nullable=False),  # an extension; may be that of nobody in `employees`
    Column("vip", Boolean, nullable=False),
    Column("comment", Text, nullable=False),
    Column("birth_date", Date),
    Column("visibility", Text, nullable=False),
    Column("owner", Text, nullable=False),  # an extension when personal, else empty
    Column("created_by", Text, nullable=False),  # an extension; empty: the administrator
    Column("version", Integer, nullable=False),
    Column("created", Instant, nullable=False),
    Column("changed", Instant, nullable=False),
    CheckConstraint(
        "(visibility = 'shared' AND owner = '') OR (visibility = 'personal' AND owner <> '')", name="visibility"
    ),
    Index("ix_contacts_folded", "folded", "id"),
    Index("ix_contacts_company_id", "company_id"),
    Index("ix_contacts_manager", "manager"),
    Index("ix_contacts_owner", "owner"),
    sqlite_autoincrement=True,
)


def _contact_key() -> Column[int]:
    return Column("contact_id", Key, ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True)


contact_numbers = Table(
    "contact_numbers",
    metadata,
    _contact_key(),
    Column("place", Integer, primary_key=True),  # in the card's order
    Column("number", Text, nullable=False),  # E.164
    Column("typed", Text, nullable=False),
    Column("extension", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("main", Boolean, nullable=False),
    Index("ix_contact_numbers_number", "number"),
    # One main number at most; that there is one at all, `book.checked` sees to.
    Index(
        "uq_contact_numbers_main", "contact_id", unique=True, sqlite_where=text("main"), postgresql_where=text("main")
    ),
)

contact_emails = Table(
    "contact_emails",
    metadata,
    _contact_key(),
    Column("place", Integer, primary_key=True),
    Column("email", Text, nullable=False),
)

contact_tags = Table(
    "contact_tags",
    metadata,
    _contact_key(),
    Column("place", Integer, primary_key=True),
    Column("tag", Text, nullable=False),
    Column("folded", SortedText, nullable=False),
    Index("ix_contact_tags_folded", "folded", "contact_id"),
)

employees = Table(
    "employees",
    metadata,
    Column("extension", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("mobile", Text, nullable=False),  # E.164, like `did`
    Column("did", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("department", Text, nullable=False),
    Column("active", Boolean, nullable=False),
)

calls = Table(
    "calls",
    metadata,
    Column("id", SortedText, primary_key=True),
    Column("pbx", Text, nullable=False),
    Column("linkedid", Text, nullable=False),
    Column("direction", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("outcome", Text),  # none while the call lasts
    Column("started", Instant, nullable=False),
    Column("answered", Instant),
    Column("ended", Instant),
    Column("caller_number", Text),
    Column("caller_extension", Text),
    Column("caller_contact", Key),  # ids of contacts without a foreign key: history outlives the card
    Column("callee_number", Text),
    Column("callee_extension", Text),
    Column("callee_contact", Key),
    Column("queue", Text),
    Column("talk_seconds", Float, nullable=False),
    Column("merged_into", SortedText),  # the id of the older call that this one became part of
    Column("record", JSON, nullable=False),  # the whole CallRecord; the columns beside it are for finding it
    Index("ix_calls_started", "started", "id"),
    Index("ix_calls_linkedid", "pbx", "linkedid"),
    Index("ix_calls_ended", "ended"),
    Index("ix_calls_caller_number", "caller_number", "started"),
    Index("ix_calls_callee_number", "callee_number", "started"),
    Index("ix_calls_caller_contact", "caller_contact", "started"),
    Index("ix_calls_callee_contact", "callee_contact", "started"),
)

call_agents = Table(
    "call_agents",
    metadata,
    Column("extension", Text, primary_key=True),
    Column("call_id", SortedText, ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True),
    Index("ix_call_agents_call_id", "call_id"),
)

feed = Table(
    "feed",
    metadata,
    Column("seq", Key, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("kind", Text, nullable=False),  # call.ended, contact.changed …
    Column("subject", Text, nullable=False),  # the id of what it tells about
    Column("data", JSON, nullable=False),
    sqlite_autoincrement=True,  # a number is never given twice, also after old rows are cleared away
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False),  # SHA-256 of the token in hexadecimal; the token itself is kept nowhere
    Column("last_four", Text, nullable=False),
    Column("created", Instant, nullable=False),
    Column("revoked", Instant),
    UniqueConstraint("digest"),
    sqlite_autoincrement=True,
)
