"""Cards of companies, changes and favourites of contacts, and the PBX's facts about employees."""

from __future__ import annotations

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SORTED_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INSTANT = sa.DateTime(timezone=True)
CHUNK = 10_000  # rows


def upgrade() -> None:
    _widen_companies()
    _widen_emails()
    _create_changes()
    _create_favourites()
    _widen_employees()


def _widen_companies() -> None:
    op.add_column("companies", sa.Column("address", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column("companies", sa.Column("site", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column("companies", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.create_table(
        "company_emails",
        sa.Column("company_id", KEY, nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id"], ["companies.id"], name=op.f("fk_company_emails_company_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("company_id", "place", name=op.f("pk_company_emails")),
    )


def _widen_emails() -> None:
    op.add_column("contact_emails", sa.Column("folded", SORTED_TEXT, nullable=False, server_default=sa.text("''")))
    emails = sa.table("contact_emails", sa.column("email"), sa.column("folded"))
    connection = op.get_bind()
    same = sa.update(emails).where(emails.c.email == sa.bindparam("as_written")).values(folded=sa.bindparam("as_found"))
    known = connection.execute(sa.select(emails.c.email).distinct()).scalars().all()
    op.create_index("ix_contact_emails_email", "contact_emails", ["email"])  # for the next step only
    for start in range(0, len(known), CHUNK):
        part = known[start : start + CHUNK]
        connection.execute(same, [{"as_written": email, "as_found": _folded(email)} for email in part])
    op.drop_index("ix_contact_emails_email", "contact_emails")
    op.create_index("ix_contact_emails_folded", "contact_emails", ["folded"])


def _folded(text: str) -> str:
    """Return the form in which texts are compared."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().replace("ё", "е").split())


def _create_changes() -> None:
    op.create_table(
        "contact_changes",
        sa.Column("id", KEY, nullable=False),
        sa.Column("contact_id", KEY, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_contact_changes_contact_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_changes")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_contact_changes_contact_id", "contact_changes", ["contact_id", "version"])


def _create_favourites() -> None:
    op.create_table(
        "favourites",
        sa.Column("extension", sa.Text(), nullable=False),
        sa.Column("contact_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_favourites_contact_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("extension", "contact_id", name=op.f("pk_favourites")),
    )
    op.create_index("ix_favourites_contact_id", "favourites", ["contact_id"])


def _widen_employees() -> None:
    op.add_column("employees", sa.Column("queues", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column("employees", sa.Column("pbx_name", sa.Text(), nullable=False, server_default=sa.text("''")))
    op.add_column("employees", sa.Column("on_pbx", sa.Boolean(), nullable=False, server_default=sa.false()))
