"""Look for damage in a SQLite file: of its pages and indexes, and rows that refer to missing ones."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import func, select, table
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from pbxd.i18n import _
from pbxd.storage.engine.connections import connect, place, translated
from pbxd.storage.engine.progress import Report

# What SQLite's machine does for a row that it checks, in steps: so many for each column and each index of the table.
# Measured on books and histories of 100,000; the whole is right to a tenth.
_OF_COLUMN, _OF_INDEX = 2, 8
_STEPS = 50_000  # between two reports: some milliseconds


async def sqlite_problems(url: URL, report: Report) -> list[str]:
    """Return what is wrong with the file, as sentences. `report` is called in another thread."""
    engine = connect(url)
    try:
        with translated(place(url)):
            async with engine.connect() as connection:
                await _follow(connection, report)
                found = (await connection.exec_driver_sql("PRAGMA integrity_check")).scalars().all()
                broken = (await connection.exec_driver_sql("PRAGMA foreign_key_check")).mappings().all()
    finally:
        await engine.dispose()
    return [problem for problem in found if problem != "ok"] + [
        _("row {row} of {table} refers to a missing row of {parent}").format(
            row=row["rowid"], table=row["table"], parent=row["parent"]
        )
        for row in broken
    ]


async def _follow(connection: AsyncConnection, report: Report) -> None:
    """Report from now on what this connection does, as a share of a check of the whole file."""
    total, done = await _steps(connection), 0

    def count() -> None:
        nonlocal done
        done += _STEPS
        report(min(done, total), total)

    driver = (await connection.get_raw_connection()).driver_connection
    if total and driver is not None:
        await driver.set_progress_handler(count, _STEPS)


async def _steps(connection: AsyncConnection) -> int:
    """Return about how many steps a check takes; 0 if that can't be told, as where a table is damaged."""
    tables = (
        "SELECT name, (SELECT count(*) FROM pragma_table_info(m.name)) AS columns,"
        " (SELECT count(*) FROM pragma_index_list(m.name)) AS indexes"
        " FROM sqlite_master AS m WHERE type = 'table' AND rootpage > 0"
    )
    total = 0
    with suppress(DBAPIError):
        for each in (await connection.exec_driver_sql(tables)).all():
            rows = (await connection.execute(select(func.count()).select_from(table(each.name)))).scalar_one()
            total += rows * (_OF_COLUMN * each.columns + _OF_INDEX * each.indexes)
        return total + total // 16  # for the references
    return 0
