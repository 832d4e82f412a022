"""The tables. A change here needs a migration beside it: a test compares the two on both databases.

Long because all of them stand in one place: a line a column, with what only its name doesn't say.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

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
    false,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Key = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows by itself for INTEGER alone


def harmless(words: str) -> str:
    """Return text that both databases can keep: NUL (PostgreSQL has none) and halves of surrogate pairs become U+FFFD.

    The book refuses such text; what the PBX or a searcher sends must not make a statement fail.
    """
    if "\0" not in words:
        try:
            words.encode()
        except UnicodeEncodeError:  # a half of a pair
            pass
        else:
            return words
    return words.replace("\0", "\ufffd").encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class Words(TypeDecorator[str]):
    """Text that is made `harmless` on its way in."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Make it harmless."""
        del dialect
        return None if value is None else harmless(value)


SortedWords = Words().with_variant(Words(collation="C"), "postgresql")  # by code point, as SQLite does


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


class Moment(TypeDecorator[datetime]):
    """An aware UTC datetime that stands in many indexes: microseconds since 1970 on SQLite, a third of the text."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the column's type."""
        return dialect.type_descriptor(BigInteger() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ANN401 - an integer or a datetime
        """Refuse naive times, as `Instant` does."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        return (value - _EPOCH) // _MICROSECOND if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ANN401 - likewise
        """Give the time back in UTC."""
        if value is None:
            return None
        found: datetime = _EPOCH + value * _MICROSECOND if dialect.name == "sqlite" else value.astimezone(UTC)
        return found


_conditions: dict[Index, str] = {}


def _partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """Make an index of some rows only; `meet_postgresql` makes it so there too."""
    index = Index(name, *columns, unique=unique, sqlite_where=text(where))
    _conditions[index] = where
    return index


def meet_postgresql() -> None:
    """Say what only PostgreSQL wants to know of the tables: SQLAlchemy loads its dialect to hear it, 2 MB."""
    for index, where in _conditions.items():
        index.dialect_kwargs["postgresql_where"] = text(where)


companies = Table(
    "companies",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Words, nullable=False),
    Column("folded", SortedWords, nullable=False),  # book.folded(name): one company per name, whatever its case
    Column("address", Words, nullable=False, server_default=text("''")),
    Column("site", Words, nullable=False, server_default=text("''")),
    Column("version", Integer, nullable=False, server_default="1"),
    UniqueConstraint("folded"),
    sqlite_autoincrement=True,  # an id is never given twice
)

company_numbers = Table(
    "company_numbers",
    metadata,
    Column("company_id", Key, ForeignKey("companies.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Words, primary_key=True),  # E.164
    Index("ix_company_numbers_number", "number"),
)

company_emails = Table(
    "company_emails",
    metadata,
    Column("company_id", Key, ForeignKey("companies.id", ondelete="CASCADE"), primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("email", Words, nullable=False),
)

# One for each column by which the shared contacts can be listed; a person's own are few. Owner and import stand in them
# so that a walk needn't look at the cards.
_sorted_shared = [
    _partial(f"ix_contacts_by_{name}", column, "id", "owner", "import_id", where="owner = ''")
    for name, column in (
        ("name", "folded"), ("company", "company_folded"), ("position", "position_folded"), ("number", "main_number"),
        ("manager", "manager"), ("vip", "vip"), ("changed", "changed"),
    )
]  # fmt: skip

contacts = Table(
    "contacts",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Words, nullable=False),
    Column("folded", SortedWords, nullable=False),  # of the name, to sort by
    Column("search", Words, nullable=False),  # everything a search looks into: words.found_by
    Column("company_id", Key, ForeignKey("companies.id", ondelete="SET NULL")),
    Column("position", Words, nullable=False),
    Column("manager", Words, nullable=False),  # an extension; may be that of nobody in `employees`
    Column("vip", Boolean, nullable=False),
    Column("comment", Words, nullable=False),
    Column("birth_date", Date),
    Column("visibility", Words, nullable=False),
    Column("owner", Words, nullable=False),  # an extension when personal, else empty
    Column("created_by", Words, nullable=False),  # an extension; empty: the administrator
    Column("version", Integer, nullable=False),
    Column("created", Instant, nullable=False),
    Column("changed", Instant, nullable=False),
    Column("import_id", Key, nullable=False, server_default="0"),  # which import made it; 0: none. See `staging.shown`
    Column("company_folded", SortedWords, nullable=False, server_default=text("''")),  # these three to sort by
    Column("position_folded", SortedWords, nullable=False, server_default=text("''")),
    Column("main_number", SortedWords, nullable=False, server_default=text("''")),
    CheckConstraint(
        "(visibility = 'shared' AND owner = '') OR (visibility = 'personal' AND owner <> '')", name="visibility"
    ),
    Index("ix_contacts_folded", "folded", "id"),
    Index("ix_contacts_company_id", "company_id"),
    Index("ix_contacts_owner", "owner"),
    *_sorted_shared,
    _partial("ix_contacts_import_id", "import_id", "id", where="import_id <> 0"),
    sqlite_autoincrement=True,
)

imports = Table(
    "imports",
    metadata,
    Column("id", Key, primary_key=True),
    Column("file", Words, nullable=False),  # its name, for people
    Column("actor", Words, nullable=False),
    Column("visibility", Words, nullable=False),
    Column("state", Words, nullable=False),  # `storage.imports` has them all
    Column("created", Instant, nullable=False),
    Column("beat", Instant, nullable=False),  # when whoever works at it last said so
    Column("counts", JSON, nullable=False),
    sqlite_autoincrement=True,
)

import_changes = Table(
    "import_changes",  # what an import changes in cards that were there already
    metadata,
    Column("import_id", Key, ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True),
    Column("contact_id", Key, primary_key=True),
    Column("changes", JSON, nullable=False),  # by field
    Column("before", JSON(none_as_null=True)),  # the card's fields as they were; none where nothing changed
    Column("version", Integer),  # of the card after the change; none until it is made
)


def _contact_key() -> Column[int]:
    return Column("contact_id", Key, ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True)


contact_numbers = Table(
    "contact_numbers",
    metadata,
    _contact_key(),
    Column("place", Integer, primary_key=True),  # in the card's order
    Column("number", Words, nullable=False),  # E.164
    Column("typed", Words, nullable=False),
    Column("extension", Words, nullable=False),
    Column("label", Words, nullable=False),
    Column("main", Boolean, nullable=False),
    Index("ix_contact_numbers_number", "number"),
    # One main number at most; that there is one at all, `book.checked` sees to.
    _partial("uq_contact_numbers_main", "contact_id", where="main", unique=True),
)

number_holdings = Table(
    "number_holdings",  # who had which number when; it outlives the number on the card, and a shared card itself
    metadata,
    Column("number", Words, primary_key=True),  # E.164
    Column("contact_id", Key, primary_key=True),
    Column("since", Instant, primary_key=True),
    Column("until", Instant),  # none while he has it
    Index("ix_number_holdings_contact_id", "contact_id"),
    sqlite_with_rowid=False,
)

contact_emails = Table(
    "contact_emails",
    metadata,
    _contact_key(),
    Column("place", Integer, primary_key=True),
    Column("email", Words, nullable=False),
    Column("folded", SortedWords, nullable=False, server_default=text("''")),
    Index("ix_contact_emails_folded", "folded"),
)

contact_tags = Table(
    "contact_tags",
    metadata,
    _contact_key(),
    Column("place", Integer, primary_key=True),
    Column("tag", Words, nullable=False),
    Column("folded", SortedWords, nullable=False),
    Index("ix_contact_tags_folded", "folded", "contact_id"),
)

contact_changes = Table(
    "contact_changes",
    metadata,
    Column("id", Key, primary_key=True),
    Column("contact_id", Key, ForeignKey("contacts.id", ondelete="CASCADE"), nullable=False),
    Column("version", Integer, nullable=False),  # the one that the change made
    Column("at", Instant, nullable=False),
    Column("actor", Words, nullable=False),  # an extension; empty: the administrator
    Column("owner", Words, nullable=False),  # whose contact it was until then: nobody else sees what stood in it
    Column("fields", JSON, nullable=False),  # {field: [before, after]}
    Index("ix_contact_changes_contact_id", "contact_id", "version"),
    sqlite_autoincrement=True,
)

favourites = Table(
    "favourites",
    metadata,
    Column("extension", Words, primary_key=True),
    Column("contact_id", Key, ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True),
    Index("ix_favourites_contact_id", "contact_id"),
)

employees = Table(
    "employees",
    metadata,
    Column("extension", Words, primary_key=True),
    Column("name", Words, nullable=False),
    Column("mobile", Words, nullable=False),  # E.164, like `did`
    Column("did", Words, nullable=False),
    Column("email", Words, nullable=False),
    Column("department", Words, nullable=False),  # as a list names it
    Column("active", Boolean, nullable=False),
    Column("queues", Words, nullable=False, server_default=text("''")),  # he is a member of on the PBX, a line each
    Column("pbx_name", Words, nullable=False, server_default=text("''")),  # shown when `name` is empty
    Column("on_pbx", Boolean, nullable=False, server_default=false()),  # whether the PBX has ever told of him
)

# What the history is filtered by besides time and people: beside the key in each index, so that a filter reads no rows.
_FACETS = ("direction", "outcome", "queue", "talk_seconds")
_WHOLE = "merged_into IS NULL"  # calls that are part of another are not listed
_PART = "merged_into IS NOT NULL"


def _calls_index(name: str, *columns: str, where: str = _WHOLE) -> Index:
    """Make an index that SQLite can check the condition in: it looks at the column although the index implies it."""
    others = [facet for facet in _FACETS if facet != columns[0]]
    return _partial(name, *columns, *others, "merged_into", where=where)


calls = Table(
    "calls",
    metadata,
    Column("seq", Key, primary_key=True),  # short, for what refers to a call here; means nothing outside
    Column("id", SortedWords, nullable=False),
    Column("pbx", Words, nullable=False),
    Column("linkedid", Words, nullable=False),
    Column("direction", Words, nullable=False),
    Column("outcome", Words),  # none while the call lasts
    Column("started", Moment, nullable=False),
    Column("answered", Moment),
    Column("ended", Moment),
    Column("caller_number", Words),
    Column("callee_number", Words),
    Column("queue", Words),
    Column("talk_seconds", Float, nullable=False),
    Column("merged_into", SortedWords),  # the id of the older call that this one became part of
    Column("record", JSON, nullable=False),  # the rest of the CallRecord; callrows puts it together
    UniqueConstraint("id"),
    Index("ix_calls_ended", "ended"),
    _partial("ix_calls_merged", "started", where=_PART),
    _calls_index("ix_calls_started", "started", "seq"),
    _calls_index("ix_calls_outcome", "outcome", "started", "seq"),
    _calls_index("ix_calls_queue", "queue", "started", "seq"),
    _calls_index("ix_calls_talk_seconds", "talk_seconds", "started", "seq", where=f"{_WHOLE} AND talk_seconds > 0"),
    _calls_index("ix_calls_caller_number", "caller_number", "started", "seq"),
    _calls_index("ix_calls_callee_number", "callee_number", "started", "seq"),
)

call_agents = Table(
    "call_agents",  # of whole calls only; with the facets, so that one employee's calls are filtered here
    metadata,
    Column("extension", Words, primary_key=True),
    Column("started", Moment, primary_key=True),
    Column("call_seq", Key, ForeignKey("calls.seq", ondelete="CASCADE"), primary_key=True),
    Column("direction", Words, nullable=False),
    Column("outcome", Words),
    Column("queue", Words),
    Column("talk_seconds", Float, nullable=False),
    Index("ix_call_agents_call_seq", "call_seq"),
    sqlite_with_rowid=False,
)

feed = Table(
    "feed",
    metadata,
    Column("seq", Key, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("kind", Words, nullable=False),  # call.ended, contact.changed …
    Column("subject", Words, nullable=False),  # the id of what it tells about
    Column("data", JSON, nullable=False),
    sqlite_autoincrement=True,  # a number is never given twice, also after old rows are cleared away
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Words, nullable=False),
    Column("digest", Words, nullable=False),  # SHA-256 of the token in hexadecimal; the token itself is kept nowhere
    Column("last_four", Words, nullable=False),
    Column("created", Instant, nullable=False),
    Column("revoked", Instant),
    Column("employee", Words, nullable=False, server_default=text("''")),  # whose it is: an extension; empty: nobody's
    Column("as_any", Boolean, nullable=False, server_default=false()),  # it may act for every employee
    Column("inherited", Boolean, nullable=False, server_default=false()),  # as_any since it is older than these columns
    UniqueConstraint("digest"),
    sqlite_autoincrement=True,
)

call_requests = Table(
    "call_requests",
    metadata,
    Column("key", Words, primary_key=True),  # whoever asks for a call may name his request; the same is not done twice
    Column("digest", Words, nullable=False),  # SHA-256 of what was asked
    Column("call_id", Words, nullable=False),  # of the call that came of it; it has no row when nobody was reached
    Column("at", Instant, nullable=False),
    Index("ix_call_requests_at", "at"),
)

outages = Table(
    "outages",
    metadata,
    Column("id", Key, primary_key=True),
    Column("pbx", Words, nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("why", Words, nullable=False),  # link, overflow, pbxd, restart, storage
    Column("calls", Integer),  # how many are missing, where that is known
    Column("filled", Instant),  # when what the PBX wrote down of that time was taken into the history
    Column("filled_from", Words),  # cel
    Column("filled_calls", Integer),  # how many calls of it were missing in the history, or were completed
    Index("ix_outages_until", "until"),
    sqlite_autoincrement=True,
)

heard = Table(
    "heard",
    metadata,
    Column("pbx", Words, primary_key=True),
    Column("at", Instant, nullable=False),  # all that PBX told up to then, by its own clock, is in the history
)
