"""Employees have ids; contacts, their history, favourites, imports and tokens refer to them instead of to extensions.

Every extension that stands anywhere gets an employee, also one of whom nothing else is known (`listed` is false). Who
has an extension now is taken for who always had it: nothing else is known of the time before.
"""

from __future__ import annotations

import hashlib
import unicodedata
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SORTED_TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
INSTANT = sa.DateTime(timezone=True)
EMPTY = sa.text("''")
NONE = "0"
MANAGER = "⁵"  # what the mark of a manager begins with in `contacts.search`
WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
VISIBILITY = "(visibility = 'shared' AND owner_id = 0) OR (visibility = 'personal' AND owner_id <> 0)"
SORTED_BY = {
    "name": "folded", "company": "company_folded", "position": "position_folded", "number": "main_number",
    "manager": "manager", "vip": "vip", "changed": "changed",
}  # fmt: skip
KEPT = (
    "id, name, folded, company_id, position, manager, vip, comment, birth_date, visibility, version, created, changed,"
    " import_id, company_folded, position_folded, main_number"
)
NAMED = (  # wherever an extension stands
    ("employees", "extension"), ("contacts", "manager"), ("contacts", "owner"), ("contacts", "created_by"),
    ("contact_changes", "actor"), ("contact_changes", "owner"), ("favourites", "extension"), ("imports", "actor"),
    ("tokens", "employee"),
)  # fmt: skip


def upgrade() -> None:
    connection = op.get_bind()
    _make_people(connection)
    if connection.dialect.name == "sqlite":
        _rebuild_contacts(connection)
    else:
        _change_contacts(connection)
    _change_the_rest(connection)
    _convert_import_changes(connection)
    op.execute("DROP TABLE people")


def _make_people(connection: sa.Connection) -> None:
    """Give everybody an id, in the order of extensions, and keep it by extension in `people` for this upgrade."""
    found: sa.CompoundSelect[str] = sa.union(
        *(sa.select(sa.column(column)).select_from(sa.table(table)) for table, column in NAMED),
        *_named_in_imports(connection),
    )
    extensions = sorted(filter(None, connection.execute(found).scalars()), key=lambda each: (len(each), each))
    op.execute(
        f"CREATE TEMPORARY TABLE people (extension TEXT PRIMARY KEY, id {_key(connection)} NOT NULL,"
        " old TEXT NOT NULL, new TEXT NOT NULL)"
    )
    people = sa.table("people", *map(sa.column, ("extension", "id", "old", "new")))
    rows = [
        {"extension": extension, "id": key, "old": _mark(extension), "new": _mark(str(key))}
        for key, extension in enumerate(extensions, 1)
    ]
    if rows:
        connection.execute(sa.insert(people), rows)
    _make_employees(connection, len(rows))


def _named_in_imports(connection: sa.Connection) -> list[sa.Select[Any]]:
    """Ask for the extensions that stand in what imports keep of cards."""
    kept = sa.table("import_changes")
    member = "json_extract({0}, '$.{1}')" if connection.dialect.name == "sqlite" else "{0} ->> '{1}'"
    return [
        sa.select(sa.literal_column(member.format(column, name))).select_from(kept)
        for column in ("changes", "before")
        for name in ("manager", "owner")
    ]


def _make_employees(connection: sa.Connection, count: int) -> None:
    op.rename_table("employees", "old_employees")
    if connection.dialect.name == "postgresql":  # the name goes with the table
        op.execute("ALTER TABLE old_employees DROP CONSTRAINT pk_employees")
    op.create_table(
        "employees",
        sa.Column("id", KEY, nullable=False),
        sa.Column("extension", sa.Text()),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("name", "mobile", "did", "email", "department")),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("queues", sa.Text(), nullable=False, server_default=EMPTY),
        sa.Column("pbx_name", sa.Text(), nullable=False, server_default=EMPTY),
        sa.Column("on_pbx", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("listed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_employees")),
        sa.UniqueConstraint("extension", name=op.f("uq_employees_extension")),
        sqlite_autoincrement=True,
    )
    op.execute(
        "INSERT INTO employees (id, extension, name, mobile, did, email, department, active, queues, pbx_name, on_pbx,"
        " listed) SELECT p.id, p.extension, coalesce(e.name, ''), coalesce(e.mobile, ''), coalesce(e.did, ''),"
        " coalesce(e.email, ''), coalesce(e.department, ''), coalesce(e.active, true), coalesce(e.queues, ''),"
        " coalesce(e.pbx_name, ''), coalesce(e.on_pbx, false), e.extension IS NOT NULL"
        " FROM people p LEFT JOIN old_employees e ON e.extension = p.extension"
    )
    op.execute("DROP TABLE old_employees")
    _make_ownership(connection)
    if connection.dialect.name == "postgresql":
        op.execute(f"SELECT setval(pg_get_serial_sequence('employees', 'id'), {count + 1}, false)")


def _make_ownership(connection: sa.Connection) -> None:
    op.create_table(
        "extension_ownership",
        sa.Column("id", KEY, nullable=False),
        sa.Column("extension", sa.Text(), nullable=False),
        sa.Column("employee_id", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("until", INSTANT),
        sa.ForeignKeyConstraint(["employee_id"], ["employees.id"], name=op.f("fk_extension_ownership_employee_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_extension_ownership")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_extension_ownership_extension", "extension_ownership", ["extension", "since"])
    now = datetime.now(UTC)
    since = now.replace(tzinfo=None) if connection.dialect.name == "sqlite" else now
    connection.execute(
        sa.text(
            "INSERT INTO extension_ownership (extension, employee_id, name, since)"
            " SELECT extension, id, coalesce(nullif(name, ''), pbx_name), :since FROM employees"
        ).bindparams(sa.bindparam("since", since, INSTANT))
    )


def _rebuild_contacts(connection: sa.Connection) -> None:
    """Make the table anew: SQLite changes neither a column's type nor a check.

    The full-text index is kept where there is one. Only the marks of managers change in it, which takes seconds; to
    fill it anew would take minutes. Its triggers go with the old table; `storage.engine.schema` makes them anew.
    """
    indexed = bool(connection.exec_driver_sql("SELECT 1 FROM sqlite_master WHERE name = 'contacts_found'").first())
    if indexed:
        for trigger in ("new", "gone", "changed"):
            op.execute(f"DROP TRIGGER IF EXISTS contacts_found_{trigger}")
        marked = "FROM contacts c CROSS JOIN people p ON p.extension = c.manager WHERE c.owner = '' ORDER BY c.id"
        op.execute(f"INSERT INTO contacts_found(contacts_found, rowid, tokens) SELECT 'delete', c.id, p.old {marked}")
        op.execute(f"INSERT INTO contacts_found(rowid, tokens) SELECT c.id, p.new {marked}")
    last = connection.exec_driver_sql("SELECT seq FROM sqlite_sequence WHERE name = 'contacts'").scalar()
    _create_contacts("new_contacts")
    op.execute(
        f"INSERT INTO new_contacts ({KEPT}, manager_id, owner_id, created_by_id, search) SELECT {_of('c')},"  # noqa: S608 - our own names
        " coalesce(m.id, 0), coalesce(o.id, 0), coalesce(b.id, 0),"
        " CASE WHEN m.id IS NULL THEN c.search ELSE replace(c.search, m.old, m.new) END"
        " FROM contacts c LEFT JOIN people m ON m.extension = c.manager LEFT JOIN people o ON o.extension = c.owner"
        " LEFT JOIN people b ON b.extension = c.created_by ORDER BY c.id"
    )
    op.execute("DROP TABLE contacts")
    op.rename_table("new_contacts", "contacts")
    if last is not None:  # an id is never given twice
        op.execute("DELETE FROM sqlite_sequence WHERE name = 'contacts'")
        connection.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES ('contacts', ?)", (last,))
    op.create_index("ix_contacts_folded", "contacts", ["folded", "id"])
    op.create_index("ix_contacts_company_id", "contacts", ["company_id"])
    made = sa.text("import_id <> 0")
    op.create_index("ix_contacts_import_id", "contacts", ["import_id", "id"], sqlite_where=made)
    _index_owners()


def _create_contacts(name: str) -> None:
    op.create_table(
        name,
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
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created", INSTANT, nullable=False),
        sa.Column("changed", INSTANT, nullable=False),
        sa.Column("import_id", KEY, nullable=False, server_default=NONE),
        *(
            sa.Column(column, SORTED_TEXT, nullable=False, server_default=EMPTY)
            for column in ("company_folded", "position_folded", "main_number")
        ),
        sa.Column("manager_id", KEY, nullable=False),
        sa.Column("owner_id", KEY, nullable=False),
        sa.Column("created_by_id", KEY, nullable=False),
        sa.CheckConstraint(VISIBILITY, name=op.f("ck_contacts_visibility")),
        sa.ForeignKeyConstraint(
            ["company_id"], ["companies.id"], name=op.f("fk_contacts_company_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contacts")),
        sqlite_autoincrement=True,
    )


def _change_contacts(connection: sa.Connection) -> None:
    """Change the table in place. Indexes are dropped first, or each row would be written into all of them."""
    for index in ("ix_contacts_owner", "ix_contacts_folded", "ix_contacts_company_id", "ix_contacts_import_id"):
        op.drop_index(index, "contacts")
    for name in SORTED_BY:
        op.drop_index(f"ix_contacts_by_{name}", "contacts")
    searched = connection.exec_driver_sql("SELECT to_regclass('ix_contacts_search')").scalar()
    if searched:
        op.drop_index("ix_contacts_search", "contacts")
    op.drop_constraint(op.f("ck_contacts_visibility"), "contacts")
    for column in ("manager_id", "owner_id", "created_by_id"):
        op.add_column("contacts", sa.Column(column, KEY, nullable=False, server_default=NONE))
    op.execute(
        "UPDATE contacts c SET manager_id = coalesce(m.id, 0), owner_id = coalesce(o.id, 0),"
        " created_by_id = coalesce(b.id, 0), search = coalesce(replace(c.search, m.old, m.new), c.search)"
        " FROM contacts d LEFT JOIN people m ON m.extension = d.manager LEFT JOIN people o ON o.extension = d.owner"
        " LEFT JOIN people b ON b.extension = d.created_by WHERE d.id = c.id AND NOT (m.id IS NULL AND o.id IS NULL"
        " AND b.id IS NULL)"
    )
    for column in ("manager_id", "owner_id", "created_by_id"):
        op.alter_column("contacts", column, server_default=None)
    op.drop_column("contacts", "owner")
    op.drop_column("contacts", "created_by")
    op.create_check_constraint(op.f("ck_contacts_visibility"), "contacts", VISIBILITY)
    op.create_index("ix_contacts_folded", "contacts", ["folded", "id"])
    op.create_index("ix_contacts_company_id", "contacts", ["company_id"])
    made = sa.text("import_id <> 0")
    op.create_index("ix_contacts_import_id", "contacts", ["import_id", "id"], postgresql_where=made)
    _index_owners()
    if searched:
        op.execute("CREATE INDEX ix_contacts_search ON contacts USING gin (search gin_trgm_ops)")


def _index_owners() -> None:
    shared = sa.text("owner_id = 0")
    op.create_index("ix_contacts_owner_id", "contacts", ["owner_id"])
    for name, column in SORTED_BY.items():
        columns = [column, "id", "owner_id", "import_id"]
        op.create_index(f"ix_contacts_by_{name}", "contacts", columns, sqlite_where=shared, postgresql_where=shared)


def _change_the_rest(connection: sa.Connection) -> None:
    """Let the other tables refer to ids. `contact_changes.actor` stays: the extension they had then."""
    for table, old, new, kept in (
        ("contact_changes", "actor", "actor_id", True),
        ("contact_changes", "owner", "owner_id", False),
        ("imports", "actor", "actor_id", False),
        ("tokens", "employee", "employee_id", False),
    ):
        op.add_column(table, sa.Column(new, KEY, nullable=False, server_default=NONE))
        op.execute(
            f"UPDATE {table} SET {new} = (SELECT p.id FROM people p"  # noqa: S608 - our own names, here and above
            f" WHERE p.extension = {table}.{old}) WHERE {old} <> ''"
        )
        if not kept:
            op.drop_column(table, old)
    op.rename_table("favourites", "old_favourites")
    if connection.dialect.name == "postgresql":
        op.execute("ALTER TABLE old_favourites DROP CONSTRAINT pk_favourites")
        op.execute("ALTER TABLE old_favourites DROP CONSTRAINT fk_favourites_contact_id")
    op.drop_index("ix_favourites_contact_id", "old_favourites")
    op.create_table(
        "favourites",
        sa.Column("employee_id", KEY, nullable=False),
        sa.Column("contact_id", KEY, nullable=False),
        sa.ForeignKeyConstraint(["employee_id"], ["employees.id"], name=op.f("fk_favourites_employee_id")),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_favourites_contact_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("employee_id", "contact_id", name=op.f("pk_favourites")),
    )
    op.execute(
        "INSERT INTO favourites (employee_id, contact_id)"
        " SELECT p.id, f.contact_id FROM old_favourites f JOIN people p ON p.extension = f.extension"
    )
    op.execute("DROP TABLE old_favourites")
    op.create_index("ix_favourites_contact_id", "favourites", ["contact_id"])


def _convert_import_changes(connection: sa.Connection) -> None:
    """Name employees by id in what imports keep of cards: they may be undone long after an extension has passed."""
    people = connection.exec_driver_sql("SELECT extension, id FROM people")
    ids = {row.extension: row.id for row in people}
    kept = sa.table(
        "import_changes", sa.column("import_id"), sa.column("contact_id"), sa.column("changes", sa.JSON()),
        sa.column("before", sa.JSON(none_as_null=True)),
    )  # fmt: skip
    mine = sa.and_(kept.c.import_id == sa.bindparam("which"), kept.c.contact_id == sa.bindparam("whose"))
    one = kept.update().where(mine).values(changes=sa.bindparam("now_changes"), before=sa.bindparam("now_before"))
    last = (0, 0)
    while True:
        key = sa.tuple_(kept.c.import_id, kept.c.contact_id)
        wanted = sa.select(kept).where(key > sa.tuple_(*last)).order_by(kept.c.import_id, kept.c.contact_id)
        rows = connection.execute(wanted.limit(5_000)).all()
        if not rows:
            return
        last = (rows[-1].import_id, rows[-1].contact_id)
        connection.execute(
            one,
            [
                {
                    "which": row.import_id, "whose": row.contact_id,
                    "now_changes": _with_ids(row.changes, ids), "now_before": _with_ids(row.before, ids),
                }
                for row in rows
            ],
        )  # fmt: skip


def _with_ids(kept: dict[str, Any] | None, ids: dict[str, int]) -> dict[str, Any] | None:
    if not kept:
        return kept
    named = {f"{name}_id": ids.get(kept[name], 0) for name in ("manager", "owner") if name in kept}
    return {name: value for name, value in kept.items() if name not in ("manager", "owner")} | named


def _mark(word: str) -> str:
    """Return the mark of a manager in `contacts.search`."""
    plain = " ".join(unicodedata.normalize("NFKC", word).casefold().replace("ё", "е").split())
    return MANAGER + hashlib.blake2s(plain.encode("utf-8", "replace"), digest_size=8).hexdigest().translate(WIDE)


def _of(table: str) -> str:
    return ", ".join(f"{table}.{name.strip()}" for name in KEPT.split(","))


def _key(connection: sa.Connection) -> str:
    return "INTEGER" if connection.dialect.name == "sqlite" else "BIGINT"
