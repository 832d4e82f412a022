"""Contact books of any size, made once and kept in .bench: rows by bulk INSERT into storage's own tables."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from pbxd.book.contacts import ContactDraft, ContactNumber
from tests.bench.filling import filling, kept, put, put_companies

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
    return _named(_company_id(place))


async def place_book(contacts: int, target: Path) -> None:
    """Put a database with so many contacts, one number each, at `target`."""
    shutil.copyfile(await kept(f"book-{contacts}", Path(__file__), lambda file: _fill(file, contacts)), target)


def _fill(file: Path, contacts: int) -> None:
    with filling(file, searched=False) as connection:
        put_companies(connection, ((key, _named(key)) for key in range(1, _company_id(contacts - 1) + 1)))
        known = {_named(key): key for key in range(1, _company_id(contacts - 1) + 1)}
        for start in range(0, contacts, _CHUNK):
            places = range(start, min(start + _CHUNK, contacts))
            put(connection, [(place + 1, _draft(place)) for place in places], known, lambda _key: _SAVED)


def _company_id(place: int) -> int:
    return place // _PEOPLE_A_COMPANY + 1


def _named(company_id: int) -> str:
    return f"ООО «Ромашка-{company_id}»"


def _draft(place: int) -> ContactDraft:
    name = f"{_SURNAMES[place % len(_SURNAMES)]} {_NAMES[place // 8 % len(_NAMES)]} {place}"
    return ContactDraft(
        name=name,
        company=company(place),
        numbers=(ContactNumber(number(place), main=True),),
        manager=str(101 + place % 4),
        vip=place % _VIPS == 0,
    )
