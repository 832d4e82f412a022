"""The history as a table for spreadsheets: xlsx and csv.

Whatever a stranger sent is text there and never a formula (CWE-1236).
"""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO, Any

from pbxd.errors import InvalidInputError
from pbxd.exchange.cells import guard_formula
from pbxd.exchange.workbook_writer import new_workbook
from pbxd.files import new_file
from pbxd.i18n import _

MOST_ROWS = 1_048_575  # of a sheet, beside its headings

Cell = str | float
Rows = AsyncIterator[Sequence[Sequence[Cell]]]


async def write(file: Path, heads: Sequence[str], rows: Rows) -> int:
    """Write a table as the file's ending says, whole or not at all; return how many rows it has.

    Raises InvalidInputError for another ending and for more rows than a sheet has, UnavailableError when writing fails.
    """
    kinds: dict[str, Callable[[Path, Path], AbstractContextManager[_Xlsx | _Csv]]] = {".xlsx": _xlsx, ".csv": _csv}
    kind = kinds.get(file.suffix.lower())
    if kind is None:
        raise InvalidInputError("file", _("the file's name must end in .xlsx or .csv"))
    with new_file(file, replace=True) as part, kind(part, file) as table:
        return await _fill(table, heads, rows)


async def _fill(table: _Xlsx | _Csv, heads: Sequence[str], rows: Rows) -> int:
    table.add(heads)
    count = 0
    async for some in rows:
        count += len(some)
        if count > table.most:
            raise InvalidInputError(
                "file", _("more than {limit} calls: take .csv, or a period").format(limit=table.most)
            )
        for row in some:
            table.add(row)
    return count


class _Xlsx:
    most = MOST_ROWS

    def __init__(self, book: Any) -> None:  # noqa: ANN401 - XlsxWriter's own
        self._sheet = book.add_worksheet(_("Calls"))
        self._sheet.freeze_panes(1, 0)
        self._row = 0

    def add(self, cells: Sequence[Cell]) -> None:
        for place, cell in enumerate(cells):
            if isinstance(cell, str):
                self._sheet.write_string(self._row, place, cell)
            else:
                self._sheet.write_number(self._row, place, cell)
        self._row += 1


class _Csv:
    most = 2**62

    def __init__(self, stream: IO[str]) -> None:
        self._writer = csv.writer(stream, delimiter=";")

    def add(self, cells: Sequence[Cell]) -> None:
        self._writer.writerow([guard_formula(cell) if isinstance(cell, str) else cell for cell in cells])


@contextmanager
def _xlsx(part: Path, file: Path) -> Iterator[_Xlsx]:
    with new_workbook(part, file) as book:
        yield _Xlsx(book)


@contextmanager
def _csv(part: Path, _file: Path) -> Iterator[_Csv]:
    with part.open("w", encoding="utf-8-sig", newline="") as stream:  # the mark makes Excel read UTF-8
        yield _Csv(stream)
