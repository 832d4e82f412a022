"""The history as a table for spreadsheets: xlsx and csv.

Whatever a stranger sent is text there and never a formula (CWE-1236).
"""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from xlsxwriter import Workbook
from xlsxwriter.exceptions import XlsxWriterException

from pbxd.errors import InvalidInputError, UnavailableError
from pbxd.i18n import _
from pbxd.notation import E164

MOST_ROWS = 1_048_575  # of a sheet, beside its headings
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Cell = str | float
Rows = AsyncIterator[Sequence[Sequence[Cell]]]


async def write(file: Path, heads: Sequence[str], rows: Rows) -> int:
    """Write a table as the file's ending says, whole or not at all; return how many rows it has.

    Raises InvalidInputError for another ending and for more rows than a sheet has, UnavailableError when writing fails.
    """
    kinds: dict[str, type[_Xlsx | _Csv]] = {".xlsx": _Xlsx, ".csv": _Csv}
    kind = kinds.get(file.suffix.lower())
    if kind is None:
        raise InvalidInputError("file", _("the file's name must end in .xlsx or .csv"))
    with _part_of(file) as part, kind(part) as table:
        return await _fill(table, heads, rows)


@contextmanager
def _part_of(file: Path) -> Iterator[Path]:
    """Write beside the file, and put it there when it is whole."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=f"{file.name}.", suffix=".part", dir=file.parent)
        os.close(descriptor)
        part = Path(name)
        try:
            yield part
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    except (OSError, XlsxWriterException) as error:
        raise UnavailableError(_("{file}: can't be written: {why}").format(file=file, why=error)) from error


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


class _Xlsx(AbstractContextManager["_Xlsx"]):
    most = MOST_ROWS

    def __init__(self, file: Path) -> None:
        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        self._book: Any = Workbook(str(file), options)
        self._sheet = self._book.add_worksheet()
        self._sheet.freeze_panes(1, 0)
        self._row = 0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._book.close()

    def add(self, cells: Sequence[Cell]) -> None:
        for place, cell in enumerate(cells):
            if isinstance(cell, str):
                self._sheet.write_string(self._row, place, cell)
            else:
                self._sheet.write_number(self._row, place, cell)
        self._row += 1


class _Csv(AbstractContextManager["_Csv"]):
    most = 2**62

    def __init__(self, file: Path) -> None:
        self._stream: IO[str] = file.open("w", encoding="utf-8-sig", newline="")  # the mark makes Excel read UTF-8
        self._writer = csv.writer(self._stream, delimiter=";")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def add(self, cells: Sequence[Cell]) -> None:
        self._writer.writerow([guarded(cell) if isinstance(cell, str) else cell for cell in cells])


def guarded(text: str) -> str:
    """Return a csv cell that no spreadsheet takes for a formula; a number in E.164 stays as it is."""
    return f"'{text}" if text.startswith(_FORMULA) and not E164.fullmatch(text) else text
