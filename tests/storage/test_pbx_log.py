"""Asterisk's log as a table of SQLite or PostgreSQL and as a file: the same rows, from a time on."""

from __future__ import annotations

import asyncio
import csv
import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from pbxd.errors import UnavailableError
from pbxd.settings import CDR_COLUMNS, CDR_NEEDED, CEL_COLUMNS
from pbxd.storage.engine.connections import parsed, place
from pbxd.storage.engine.database import Database
from pbxd.storage.pbx_log.readers import PbxLog, Values, _seek, rows, tail, without_password

LOG = Path(__file__).parent.parent / "captures/queue_answered/cel.csv"
with LOG.open(encoding="utf-8", newline="") as stream:
    LINES = [dict(zip(CEL_COLUMNS, line, strict=True)) for line in csv.reader(stream)]
MIDDLE = float(LINES[len(LINES) // 2]["eventtime"])


@pytest.mark.parametrize("password", ["word", "a/b", "p@ss/w:rd", "%2Fx", "what?now"])
def test_no_password_is_shown(password: str) -> None:
    shown = without_password(f"mysql+aiomysql://pbxd:{password}@db/x?unix_socket=/run/m.sock")
    assert shown == "mysql+aiomysql://pbxd:***@db/x?unix_socket=/run/m.sock"


def test_no_password_of_the_query_is_shown_and_what_has_none_stays() -> None:
    url = "postgresql+asyncpg://pbxd@db/x?ssl=on&password=word&Passwd=word"
    assert without_password(url) == "postgresql+asyncpg://pbxd@db/x?ssl=on&password=***&Passwd=***"
    assert "word=***" in place(parsed(url))
    assert "=word" not in place(parsed(url))
    for plain in ("/var/log/a:b@c.csv", "mysql://pbxd@localhost:3306/x?unix_socket=/run/m.sock", "sqlite:////a:b@c.db"):
        assert without_password(plain) == plain


async def test_the_end_of_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "cel.csv")
    with pytest.raises(UnavailableError, match="not a regular file"):
        await asyncio.wait_for(tail(PbxLog(str(tmp_path / "cel.csv"), CEL_COLUMNS)), 10)


async def read(log: PbxLog, since: float) -> list[Values]:
    return [values async for part in rows(log, since) for values in part]


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
            found = await read(PbxLog(url, CEL_COLUMNS), since)
            assert [{name: each[name] for name in CEL_COLUMNS} for each in found] == later(since)
    await drop(database)


@pytest.mark.usefixtures("database")
async def test_what_is_no_such_table_is_named(url: str) -> None:
    with pytest.raises(UnavailableError, match="no table cel"):
        await read(PbxLog(url, CEL_COLUMNS), 0.0)
    with pytest.raises(UnavailableError, match="no column channame, eventtime, eventtype"):
        await read(PbxLog(url, CEL_COLUMNS, "calls"), 0.0)


async def test_a_file_gives_whole_lines_of_its_columns_only(tmp_path: Path) -> None:
    file = tmp_path / "cel.csv"
    damage = '"CHAN_START","yesterday"\n"x"\n\n"ANSWER","1795304376.6","un'
    file.write_bytes(LOG.read_bytes() + damage.encode() + b"\xff")
    for since in (0.0, MIDDLE):
        assert await read(PbxLog(str(file), CEL_COLUMNS), since) == later(since)
    with pytest.raises(UnavailableError, match="nowhere"):
        await read(PbxLog(str(tmp_path / "nowhere"), CEL_COLUMNS), 0.0)


SMALL = ("eventtime", "channame")
BEGAN = 1_795_304_376.0


def write_long(file: Path, count: int, began: float = BEGAN) -> list[float]:
    """Write a log of two megabytes or more, a row a second, each up to five seconds late; return the times."""
    choice = random.Random(7)
    times = [began + number - choice.uniform(0, 5) for number in range(count)]
    file.write_text("".join(f'"{time:.6f}","PJSIP/{101:0>40}"\n' for time in times), encoding="ascii")
    return [round(time, 6) for time in times]


def near(times: list[float]) -> Iterator[float]:
    choice = random.Random(8)
    yield from (0.0, times[0], times[-1], times[-1] + 3600)
    yield from (choice.choice(times) for _number in range(10))


async def test_a_long_file_is_read_from_its_place_on(tmp_path: Path) -> None:
    file = tmp_path / "cel.csv"
    times = write_long(file, 40_000)
    log = PbxLog(str(file), SMALL)
    for since in near(times):
        assert [float(each["eventtime"]) for each in await read(log, since)] == [at for at in times if at >= since]
        with file.open("rb") as stream:
            _seek(stream, log, since)
            share = min(1.0, max(0.0, (since - BEGAN) / 40_000))
            assert stream.tell() >= share * file.stat().st_size - 4 * 65536, "most of the file is read for nothing"


async def test_what_rotation_put_away_is_read_where_it_is_needed(tmp_path: Path) -> None:
    older, file = tmp_path / "cel.csv.1", tmp_path / "cel.csv"
    away, here = write_long(older, 5_000), write_long(file, 5_000, BEGAN + 5_000)
    for since in (away[10], here[10], here[-10]):
        found = [float(each["eventtime"]) for each in await read(PbxLog(str(file), SMALL), since)]
        assert found == [at for at in (*away, *here) if at >= since]
    older.unlink()
    assert len(await read(PbxLog(str(file), SMALL), 0.0)) == 5_000


@pytest.mark.parametrize("rotation", ["truncated", "renamed"])
async def test_a_rotation_in_the_middle_of_reading_is_told(tmp_path: Path, rotation: str) -> None:
    file = tmp_path / "cel.csv"
    write_long(file, 5_000)
    parts = rows(PbxLog(str(file), SMALL), 0.0)
    await anext(parts)
    if rotation == "renamed":
        file.rename(tmp_path / "cel.csv.1")
    file.write_bytes(b"")
    with pytest.raises(UnavailableError, match="rotated"):
        _rest = [part async for part in parts]


def path(began: str, answered: str, ended: str) -> Values:
    return dict.fromkeys(CDR_COLUMNS, "x") | {"start": began, "answer": answered, "end": ended}


async def test_dates_are_read_as_utc_in_files_and_tables(tmp_path: Path, database: Database, url: str) -> None:
    earlier, later = (datetime.fromtimestamp(BEGAN + shift, UTC) for shift in (-3600, 5))
    written = [path(f"{at:%Y-%m-%d %H:%M:%S}", "", f"{at:%Y-%m-%d %H:%M:%S}") for at in (earlier, later)]
    file = tmp_path / "cdr.csv"
    file.write_text("".join(",".join(row.values()) + "\n" for row in written), encoding="ascii")
    kind = "TEXT" if database.is_sqlite else "TIMESTAMP"
    columns = ", ".join(f'"{name}" {kind if name in {"start", "end"} else "TEXT"}' for name in CDR_COLUMNS)
    async with database.writing() as connection:
        await connection.execute(text(f"CREATE TABLE cdr ({columns})"))
        for row in written:
            values = ", ".join(f"'{value}'" for value in row.values())
            await connection.execute(text(f"INSERT INTO cdr VALUES ({values})"))  # noqa: S608 - made above
    for source in (str(file), url):
        log = PbxLog(source, CDR_COLUMNS, "cdr", ("end", "start", "answer"), CDR_NEEDED)
        (found,) = await read(log, BEGAN)
        assert (float(found["start"]), found["answer"], float(found["end"])) == (BEGAN + 5, "", BEGAN + 5)
    async with database.writing() as connection:
        await connection.execute(text("DROP TABLE cdr"))
