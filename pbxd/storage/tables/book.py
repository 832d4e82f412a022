"""Tables of the book: companies, contacts, employees, favourites, and who had which number when."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    Table,
    UniqueConstraint,
    false,
    text,
)

from pbxd.storage.tables.columns import CleanText, Instant, Key, SortedText, metadata, partial_index


def _now() -> datetime:
    return datetime.now(UTC)


companies = Table(
    "companies",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", CleanText, nullable=False),
    Column("folded", SortedText, nullable=False),  # `book.texts.folded(name)`: one company a name, whatever its case
    Column("address", CleanText, nullable=False, server_default=text("''")),
    Column("site", CleanText, nullable=False, server_default=text("''")),
    Column("version", Integer, nullable=False, server_default="1"),
    # `book.company_names.company_key(name)`: several companies may have one, found as doubles.
    Column("name_key", SortedText, nullable=False, server_default=text("''")),
    Column("changed", Instant, default=_now, onupdate=_now),
    UniqueConstraint("folded"),
    Index("ix_companies_name_key", "name_key"),
    sqlite_autoincrement=True,  # an id is never used twice
)

company_numbers = Table(
    "company_numbers",
    metadata,
    Column("company_id", Key, ForeignKey("companies.id", ondelete="CASCADE"), primary_key=True),
    Column("number", CleanText, primary_key=True),  # E.164
    Index("ix_company_numbers_number", "number"),
)

company_emails = Table(
    "company_emails",
    metadata,
    Column("company_id", Key, ForeignKey("companies.id", ondelete="CASCADE"), primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("email", CleanText, nullable=False),
)

# One index a column that shared contacts can be sorted by; personal contacts are few. It has the owner and the import,
# so that a sorted list is read without the cards.
_sorted_shared = [
    partial_index(f"ix_contacts_by_{name}", column, "id", "owner_id", "import_id", where="owner_id = 0")
    for name, column in (
        ("name", "folded"), ("company", "company_folded"), ("position", "position_folded"), ("number", "main_number"),
        ("manager", "manager"), ("vip", "vip"), ("changed", "changed"),
    )
]  # fmt: skip

contacts = Table(
    "contacts",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", CleanText, nullable=False),
    Column("folded", SortedText, nullable=False),  # the name, for sorting
    Column("search", CleanText, nullable=False),  # `search.search_text.found_by`: what a search looks into
    Column("company_id", Key, ForeignKey("companies.id", ondelete="SET NULL")),
    Column("position", CleanText, nullable=False),
    Column("manager", CleanText, nullable=False),  # the extension that `manager_id` has now, for sorting and filtering
    Column("vip", Boolean, nullable=False),
    Column("comment", CleanText, nullable=False),
    Column("birth_date", Date),
    Column("visibility", CleanText, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created", Instant, nullable=False),
    Column("changed", Instant, nullable=False),
    Column("import_id", Key, nullable=False, server_default="0"),  # the import that made it; 0: none
    Column("company_folded", SortedText, nullable=False, server_default=text("''")),  # these three for sorting
    Column("position_folded", SortedText, nullable=False, server_default=text("''")),
    Column("main_number", SortedText, nullable=False, server_default=text("''")),
    Column("manager_id", Key, nullable=False),  # of the responsible employee; 0: none
    Column("owner_id", Key, nullable=False),  # an employee's id if the contact is personal, else 0
    Column("created_by_id", Key, nullable=False),  # an employee's id; 0: no employee
    Column("extra", JSON(none_as_null=True)),  # values of fields without a column, by name; null: none
    CheckConstraint(
        "(visibility = 'shared' AND owner_id = 0) OR (visibility = 'personal' AND owner_id <> 0)", name="visibility"
    ),
    Index("ix_contacts_folded", "folded", "id"),
    Index("ix_contacts_company_id", "company_id"),
    Index("ix_contacts_owner_id", "owner_id"),
    *_sorted_shared,
    # With all that decides who sees a contact: an employee's clients are counted without the cards.
    partial_index("ix_contacts_managed", "manager_id", "owner_id", "import_id", where="manager_id > 0"),
    partial_index("ix_contacts_import_id", "import_id", "id", where="import_id <> 0"),
    sqlite_autoincrement=True,
)


def _contact_key() -> Column[int]:
    return Column("contact_id", Key, ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True)


contact_numbers = Table(
    "contact_numbers",
    metadata,
    _contact_key(),
    Column("place", Integer, primary_key=True),  # in the card's order
    Column("number", CleanText, nullable=False),  # E.164
    Column("typed", CleanText, nullable=False),
    Column("extension", CleanText, nullable=False),
    Column("label", CleanText, nullable=False),
    Column("main", Boolean, nullable=False),
    Index("ix_contact_numbers_number", "number"),
    # At most one main number; `book` checks that there is one.
    partial_index("uq_contact_numbers_main", "contact_id", where="main", unique=True),
)

number_holdings = Table(
    "number_holdings",  # who had which number when; rows stay when the number or a shared card is deleted
    metadata,
    Column("number", CleanText, primary_key=True),  # E.164
    Column("contact_id", Key, primary_key=True),
    Column("since", Instant, primary_key=True),
    Column("until", Instant),  # null while they have it
    Index("ix_number_holdings_contact_id", "contact_id"),
    sqlite_with_rowid=False,
)

contact_emails = Table(
    "contact_emails",
    metadata,
    _contact_key(),
    Column("place", Integer, primary_key=True),
    Column("email", CleanText, nullable=False),
    Column("folded", SortedText, nullable=False, server_default=text("''")),
    Index("ix_contact_emails_folded", "folded"),
)

contact_tags = Table(
    "contact_tags",
    metadata,
    _contact_key(),
    Column("place", Integer, primary_key=True),
    Column("tag", CleanText, nullable=False),
    Column("folded", SortedText, nullable=False),
    Index("ix_contact_tags_folded", "folded", "contact_id"),
)

contact_changes = Table(
    "contact_changes",
    metadata,
    Column("id", Key, primary_key=True),
    Column("contact_id", Key, ForeignKey("contacts.id", ondelete="CASCADE"), nullable=False),
    Column("version", Integer, nullable=False),  # after the change
    Column("at", Instant, nullable=False),
    Column("actor", CleanText, nullable=False),  # the extension they had then
    Column("fields", JSON, nullable=False),  # {field: [before, after]}
    Column("actor_id", Key, nullable=False, server_default="0"),  # an employee's id; 0: no employee
    Column("owner_id", Key, nullable=False, server_default="0"),  # before the change: only they see these values
    Index("ix_contact_changes_contact_id", "contact_id", "version"),
    sqlite_autoincrement=True,
)

favourites = Table(
    "favourites",
    metadata,
    Column("employee_id", Key, ForeignKey("employees.id"), primary_key=True),
    Column("contact_id", Key, ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True),
    Index("ix_favourites_contact_id", "contact_id"),
)

employees = Table(
    "employees",
    metadata,
    Column("id", Key, primary_key=True),
    Column("extension", CleanText),  # that they have now; null: none, somebody else may have it
    Column("name", CleanText, nullable=False),
    Column("mobile", CleanText, nullable=False),  # E.164, like `did`
    Column("did", CleanText, nullable=False),
    Column("email", CleanText, nullable=False),
    Column("department", CleanText, nullable=False),  # as the file or PBX writes it
    Column("active", Boolean, nullable=False),
    Column("queues", CleanText, nullable=False, server_default=text("''")),  # of the PBX, a name a line
    Column("pbx_name", CleanText, nullable=False, server_default=text("''")),  # shown when `name` is empty
    Column("on_pbx", Boolean, nullable=False, server_default=false()),  # whether the PBX ever had the extension
    Column("listed", Boolean, nullable=False),  # false: known only because a contact or a token names the extension
    UniqueConstraint("extension"),
    sqlite_autoincrement=True,  # an id is never used twice
)

extension_ownership = Table(
    "extension_ownership",  # who had which extension when, and under which name
    metadata,
    Column("id", Key, primary_key=True),
    Column("extension", CleanText, nullable=False),
    Column("employee_id", Key, ForeignKey("employees.id"), nullable=False),
    Column("name", CleanText, nullable=False),  # of the employee in that time
    Column("since", Instant, nullable=False),
    Column("until", Instant),  # null while it is so
    Index("ix_extension_ownership_extension", "extension", "since"),
    sqlite_autoincrement=True,
)
