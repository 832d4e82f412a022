"""Read tables of contacts from files of any program: workbooks, CSV, vCards.

Everything here runs in a child process with limits (`sandbox`), because nobody knows who made the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import NoReturn

from pbxd.book.dates import order_of
from pbxd.book.headings import CORRECTION, PARTS
from pbxd.book.programs.address_books import LDIF
from pbxd.book.programs.phone_systems import PHONEBOOK_XML
from pbxd.book.texts import folded
from pbxd.errors import InvalidInputError
from pbxd.exchange import card_rows, columns, ldif, markup_tables, phonebooks, text_tables, workbook_reader
from pbxd.exchange.columns import SHEET, Columns, Headings
from pbxd.exchange.header_rows import likely_header, recognise
from pbxd.exchange.text_tables import Row
from pbxd.exchange.workbook_reader import Heights
from pbxd.i18n import _

MOST_BYTES = 100 * 1024 * 1024
MOST_ROWS = 1_048_576  # of an Excel sheet
_MOST_COLUMNS = 256  # cells further right are stray
_LONGEST_CELL = 32_767  # characters, of an Excel cell
_HEADER_ROWS = 40  # rows in which the header is searched
SAMPLE_ROWS = 1000  # rows by which the order of dates is judged
_HEADS_SHOWN = 30  # headings that a refusal shows, and how many characters of each
_HEAD_SHOWN = 60
_SHOWN_ABOVE = 200  # characters of a row above the header
_TEXT_AT_LEAST = 64 * 1024 * 1024  # bytes of all cells
_TEXT_TIMES = 20  # the file's size; a workbook keeps a text once that many cells share
_CELL_BYTES = 8  # that an empty cell takes on its way to the parent process
# How files begin that would be shown as rows of nonsense: PDF, PNG, JPEG, GIF, RAR, 7z, gzip.
_NO_TABLES = (b"%PDF-", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b")
SheetRows = Callable[[], Iterator[Row]]


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose columns are known. `sheet` is empty where the file has no sheets."""

    sheet: str
    columns: Columns
    rows: Iterator[Row]
    heights: Heights = field(default_factory=dict)

    @property
    def height(self) -> int:
        """How many rows the sheet has; 0: nobody knows."""
        return self.heights.get(self.sheet, 0)


@dataclass(frozen=True, slots=True)
class Source:
    """A file that is open: the sheets of a workbook, else its rows. `columns`: what the kind of file says itself."""

    headings: Headings
    sheets: dict[str, SheetRows] | None = None
    rows: Iterator[Row] = field(default_factory=lambda: iter(()))
    columns: Columns | None = None
    heights: Heights = field(default_factory=dict)


def open_table(file: Path, *, sheet: str, headings: Headings, low_memory: bool) -> Table:
    """Open a file of contacts, whatever its name says. Raises InvalidInputError, also while its rows are read.

    `low_memory`: take as much time as needed, but little memory.
    """
    source = open_source(file, headings, low_memory=low_memory)
    if source.sheets is not None:
        return replace(_workbook(source.sheets, sheet, headings), heights=source.heights)
    if sheet:
        raise InvalidInputError("sheet", _("only a workbook has sheets"))
    if source.columns is not None:
        return Table("", source.columns, source.rows)
    return _table("", source.rows, source.headings)


def open_source(file: Path, headings: Headings, *, low_memory: bool) -> Source:
    """Open a file, whatever its name says. Raises InvalidInputError, also while its rows are read."""
    size = file.stat().st_size
    if size > MOST_BYTES:
        limit = MOST_BYTES // 1024 // 1024
        raise InvalidInputError("file", _("the file is longer than {limit} MB").format(limit=limit))
    with file.open("rb") as stream:
        head = stream.read(4096)
    if head.startswith((workbook_reader.ZIP, workbook_reader.OLE)):
        heights: Heights = {}
        sheets = workbook_reader.open_sheets(file, head, heights, low_memory=low_memory)
        return Source(headings, {name: partial(_read, rows, size) for name, rows in sheets.items()}, heights=heights)
    if markup_tables.is_spreadsheet_xml(head):
        sheets = markup_tables.spreadsheet_xml_sheets(file)
        return Source(headings, {name: partial(_read, rows, size) for name, rows in sheets.items()})
    if not head:
        raise InvalidInputError("file", _("the file is empty"))
    if head.startswith(_NO_TABLES):
        raise InvalidInputError("file", _("this is a picture, a PDF or an archive, not a table"))
    if card_rows.is_vcard(head):
        found = card_rows.columns(headings.fields)
        heads = tuple(map(headings.title, found))
        cards = _limited(card_rows.read_cards(file, headings.fields), size)
        return Source(headings, rows=cards, columns=Columns(heads, found, 0))
    rows, headings = _plain_rows(file, head, headings)
    return Source(headings, rows=_limited(rows, size))


def _plain_rows(file: Path, head: bytes, headings: Headings) -> tuple[Iterator[Row], Headings]:
    """Return the rows of a file that is no workbook, and how its headings are read."""
    if markup_tables.is_html(head):
        return markup_tables.read_html(file)(), headings
    if ldif.is_ldif(head):
        return ldif.read_entries(file), headings._replace(written_by=LDIF)
    if phonebooks.is_phonebook(head):
        return phonebooks.read_entries(file), headings._replace(written_by=PHONEBOOK_XML)
    return text_tables.read_csv(file, headings), headings


def read_first_sheet(file: Path, *, low_memory: bool) -> Iterator[Row]:
    """Read the first sheet of a workbook that is not empty, without looking for a header."""
    with file.open("rb") as stream:
        head = stream.read(4096)
    if file.stat().st_size > MOST_BYTES or not head.startswith((workbook_reader.ZIP, workbook_reader.OLE)):
        raise InvalidInputError("file", _("not a workbook (xlsx, xls, ods)"))
    for rows in workbook_reader.open_sheets(file, head, {}, low_memory=low_memory).values():
        found = _read(rows, file.stat().st_size)
        for first in found:
            yield first
            yield from found
            return


def _workbook(sheets: dict[str, SheetRows], wanted: str, headings: Headings) -> Table:
    taken = find_sheet(list(sheets), wanted or SHEET)
    if wanted and taken is None:
        message = _("there is no sheet “{sheet}”; there are: {sheets}")
        raise InvalidInputError("sheet", message.format(sheet=wanted, sheets=", ".join(sheets)))
    if taken is None and len(sheets) == 1:
        taken = next(iter(sheets))
    if taken is not None:
        return _table(taken, sheets[taken](), headings)
    found = [table for name, rows in sheets.items() if (table := find_table(name, rows(), headings))]
    if len(found) == 1 or (found and headings.mapped):
        return found[0]
    if found:
        message = _("several sheets have contacts; name one with --sheet: {sheets}")
        raise InvalidInputError("sheet", message.format(sheets=", ".join(table.sheet for table in found)))
    return _refuse_sheets(sheets, headings)


def find_sheet(names: Sequence[str], wanted: str) -> str | None:
    """Return the sheet with a name, however it is spelled."""
    return next((name for name in names if folded(name) == folded(wanted)), None)


def _refuse_sheets(sheets: dict[str, SheetRows], headings: Headings) -> NoReturn:
    """Say which headings the first sheet with any has. Raises InvalidInputError always."""
    for name, rows in sheets.items():
        first = list(islice(rows(), _HEADER_ROWS))
        if first:
            message = _("no sheet has headings that are known ({sheets}). Sheet “{sheet}”: {why}")
            why = _no_header(first, headings)
            raise InvalidInputError("file", message.format(sheets=", ".join(sheets), sheet=name, why=why))
    raise InvalidInputError("file", _("the workbook is empty"))


def _table(sheet: str, rows: Iterator[Row], headings: Headings) -> Table:
    first = list(islice(rows, SAMPLE_ROWS))
    table = find_table(sheet, chain(first, rows), headings)
    if table is None:
        raise InvalidInputError("file", _no_header(first, headings))
    absent = columns.missing(table.columns, headings.mapped)
    if absent:
        message = _("there is no column “{head}” to map; the columns are {heads}")
        heads = _quoted(filter(None, table.columns.heads))
        raise InvalidInputError("map", message.format(head=absent[0], heads=heads))
    return table


def _no_header(first: Sequence[Row], headings: Headings) -> str:
    """Say which headings there are, and how to say what they mean."""
    if not first:
        return _("the table is empty")
    likely = likely_header([texts for _row, texts in first], headings)
    if likely is None:
        message = _("there is no row of headings, such as “{name}” and “{number}”; add one above the first contact")
        return message.format(name=headings.title("name"), number=headings.title("number"))
    place, heads = likely[0], [" ".join(head.split()) for head in likely[1]]
    known = {headings.column(head) for head in heads}
    whole = {PARTS.get(column, column) for column in known}
    unknown = [head for head in heads if not headings.column(head)] or heads
    wanted = [
        field
        for field, enough in (("name", {"name", "company"}), ("number", {"number", "email"}))
        if not whole & enough
    ]
    options = " ".join(f'--map "{head}={field}"' for head, field in zip(unknown, wanted, strict=False))
    message = _("no column is known as {missing}. The headings in row {row} are {heads}. Say which is which: {options}")
    names = {"name": _("a name or a company"), "number": _("a phone or an e-mail")}
    missing = _(" and as ").join(names[field] for field in wanted) or names["name"]
    return message.format(missing=missing, row=first[place][0], heads=_quoted(heads), options=options)


def _quoted(heads: Iterable[str]) -> str:
    shown = [f"“{head[:_HEAD_SHOWN]}”" for head in heads]
    more = ["…"] if len(shown) > _HEADS_SHOWN else []
    return ", ".join(shown[:_HEADS_SHOWN] + more)


def find_table(sheet: str, rows: Iterator[Row], headings: Headings) -> Table | None:
    """Return the table in the rows; None if there is no header that is known."""
    first = list(islice(rows, SAMPLE_ROWS))
    found = recognise([texts for _row, texts in first[:_HEADER_ROWS]], headings)
    if found is None:
        return None
    width = max(len(texts) for _row, texts in first)
    data = [texts for _row, texts in first[found.first_row :]]
    heads, fields = _with_unnamed(found, width, data)
    order = order_of(text for texts in data for text in texts)
    above = tuple((row, " ".join(filter(None, texts))[:_SHOWN_ABOVE]) for row, texts in first[: found.first_row - 1])
    columns_found = replace(found, heads=heads, fields=fields, order=order or "", above=above)
    whole = [place for place, field in enumerate(fields) if field != CORRECTION]
    return Table(sheet, columns_found, _without_corrections(whole, chain(first[found.first_row :], rows)))


def _with_unnamed(found: Columns, width: int, data: Sequence[Sequence[str]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give a column that has no heading, but texts, its letter, so that it can be named among those left out."""
    heads = [*found.heads, *[""] * (width - len(found.heads))]
    for place, head in enumerate(heads):
        if not head and any(place < len(texts) and texts[place].strip() for texts in data):
            heads[place] = unnamed(place)
    return tuple(heads), (*found.fields, *[""] * (width - len(found.fields)))


def unnamed(place: int) -> str:
    """Return what a column without a heading is called."""
    return _("column {letter}").format(letter=_letter(place))


def _letter(place: int) -> str:
    letters = ""
    while place >= 0:
        letters = chr(ord("A") + place % 26) + letters
        place = place // 26 - 1
    return letters


def _without_corrections(whole: Sequence[int], rows: Iterable[Row]) -> Iterator[Row]:
    """Skip rows of our error workbook that have nothing but what there was to correct."""
    for row, texts in rows:
        width = len(texts)
        for place in whole:
            if place < width and texts[place].strip():
                yield row, texts
                break


def _read(rows: workbook_reader.Rows, size: int) -> Iterator[Row]:
    return _limited(rows(), size)


def _limited(rows: Iterable[Row], size: int) -> Iterator[Row]:
    """Skip empty rows and stray cells. Refuse more rows than a sheet has, and more text than such a file can have."""
    left = max(_TEXT_AT_LEAST, _TEXT_TIMES * size)
    for row, texts in rows:
        if row > MOST_ROWS:
            raise InvalidInputError("file", _("more than {limit} rows").format(limit=f"{MOST_ROWS:,}"))
        kept = texts[:_MOST_COLUMNS]
        while kept and not kept[-1].strip():
            kept.pop()
        text = "".join(kept)
        if len(text) > _LONGEST_CELL:
            kept = [each[: _LONGEST_CELL + 1] for each in kept]
            text = "".join(kept)
        left -= _CELL_BYTES * len(kept) + len(text.encode("utf-8", "surrogatepass"))
        if left < 0:
            raise InvalidInputError("file", _("the file holds far more text than one of its size should"))
        if kept:
            yield row, kept
