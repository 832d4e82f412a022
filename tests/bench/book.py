"""Contact books of any size, made once and kept in .bench: rows by bulk INSERT into storage's own tables."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, insert
from sqlalchemy.schema import CreateTable

from pbxd.book import ContactDraft, ContactNumber, folded
from pbxd.storage import fulltext, schema, tables
from pbxd.storage.words import found_by
from tests.bench.figures import FOLDER

FIRST = 79_000_000_000  # contact n (from 0) has the number +FIRST + n
SPREAD = 7919  # a prime: numbers asked for in steps of it don't lie side by side
_CHUNK = 20_000
_PEOPLE_A_COMPANY = 20
_VIPS = 100  # every hundredth
_SAVED = datetime(2026, 1, 1, tzinfo=UTC)
_SURNAMES = ("Фронкин", "Соколова", "Кузнецов", "Морозова", "Волков", "Лебедева", "Новиков", "Егорова")
_NAMES = ("Игорь", "Анна", "Пётр", "Мария", "Олег", "Елена", "Никита", "Дарья", "Глеб", "Ирина")


def number(place: int) -> str:
    """Return the number of a contact, E.164."""
    return f"+{FIRST + place}"


def company(place: int) -> str:
    """Return the company of a contact; twenty have the same."""
    return _company(place)


async def place_book(contacts: int, target: Path) -> None:
    """Put a database with so many contacts, one number each, at `target`."""
    FOLDER.mkdir(exist_ok=True)
    kept = FOLDER / f"book-{contacts}-{_fingerprint()}.db"
    if not kept.exists():
        for old in FOLDER.glob(f"book-{contacts}-*.db*"):
            old.unlink()
        part = kept.with_suffix(".part.db")
        await schema.upgrade(f"sqlite+aiosqlite:///{part}")
        _fill(part, contacts)
        part.rename(kept)
    shutil.copyfile(kept, target)


def _fingerprint() -> str:
    """Tell books of different schemas, or of different versions of this file, apart."""
    text = "".join(str(CreateTable(table)) for table in tables.metadata.sorted_tables) + schema.HEAD
    return hashlib.sha256(text.encode() + Path(__file__).read_bytes()).hexdigest()[:12]


def _fill(file: Path, contacts: int) -> None:
    engine = create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA synchronous=OFF")
        connection.exec_driver_sql("DROP TRIGGER contacts_found_new")  # nobody searches in this book
        connection.commit()
        for start in range(0, contacts, _CHUNK):
            _insert(connection, range(start, min(start + _CHUNK, contacts)))
        connection.commit()
        for statement in fulltext.TRIGGERS[:1]:
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()


def _insert(connection: Connection, places: range) -> None:
    drafts = [_draft(place) for place in places]
    names = dict.fromkeys((_company_id(place), _company(place)) for place in places)
    rows = [
        {"id": key, "name": name, "folded": folded(name)}
        for key, name in names
        if key * _PEOPLE_A_COMPANY - 19 > places.start
    ]
    if rows:
        connection.execute(insert(tables.companies), rows)
    connection.execute(insert(tables.contacts), list(_main_rows(places, drafts)))
    connection.execute(insert(tables.contact_numbers), [_number_row(place) for place in places])
    held = [{"number": number(place), "contact_id": place + 1, "since": _SAVED} for place in places]
    connection.execute(insert(tables.number_holdings), held)


def _company_id(place: int) -> int:
    return place // _PEOPLE_A_COMPANY + 1


def _company(place: int) -> str:
    return f"ООО «Ромашка-{_company_id(place)}»"


def _draft(place: int) -> ContactDraft:
    name = f"{_SURNAMES[place % len(_SURNAMES)]} {_NAMES[place // 8 % len(_NAMES)]} {place}"
    return ContactDraft(
        name=name,
        company=_company(place),
        numbers=(ContactNumber(number(place), main=True),),
        manager=str(101 + place % 4),
        vip=place % _VIPS == 0,
    )


def _main_rows(places: range, drafts: list[ContactDraft]) -> Iterator[dict[str, Any]]:
    now = datetime.now(UTC)
    for place, draft in zip(places, drafts, strict=True):
        yield {
            "id": place + 1, "name": draft.name, "folded": folded(draft.name), "search": found_by(draft),
            "company_folded": folded(draft.company), "position_folded": "", "main_number": draft.numbers[0].number,
            "company_id": _company_id(place), "position": "", "manager": draft.manager, "vip": draft.vip,
            "comment": "", "birth_date": None, "visibility": "shared", "owner": "", "created_by": "", "version": 1,
            "created": now, "changed": now,
        }  # fmt: skip


def _number_row(place: int) -> dict[str, Any]:
    return {
        "contact_id": place + 1, "place": 0, "number": number(place), "typed": "", "extension": "", "label": "",
        "main": True,
    }  # fmt: skip
