"""Tables of contacts in files: which rows and columns there are, whatever wrote the file.

Everything here runs in a child process with limits (`sandbox`), for the files come from anywhere.
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
from pbxd.exchange.columns import SHEET, Columns, Headings
from pbxd.i18n import _

MOST_BYTES = 100 * 1024 * 1024
MOST_ROWS = 1_048_576  # of an Excel sheet
_MOST_COLUMNS = 256  # stray cells stand further out
_LONGEST_CELL = 32_767  # characters, of an Excel cell
_LOOKED_AT = 40  # rows, for the header
_SEPARATORS = ";,\t|"
_CHUNK = 1 << 20
_TEXT_AT_LEAST = 64 * 1024 * 1024  # bytes of all cells
_TEXT_TIMES = 20  # the file's size: one long text that many cells share is written once into a workbook
_CELL_BYTES = 8  # of an empty one, in what is told of it

Row = tuple[int, list[str]]  # as a spreadsheet counts rows


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose columns are known; `sheet` is the one taken, empty where a file has no sheets."""

    sheet: str
    columns: Columns
    rows: Iterator[Row]


def opened(file: Path, *, sheet: str, headings: Headings, patient: bool) -> Table:
    """Open a file of contacts by what is in it. Raises InvalidInputError, also while its rows are read.

    `patient`: with little memory, in whatever time that takes.
    """
    size = file.stat().st_size
    if size > MOST_BYTES:
        limit = MOST_BYTES // 1024 // 1024
        raise InvalidInputError("file", _("the file is longer than {limit} MB").format(limit=limit))
    with file.open("rb") as stream:
        head = stream.read(4096)
    if head.startswith((workbook_reader.ZIP, workbook_reader.OLE)):
        sheets = workbook_reader.sheets(file, head, patient=patient)
        return _workbook({name: partial(_read, rows, size) for name, rows in sheets.items()}, sheet, headings)
    if not head or file.suffix.lower() in {".xlsx", ".xls", ".xlsm"}:
        raise InvalidInputError("file", _("not a workbook (xls, xlsx)"))
    if sheet:
        raise InvalidInputError("sheet", _("only a workbook has sheets"))
    if vcards.is_vcard(head):
        heads = tuple(headings.fields.by_column)
        return Table("", Columns(heads, heads, 0), _bounded(vcards.rows(file, headings.fields), size))
    return _csv(file, headings)


def plain(file: Path, *, patient: bool) -> Iterator[Row]:
    """Read the first sheet of a workbook that has anything in it, without asking what its columns mean."""
    with file.open("rb") as stream:
        head = stream.read(4096)
    if file.stat().st_size > MOST_BYTES or not head.startswith((workbook_reader.ZIP, workbook_reader.OLE)):
        raise InvalidInputError("file", _("not a workbook (xls, xlsx)"))
    for rows in workbook_reader.sheets(file, head, patient=patient).values():
        found = _read(rows, file.stat().st_size)
        for first in found:
            yield first
            yield from found
            return


def _workbook(sheets: dict[str, workbook_reader.Rows], wanted: str, headings: Headings) -> Table:
    taken = _named(list(sheets), wanted or SHEET)
    if wanted and taken is None:
        message = _("there is no sheet “{sheet}”; there are: {sheets}")
        raise InvalidInputError("sheet", message.format(sheet=wanted, sheets=", ".join(sheets)))
    if taken is not None:
        return _table(taken, sheets[taken](), headings)
    found = [table for name, rows in sheets.items() if (table := _recognised(name, rows(), headings))]
    if len(found) == 1 or (found and headings.mapped):
        return found[0]
    message = _("there is no sheet “{sheet}”; name the sheet with --sheet; there are: {sheets}")
    raise InvalidInputError("file", message.format(sheet=SHEET, sheets=", ".join(sheets)))


def _named(names: Sequence[str], wanted: str) -> str | None:
    return next((name for name in names if folded(name) == folded(wanted)), None)


def _table(sheet: str, rows: Iterator[Row], headings: Headings) -> Table:
    table = _recognised(sheet, rows, headings)
    if table is None:
        message = _("there is no row of headings with a name and a phone, such as “{name}” and “{number}”")
        names = {"name": headings.title("name"), "number": headings.title("number")}
        raise InvalidInputError("file", message.format(**names))
    absent = columns.missing(table.columns, headings.mapped)
    if absent:
        raise InvalidInputError("map", _("there is no column “{head}” to map").format(head=absent[0]))
    return table


def _recognised(sheet: str, rows: Iterator[Row], headings: Headings) -> Table | None:
    first = list(islice(rows, _LOOKED_AT))
    found = columns.recognise([texts for _row, texts in first], headings)
    if found is None:
        return None
    used = [place for place, field in enumerate(found.fields) if field]
    return Table(sheet, found, _with_anything(used, chain(first[found.first_row :], rows)))


def _with_anything(used: Sequence[int], rows: Iterable[Row]) -> Iterator[Row]:
    """Leave out rows that have nothing in the columns we use: stray cells, totals, remarks beside the table."""
    for row, texts in rows:
        if any(place < len(texts) and texts[place].strip() for place in used):
            yield row, texts


def _read(rows: workbook_reader.Rows, size: int) -> Iterator[Row]:
    return _bounded(rows(), size)


def _bounded(rows: Iterable[Row], size: int) -> Iterator[Row]:
    """Leave out empty rows and what stands far out; refuse what no sheet, or no file of this size, could hold."""
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
        sample = list(islice(stream, _LOOKED_AT))
    separator = max(_SEPARATORS, key=lambda each: _promise(sample, each, headings))
    return _table("", _bounded(_csv_rows(file, encoding, separator), file.stat().st_size), headings)


def _csv_rows(file: Path, encoding: str, separator: str) -> Iterator[Row]:
    with file.open(encoding=encoding, errors="replace", newline="") as stream:
        try:
            for row, texts in enumerate(csv.reader(stream, delimiter=separator), start=1):
                yield row, [cells.unguarded(text) for text in texts]
        except csv.Error as error:
            raise InvalidInputError("file", _("not a CSV file: {why}").format(why=error)) from error


def _promise(sample: Sequence[str], separator: str, headings: Headings) -> tuple[int, int]:
    """Tell how well a separator suits: by the columns recognised with it, then by how often it occurs."""
    try:
        rows = list(csv.reader(io.StringIO("".join(sample), newline=""), delimiter=separator))
    except csv.Error:
        return 0, 0
    found = columns.recognise(rows, headings)
    return sum(map(bool, found.fields)) if found else 0, "".join(sample).count(separator)


def _encoding(file: Path) -> str:
    """Take the file's mark, else UTF-16 by its zeros, else UTF-8 if all of it is, else what Russian Windows writes."""
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
