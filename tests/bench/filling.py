"""Databases of any size for measures: made once and kept in .bench, rows by the driver itself into storage's tables."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, create_engine, event, insert
from sqlalchemy.schema import CreateIndex

from pbxd.book import field_kinds
from pbxd.book import fields as book_fields
from pbxd.book.contacts import ContactDraft
from pbxd.book.fields import BUILT_IN
from pbxd.book.texts import folded
from pbxd.storage import tables
from pbxd.storage.access.employee_ids import UNKNOWN
from pbxd.storage.engine import schema
from pbxd.storage.search import fulltext, search_text
from tests.bench.figures import FOLDER

_FILLED = (
    tables.companies, tables.contacts, tables.contact_numbers, tables.contact_emails, tables.contact_tags,
    tables.number_holdings,
)  # fmt: skip


async def kept(name: str, made_by: Path, fill: Callable[[Path], None]) -> Path:
    """Return the file of that name, filled by `fill` unless it is there for this schema and this code already."""
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{name}-{_fingerprint(made_by)}.db"
    if not file.exists():
        for old in FOLDER.glob(f"{name}-*.db*"):
            old.unlink()
        part = file.with_suffix(".part.db")
        await schema.upgrade(f"sqlite+aiosqlite:///{part}")
        fill(part)
        part.rename(file)
    return file


@contextmanager
def filling(file: Path, *, searched: bool = True) -> Iterator[Connection]:
    """Open a new database to be filled: its indices are made at the end, which takes a third of the time.

    Without `searched` nothing of it is in the full-text index.
    """
    engine = create_engine(f"sqlite:///{file}")
    event.listen(engine, "connect", lambda connection, _record: fulltext.lend_tokens(connection))
    indices = [index for table in _FILLED for index in table.indexes]
    with engine.connect() as connection:
        for pragma in ("synchronous=OFF", "journal_mode=OFF", "cache_size=-200000"):
            connection.exec_driver_sql(f"PRAGMA {pragma}")
        for index in indices:
            connection.exec_driver_sql(f"DROP INDEX {index.name}")
        connection.exec_driver_sql("DROP TRIGGER contacts_found_new")
        yield connection
        for index in indices:
            connection.execute(CreateIndex(index))
        if searched:
            connection.exec_driver_sql("INSERT INTO contacts_found(contacts_found, rank) VALUES ('hashsize', 67108864)")
            fulltext.fill(connection)
            connection.exec_driver_sql("INSERT INTO contacts_found(contacts_found) VALUES ('optimize')")
            connection.exec_driver_sql("INSERT INTO contacts_found(contacts_found, rank) VALUES ('hashsize', 1048576)")
        connection.exec_driver_sql(fulltext.TRIGGERS[0])
        connection.commit()
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
    engine.dispose()


def put_companies(connection: Connection, names: Iterable[tuple[int, str]]) -> None:
    """Write companies, (id, name) each."""
    _rows(connection, tables.companies, [{"id": key, "name": name, "folded": folded(name)} for key, name in names])


def put(
    connection: Connection,
    drafts: Sequence[tuple[int, ContactDraft]],
    companies: Mapping[str, int],
    changed: Callable[[int], datetime],
) -> None:
    """Write contacts, (id, what is on the card) each, of companies that are there; their time is `changed(id)`."""
    drafts = [(key, replace(draft, manager_id=int(draft.manager or 0))) for key, draft in drafts]
    _put_managers(connection, {draft.manager for _key, draft in drafts} - {""})
    _rows(connection, tables.contacts, [_main(key, draft, companies, changed(key)) for key, draft in drafts])
    numbers = [(key, place, each) for key, draft in drafts for place, each in enumerate(draft.numbers)]
    _rows(
        connection,
        tables.contact_numbers,
        [
            _part(key, place) | {"number": each.number, "typed": "", "extension": "", "label": "", "main": each.main}
            for key, place, each in numbers
        ],
    )
    held = [{"number": each.number, "contact_id": key, "since": _text(changed(key))} for key, _place, each in numbers]
    _rows(connection, tables.number_holdings, held)
    for table, column, several in (
        (tables.contact_emails, "email", [(key, draft.emails) for key, draft in drafts]),
        (tables.contact_tags, "tag", [(key, draft.tags) for key, draft in drafts]),
    ):
        rows = [
            _part(key, place) | {column: word, "folded": folded(word)}
            for key, found in several
            for place, word in enumerate(found)
        ]
        _rows(connection, table, rows)


def _put_managers(connection: Connection, extensions: Collection[str]) -> None:
    """Make sure that these employees are there, with their extensions as ids."""
    one = insert(tables.employees).prefix_with("OR IGNORE")
    rows = [UNKNOWN | {"id": int(extension), "extension": extension} for extension in extensions]
    if rows:
        connection.execute(one, rows)


def _main(key: int, draft: ContactDraft, companies: Mapping[str, int], at: datetime) -> dict[str, Any]:
    return {
        "id": key, "name": draft.name, "folded": folded(draft.name), "search": search_text.found_by(draft, BUILT_IN),
        "company_folded": folded(draft.company), "position_folded": folded(draft.position),
        "main_number": draft.numbers[0].number, "company_id": companies[draft.company], "position": draft.position,
        "manager_id": draft.manager_id, "manager": draft.manager, "vip": draft.vip, "comment": draft.comment,
        "birth_date": None, "visibility": "shared", "owner_id": 0, "created_by_id": 0, "version": 1,
        "created": _text(at), "changed": _text(at),
    }  # fmt: skip


def _part(key: int, place: int) -> dict[str, int]:
    return {"contact_id": key, "place": place}


def _rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows by the driver itself: SQLAlchemy would take more time for each than SQLite."""
    if rows:
        columns, places = ", ".join(rows[0]), ", ".join("?" * len(rows[0]))
        statement = f"INSERT INTO {table.name} ({columns}) VALUES ({places})"  # noqa: S608 - names of our own
        connection.exec_driver_sql(statement, [tuple(row.values()) for row in rows])


def _text(at: datetime) -> str:
    """Write an instant as storage does on SQLite."""
    return at.replace(tzinfo=None).isoformat(" ", "microseconds")


def _fingerprint(made_by: Path) -> str:
    """Tell databases of other schemas, of other words to be found by, or made by another version of the code, apart."""
    modules = (search_text, fulltext, book_fields, field_kinds)
    files = (made_by, Path(__file__), *(Path(str(module.__file__)) for module in modules))
    return hashlib.sha256(schema.HEAD.encode() + b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
