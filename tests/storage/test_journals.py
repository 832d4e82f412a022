"""Asterisk's log as a table of SQLite or PostgreSQL and as a file: the same rows, from a time on."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from sqlalchemy import text

from pbxd.errors import UnavailableError
from pbxd.settings import CEL_COLUMNS
from pbxd.storage.database import Database
from pbxd.storage.journals import Journal, Values, rows

LOG = Path(__file__).parent.parent / "captures/queue_answered/cel.csv"
with LOG.open(encoding="utf-8", newline="") as stream:
    LINES = [dict(zip(CEL_COLUMNS, line, strict=True)) for line in csv.reader(stream)]
MIDDLE = float(LINES[len(LINES) // 2]["eventtime"])


async def read(journal: Journal, since: float) -> list[Values]:
    return [values async for part in rows(journal, since) for values in part]


def later(since: float) -> list[Values]:
    return [line for line in LINES if float(line["eventtime"]) >= since]


async def table(database: Database, time: str, value: str) -> None:
    """Make a table as cel_pgsql and cel_sqlite3_custom want it, and put the log's lines in."""
    names = ", ".join(CEL_COLUMNS)
    columns = ", ".join(f"{name} {time if name == 'eventtime' else 'TEXT'}" for name in CEL_COLUMNS)
    values = ", ".join(value if name == "eventtime" else f":{name}" for name in CEL_COLUMNS)
    key = "INTEGER PRIMARY KEY" if database.is_sqlite else "SERIAL PRIMARY KEY"
    async with database.writing() as connection:
        await connection.execute(text("DROP TABLE IF EXISTS cel"))
        await connection.execute(text(f"CREATE TABLE cel (id {key}, {columns})"))
        filling = f"INSERT INTO cel ({names}) VALUES ({values})"  # noqa: S608 - our own names
        await connection.execute(text(filling), LINES)


async def drop(database: Database) -> None:
    async with database.writing() as connection:
        await connection.execute(text("DROP TABLE cel"))


async def test_a_table_gives_the_rows_from_a_time_on(database: Database, url: str) -> None:
    forms = [("TEXT", ":eventtime")]
    if not database.is_sqlite:
        epoch = "CAST(CAST(:eventtime AS TEXT) AS DOUBLE PRECISION)"
        forms.append(("TIMESTAMP", f"to_timestamp({epoch}) AT TIME ZONE 'UTC'"))
    for form in forms:
        await table(database, *form)
        for since in (0.0, MIDDLE):
            found = await read(Journal(url, CEL_COLUMNS), since)
            assert [{name: each[name] for name in CEL_COLUMNS} for each in found] == later(since)
    await drop(database)


@pytest.mark.usefixtures("database")
async def test_what_is_no_such_table_is_named(url: str) -> None:
    with pytest.raises(UnavailableError, match="no table cel"):
        await read(Journal(url, CEL_COLUMNS), 0.0)
    with pytest.raises(UnavailableError, match="no column channame, eventtime, eventtype"):
        await read(Journal(url, CEL_COLUMNS, "calls"), 0.0)


async def test_a_file_gives_whole_lines_of_its_columns_only(tmp_path: Path) -> None:
    file = tmp_path / "cel.csv"
    damage = '"CHAN_START","yesterday"\n"x"\n\n"ANSWER","1795304376.6","un'
    file.write_bytes(LOG.read_bytes() + damage.encode() + b"\xff")
    for since in (0.0, MIDDLE):
        assert await read(Journal(str(file), CEL_COLUMNS), since) == later(since)
    with pytest.raises(UnavailableError, match="nowhere"):
        await read(Journal(str(tmp_path / "nowhere"), CEL_COLUMNS), 0.0)
