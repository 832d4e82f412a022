"""Companies, contacts, employees, calls, the feed and tokens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SORTED_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _create_companies()
    _create_contacts()
    _create_contact_parts()
    _create_employees()
    _create_calls()
    _create_feed()
    _create_tokens()


def _create_companies() -> None:
    op.create_table(
        "companies",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folded", SORTED_TEXT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_companies")),
        sa.UniqueConstraint("folded", name=op.f("uq_companies_folded")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "company_numbers",
        sa.Column("company_id", KEY, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id"], ["companies.id"], name=op.f("fk_company_numbers_company_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("company_id", "number", name=op.f("pk_company_numbers")),
    )
    op.create_index("ix_company_numbers_number", "company_numbers", ["number"])


def _create_contacts() -> None:
    op.create_table(
        "contacts",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folded", SORTED_TEXT, nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.Column("company_id", KEY),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("manager", sa.Text(), nullable=False),
        sa.Column("vip", sa.Boolean(), nullable=False),
        sa.Column("comment", sa.Text(), nullable=False),
        sa.Column("birth_date", sa.Date()),
        sa.Column("visibility", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created", INSTANT, nullable=False),
        sa.Column("changed", INSTANT, nullable=False),
        sa.CheckConstraint(
            "(visibility = 'shared' AND owner = '') OR (visibility = 'personal' AND owner <> '')",
            name=op.f("ck_contacts_visibility"),
        ),
        sa.ForeignKeyConstraint(
            ["company_id"], ["companies.id"], name=op.f("fk_contacts_company_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_contacts_company_id", "contacts", ["company_id"])
    op.create_index("ix_contacts_folded", "contacts", ["folded", "id"])
    op.create_index("ix_contacts_manager", "contacts", ["manager"])
    op.create_index("ix_contacts_owner", "contacts", ["owner"])


def _create_contact_parts() -> None:
    op.create_table(
        "contact_numbers",
        sa.Column("contact_id", KEY, nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("typed", sa.Text(), nullable=False),
        sa.Column("extension", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("main", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_contact_numbers_contact_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("contact_id", "place", name=op.f("pk_contact_numbers")),
    )
    op.create_index("ix_contact_numbers_number", "contact_numbers", ["number"])
    op.create_index(
        "uq_contact_numbers_main",
        "contact_numbers",
        ["contact_id"],
        unique=True,
        sqlite_where=sa.text("main"),
        postgresql_where=sa.text("main"),
    )
    op.create_table(
        "contact_emails",
        sa.Column("contact_id", KEY, nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_contact_emails_contact_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("contact_id", "place", name=op.f("pk_contact_emails")),
    )
    op.create_table(
        "contact_tags",
        sa.Column("contact_id", KEY, nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("folded", SORTED_TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_contact_tags_contact_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("contact_id", "place", name=op.f("pk_contact_tags")),
    )
    op.create_index("ix_contact_tags_folded", "contact_tags", ["folded", "contact_id"])


def _create_employees() -> None:
    op.create_table(
        "employees",
        sa.Column("extension", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("mobile", sa.Text(), nullable=False),
        sa.Column("did", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("department", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("extension", name=op.f("pk_employees")),
    )


def _create_calls() -> None:
    op.create_table(
        "calls",
        sa.Column("id", SORTED_TEXT, nullable=False),
        sa.Column("pbx", sa.Text(), nullable=False),
        sa.Column("linkedid", sa.Text(), nullable=False),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text()),
        sa.Column("started", INSTANT, nullable=False),
        sa.Column("answered", INSTANT),
        sa.Column("ended", INSTANT),
        sa.Column("caller_number", sa.Text()),
        sa.Column("caller_extension", sa.Text()),
        sa.Column("caller_contact", KEY),
        sa.Column("callee_number", sa.Text()),
        sa.Column("callee_extension", sa.Text()),
        sa.Column("callee_contact", KEY),
        sa.Column("queue", sa.Text()),
        sa.Column("talk_seconds", sa.Float(), nullable=False),
        sa.Column("merged_into", SORTED_TEXT),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calls")),
    )
    op.create_index("ix_calls_callee_contact", "calls", ["callee_contact", "started"])
    op.create_index("ix_calls_callee_number", "calls", ["callee_number", "started"])
    op.create_index("ix_calls_caller_contact", "calls", ["caller_contact", "started"])
    op.create_index("ix_calls_caller_number", "calls", ["caller_number", "started"])
    op.create_index("ix_calls_ended", "calls", ["ended"])
    op.create_index("ix_calls_linkedid", "calls", ["pbx", "linkedid"])
    op.create_index("ix_calls_started", "calls", ["started", "id"])
    op.create_table(
        "call_agents",
        sa.Column("extension", sa.Text(), nullable=False),
        sa.Column("call_id", SORTED_TEXT, nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["calls.id"], name=op.f("fk_call_agents_call_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("extension", "call_id", name=op.f("pk_call_agents")),
    )
    op.create_index("ix_call_agents_call_id", "call_agents", ["call_id"])


def _create_feed() -> None:
    op.create_table(
        "feed",
        sa.Column("seq", KEY, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_feed")),
        sqlite_autoincrement=True,
    )


def _create_tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("last_four", sa.Text(), nullable=False),
        sa.Column("created", INSTANT, nullable=False),
        sa.Column("revoked", INSTANT),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tokens")),
        sa.UniqueConstraint("digest", name=op.f("uq_tokens_digest")),
        sqlite_autoincrement=True,
    )
