"""A book with a history as a pbxd of schema 0005 kept it, as big as is asked for."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

SCHEMA = "0005"
BEGAN = datetime(2024, 1, 1, tzinfo=UTC)
SURNAMES = ("Белова", "Соколов", "Фронкин", "Кузнецова", "Орлов", "Лебедева", "Морозов", "Волкова")
Row = dict[str, object]


def fill(file: Path, count: int) -> None:
    """Put so many contacts, and as many calls, into a SQLite database of that schema."""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("PRAGMA synchronous=OFF")
        for table, one in (
            ("contacts", _contact),
            ("contact_numbers", _number),
            ("calls", _call),
            ("call_agents", _agent),
        ):
            names = ", ".join(one(1))
            statement = f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(one(1)))})"  # noqa: S608 - ours
            connection.executemany(statement, _values(one, count))


def _values(one: object, count: int) -> Iterator[tuple[object, ...]]:
    assert callable(one)
    for place in range(1, count + 1):
        yield tuple(one(place).values())


def _contact(place: int) -> Row:
    name = f"{SURNAMES[place % len(SURNAMES)]} Игорь {place}"
    now = "2026-01-01 09:00:00.000000"
    return {
        "id": place, "name": name, "folded": name.casefold(), "search": name.casefold(), "position": "директор",
        "manager": "101", "vip": 0, "comment": f"перезвонить до обеда, договор {place}", "visibility": "shared",
        "owner": "", "created_by": "", "version": 1, "created": now, "changed": now, "import_id": 0,
    }  # fmt: skip


def _number(place: int) -> Row:
    number = f"+7{9160000000 + place}"
    return {
        "contact_id": place, "place": 0, "number": number, "typed": number, "extension": "", "label": "", "main": 1
    }  # fmt: skip


def _call(place: int) -> Row:
    times = [BEGAN + timedelta(seconds=60 * place + later) for later in (0, 12, 90)]
    number = f"+7{9160000000 + place}"
    steps = [
        {"at": time.isoformat(), "what": what, "who": "101"}
        for time, what in zip(times, ("began", "answered", "ended"), strict=True)
    ]
    record = {
        "caller": {"number": number}, "callee": {"number": "101", "extension": "101"}, "story": steps,
        "seconds": {"ring": 12.0, "talk": 78.0}, "answered_by": ["101"],
    }  # fmt: skip
    started, answered, ended = (f"{time:%Y-%m-%d %H:%M:%S.%f}" for time in times)
    return {
        "id": f"{place:012x}", "pbx": "pbx", "linkedid": f"{place}.1", "direction": "incoming", "origin": "dialled",
        "outcome": "answered", "started": started, "answered": answered, "ended": ended, "caller_number": number,
        "callee_number": "101", "callee_extension": "101", "talk_seconds": 78.0, "record": json.dumps(record),
    }  # fmt: skip


def _agent(place: int) -> Row:
    return {"extension": "101", "call_id": f"{place:012x}"}
