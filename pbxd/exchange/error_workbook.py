"""Write the rows that could not be imported, each with what to correct. The workbook can be imported as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

from pbxd.errors import InvalidInputError
from pbxd.exchange import columns
from pbxd.exchange.columns import SHEET, Columns, Headings
from pbxd.exchange.workbook_writer import close, new_workbook
from pbxd.files import new_file
from pbxd.i18n import _

_MOST_MB = 256  # of the sheet's XML; it is on the disk twice until it is packed
_CELL_BYTES = 64  # XML around a text
_CONTROL = re.compile(r"[\x00-\x1f\ufffe\uffff]")  # written as _x0001_
_CONTROL_BYTES = 6  # more than the character itself


class ErrorWorkbook:
    """A workbook of bad rows. Without a `book` it drops them."""

    def __init__(self, book: Any, file: Path | None, table: Columns, headings: Headings) -> None:  # noqa: ANN401 - XlsxWriter's own
        self._book, self._file, self._table, self._headings = book, file, table, headings
        self._sheet: Any = None
        self._row = self._bytes = 0

    @property
    def file(self) -> Path | None:
        """The file, if there was a bad row."""
        return self._file if self._row else None

    def add(self, texts: Sequence[str], message: str) -> None:
        """Add a row and what is wrong in it. Raises InvalidInputError when the workbook is full."""
        if self._book is None:
            return
        if self._sheet is None:
            self._begin()
        padded = [*texts, *[""] * len(self._table.heads)][: len(self._table.heads)]
        self._write([*(text for text, head in zip(padded, self._table.heads, strict=True) if head), message])

    def close(self) -> None:
        """Write the workbook under its temporary name. Raises UnavailableError."""
        if self._book is not None and self._file is not None:
            close(self._book, self._file)

    def _begin(self) -> None:
        self._sheet = self._book.add_worksheet(SHEET)
        self._text = self._book.add_format({"num_format": "@"})
        heads = [self._headings.without_map(head) for head in self._table.heads if head]
        self._sheet.set_column(0, len(heads), 25, self._text)
        self._write([*heads, columns.correction()])

    def _write(self, texts: Iterable[str]) -> None:
        for place, text in enumerate(texts):
            if text:
                self._bytes += _size(text)
                self._sheet.write_string(self._row, place, text, self._text)
        self._row += 1
        if self._bytes > _MOST_MB * 1024 * 1024:
            message = _("the bad rows take more than {limit} MB; nothing was imported: divide the file")
            raise InvalidInputError("errors", message.format(limit=_MOST_MB))


@contextmanager
def error_workbook(file: Path | None, table: Columns, headings: Headings) -> Iterator[ErrorWorkbook]:
    """Open a workbook of bad rows. It appears under its name when the block ends without error and has a bad row.

    Raises what `new_file` raises.
    """
    if file is None:
        yield ErrorWorkbook(None, None, table, headings)
        return
    with new_file(file) as part:
        with new_workbook(part, file) as book:
            errors = ErrorWorkbook(book, file, table, headings)
            yield errors
        if errors.file is None:
            part.unlink()


def _size(text: str) -> int:
    """Return the most bytes that a cell can take."""
    escaped = len(escape(text, quote=False).encode("utf-8", "surrogatepass"))
    return _CELL_BYTES + escaped + _CONTROL_BYTES * len(_CONTROL.findall(text))
