"""Read tables of contacts from files of any program: workbooks, CSV, vCards.

Everything here runs in a child process with limits (`sandbox`), because nobody knows who made the file.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path

from pbxd.book.texts import folded
from pbxd.errors import InvalidInputError
from pbxd.exchange import cells, columns, vcards, workbook_reader
from pbxd.exchange.columns import NOT_IMPORTED, SHEET, Columns, Headings
from pbxd.exchange.header_rows import recognise
from pbxd.i18n import _

MOST_BYTES = 100 * 1024 * 1024
MOST_ROWS = 1_048_576  # of an Excel sheet
_MOST_COLUMNS = 256  # cells further right are stray
_LONGEST_CELL = 32_767  # characters, of an Excel cell
_HEADER_ROWS = 40  # rows in which the header is searched
_SEPARATORS = ";,\t|"
_CHUNK = 1 << 20
_TEXT_AT_LEAST = 64 * 1024 * 1024  # bytes of all cells
_TEXT_TIMES = 20  # the file's size; a workbook keeps a text once that many cells share
_CELL_BYTES = 8  # that an empty cell takes on its way to the parent process

Row = tuple[int, list[str]]  # as a spreadsheet counts rows


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose columns are known. `sheet` is empty where the file has no sheets."""

    sheet: str
    columns: Columns
    rows: Iterator[Row]


def open_table(file: Path, *, sheet: str, headings: Headings, low_memory: bool) -> Table:
    """Open a file of contacts, whatever its name says. Raises InvalidInputError, also while its rows are read.

    `low_memory`: take as much time as needed, but little memory.
    """
    size = file.stat().st_size
    if size > MOST_BYTES:
        limit = MOST_BYTES // 1024 // 1024
        raise InvalidInputError("file", _("the file is longer than {limit} MB").format(limit=limit))
    with file.open("rb") as stream:
        head = stream.read(4096)
    if head.startswith((workbook_reader.ZIP, workbook_reader.OLE)):
        sheets = workbook_reader.open_sheets(file, head, low_memory=low_memory)
        return _workbook({name: partial(_read, rows, size) for name, rows in sheets.items()}, sheet, headings)
    if not head or file.suffix.lower() in {".xlsx", ".xls", ".xlsm"}:
        raise InvalidInputError("file", _("not a workbook (xls, xlsx)"))
    if sheet:
        raise InvalidInputError("sheet", _("only a workbook has sheets"))
    if vcards.is_vcard(head):
        heads = tuple(headings.fields.by_column)
        return Table("", Columns(heads, heads, 0), _limited(vcards.read_cards(file, headings.fields), size))
    return _csv(file, headings)


def read_first_sheet(file: Path, *, low_memory: bool) -> Iterator[Row]:
    """Read the first sheet of a workbook that is not empty, without looking for a header."""
    with file.open("rb") as stream:
        head = stream.read(4096)
    if file.stat().st_size > MOST_BYTES or not head.startswith((workbook_reader.ZIP, workbook_reader.OLE)):
        raise InvalidInputError("file", _("not a workbook (xls, xlsx)"))
    for rows in workbook_reader.open_sheets(file, head, low_memory=low_memory).values():
        found = _read(rows, file.stat().st_size)
        for first in found:
            yield first
            yield from found
            return


def _workbook(sheets: dict[str, workbook_reader.Rows], wanted: str, headings: Headings) -> Table:
    taken = _find_sheet(list(sheets), wanted or SHEET)
    if wanted and taken is None:
        message = _("there is no sheet “{sheet}”; there are: {sheets}")
        raise InvalidInputError("sheet", message.format(sheet=wanted, sheets=", ".join(sheets)))
    if taken is not None:
        return _table(taken, sheets[taken](), headings)
    found = [table for name, rows in sheets.items() if (table := _find_table(name, rows(), headings))]
    if len(found) == 1 or (found and headings.mapped):
        return found[0]
    message = _("there is no sheet “{sheet}”; name the sheet with --sheet; there are: {sheets}")
    raise InvalidInputError("file", message.format(sheet=SHEET, sheets=", ".join(sheets)))


def _find_sheet(names: Sequence[str], wanted: str) -> str | None:
    return next((name for name in names if folded(name) == folded(wanted)), None)


def _table(sheet: str, rows: Iterator[Row], headings: Headings) -> Table:
    table = _find_table(sheet, rows, headings)
    if table is None:
        message = _("there is no row of headings with a name and a phone, such as “{name}” and “{number}”")
        names = {"name": headings.title("name"), "number": headings.title("number")}
        raise InvalidInputError("file", message.format(**names))
    absent = columns.missing(table.columns, headings.mapped)
    if absent:
        raise InvalidInputError("map", _("there is no column “{head}” to map").format(head=absent[0]))
    return table


def _find_table(sheet: str, rows: Iterator[Row], headings: Headings) -> Table | None:
    first = list(islice(rows, _HEADER_ROWS))
    found = recognise([texts for _row, texts in first], headings)
    if found is None:
        return None
    used = [place for place, field in enumerate(found.fields) if field not in NOT_IMPORTED]
    return Table(sheet, found, _without_unused(used, chain(first[found.first_row :], rows)))


def _without_unused(used: Sequence[int], rows: Iterable[Row]) -> Iterator[Row]:
    """Skip rows without text in the columns we use, such as totals and remarks beside the table."""
    for row, texts in rows:
        if any(place < len(texts) and texts[place].strip() for place in used):
            yield row, texts


def _read(rows: workbook_reader.Rows, size: int) -> Iterator[Row]:
    return _limited(rows(), size)


def _limited(rows: Iterable[Row], size: int) -> Iterator[Row]:
    """Skip empty rows and stray cells. Refuse more rows than a sheet has, and more text than such a file can have."""
    left = max(_TEXT_AT_LEAST, _TEXT_TIMES * size)
    for row, texts in rows:
        if row > MOST_ROWS:
            raise InvalidInputError("file", _("more than {limit} rows").format(limit=f"{MOST_ROWS:,}"))
        kept = [text[: _LONGEST_CELL + 1] for text in texts[:_MOST_COLUMNS]]
        while kept and not kept[-1].strip():
            kept.pop()
        left -= sum(_CELL_BYTES + len(text.encode("utf-8", "surrogatepass")) for text in kept)
        if left < 0:
            raise InvalidInputError("file", _("the file holds far more text than one of its size should"))
        if kept:
            yield row, kept


def _csv(file: Path, headings: Headings) -> Table:
    encoding = _encoding(file)
    with file.open(encoding=encoding, errors="replace", newline="") as stream:
        sample = list(islice(stream, _HEADER_ROWS))
    separator = max(_SEPARATORS, key=lambda each: _separator_score(sample, each, headings))
    return _table("", _limited(_csv_rows(file, encoding, separator), file.stat().st_size), headings)


def _csv_rows(file: Path, encoding: str, separator: str) -> Iterator[Row]:
    with file.open(encoding=encoding, errors="replace", newline="") as stream:
        try:
            for row, texts in enumerate(csv.reader(stream, delimiter=separator), start=1):
                yield row, [cells.unguard_formula(text) for text in texts]
        except csv.Error as error:
            raise InvalidInputError("file", _("not a CSV file: {why}").format(why=error)) from error


def _separator_score(sample: Sequence[str], separator: str, headings: Headings) -> tuple[int, int]:
    """Rate a separator: by the columns that are known with it, then by how often it occurs."""
    try:
        rows = list(csv.reader(io.StringIO("".join(sample), newline=""), delimiter=separator))
    except csv.Error:
        return 0, 0
    found = recognise(rows, headings)
    return sum(map(bool, found.fields)) if found else 0, "".join(sample).count(separator)


def _encoding(file: Path) -> str:
    """Return the encoding: by the byte order mark, UTF-16 by its zeros, UTF-8 if all of it is, else Windows-1251."""
    with file.open("rb") as stream:
        head = stream.read(4096)
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        if b"\0" in head[:200]:
            return "utf-16-le" if head[1:200:2].count(0) > head[:200:2].count(0) else "utf-16-be"
        stream.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while chunk := stream.read(_CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1251"
    return "utf-8-sig"
