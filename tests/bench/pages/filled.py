"""The database of a company with 100,000 clients and 1,000,000 calls: made once and kept in .bench."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.bench import past
from tests.bench.filling import kept
from tests.bench.people import people

CONTACTS, CALLS = 100_000, 1_000_000
_DEEDS = 100_000  # of the audit log


async def kept_house() -> Path:
    """Return a database with clients, calls and an audit log: to be copied."""
    clients = await people(CONTACTS)
    return await kept(f"house-{CALLS}", Path(__file__), lambda file: _fill(file, clients))


def _fill(file: Path, clients: Path) -> None:
    shutil.copyfile(clients, file)
    with closing(sqlite3.connect(file)) as database:
        asked = "SELECT number FROM contact_numbers WHERE main ORDER BY contact_id"
        numbers = [number for (number,) in database.execute(asked)]
        past.fill(database, CALLS, lambda place: numbers[place] if place < CONTACTS else f"+7999{place:07}")
        database.execute(
            "INSERT INTO missed_calls (extension, started, call_seq) SELECT extension, started, call_seq "
            "FROM call_agents WHERE outcome IN ('missed', 'abandoned')"
        )
        database.executemany(
            "INSERT INTO audit (at, source, employee_id, extension, address, action, subject, result, reason) "
            "VALUES (?, ?, ?, ?, '192.0.2.7', 'edit_contact', ?, ?, '')",
            map(_deed, range(_DEEDS)),
        )
        database.commit()


def _deed(place: int) -> tuple[str, str, int, str, str, str]:
    at, extension = datetime(2026, 6, 1, tzinfo=UTC) + timedelta(minutes=place), 101 + place % 40
    told = at.replace(tzinfo=None).isoformat(" ", "microseconds")
    result = "refused" if place % 50 == 0 else "done"
    return told, f"user {extension}", extension, str(extension), f"contacts/{place % CONTACTS + 1}", result
