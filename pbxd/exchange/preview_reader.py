"""Read the beginning of a file of contacts, also of one whose columns nobody knows. Runs in the child process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Final

from pbxd.errors import InvalidInputError
from pbxd.exchange import tables
from pbxd.exchange.columns import SHEET, Columns, Headings
from pbxd.exchange.header_rows import likely_header
from pbxd.exchange.preview import Preview
from pbxd.exchange.text_tables import Row
from pbxd.i18n import _

_ROWS: Final = 5
_CELL: Final = 80  # characters that are shown
_COLUMNS: Final = 60
_SHEETS: Final = 50


def read_preview(file: Path, *, sheet: str, headings: Headings, low_memory: bool) -> Preview:
    """Return what a file begins with. Raises InvalidInputError for one that can't be read at all."""
    source = tables.open_source(file, headings, low_memory=low_memory)
    if source.sheets is None:
        if source.columns is not None:
            return _shown(source.columns, source.rows, fixed=True)
        return _begun("", source.rows, source.headings)
    names = tuple(source.sheets)[:_SHEETS]
    chosen, several = _chosen(source.sheets, sheet, source.headings)
    found = _begun(chosen, source.sheets[chosen](), source.headings) if chosen else Preview()
    problem = _("say which sheet has the contacts") if several else found.problem
    return replace(found, sheets=names, sheet=chosen, problem=problem)


def _chosen(sheets: Mapping[str, tables.SheetRows], wanted: str, headings: Headings) -> tuple[str, bool]:
    """Return the sheet that is wanted, else the first that looks like contacts, and whether several do."""
    named = tables.find_sheet(list(sheets), wanted or SHEET)
    if named is not None:
        return named, False
    if wanted:
        raise InvalidInputError("sheet", _("there is no sheet “{sheet}”").format(sheet=wanted))
    some = list(islice(sheets.items(), _SHEETS))
    found = [name for name, rows in some if tables.find_table(name, rows(), headings)]
    full = (name for name, rows in some if next(rows(), None))
    return (found[0] if found else next(full, next(iter(sheets), ""))), len(found) > 1


def _begun(sheet: str, rows: Iterator[Row], headings: Headings) -> Preview:
    first = list(islice(rows, tables.SAMPLE_ROWS))
    table = tables.find_table(sheet, chain(first, rows), headings)
    if table:
        return _shown(table.columns, table.rows)
    if not first:
        return Preview(problem=_("the table is empty"))
    texts = [found for _row, found in first]
    likely = likely_header(texts, headings)
    if likely is None:
        return _unheaded(texts, headings)
    place = likely[0]
    heads = [cell.strip() for cell in texts[place]]
    found_heads = _shown(headings.columns(heads, place + 1), iter(first[place + 1 :]))
    message = _("say which column has the name or the company, and which one the phone or the e-mail")
    return replace(found_heads, problem=message)


def _unheaded(texts: Sequence[Sequence[str]], headings: Headings) -> Preview:
    message = _("there is no row of headings, such as “{name}” and “{number}”; add one above the first contact")
    width = min(max(map(len, texts)), _COLUMNS)
    rows = tuple(_cells(row, width) for row in texts[:_ROWS])
    problem = message.format(name=headings.title("name"), number=headings.title("number"))
    return Preview(heads=("",) * width, fields=("",) * width, rows=rows, named=(False,) * width, problem=problem)


def _shown(columns: Columns, rows: Iterator[Row], *, fixed: bool = False) -> Preview:
    width = min(len(columns.heads), _COLUMNS)
    first = [texts for _row, texts in islice(rows, _ROWS)]
    return Preview(
        heads=tuple(" ".join(head.split()) for head in columns.heads[:width]),
        fields=columns.fields[:width],
        rows=tuple(_cells(texts, width) for texts in first),
        fixed=fixed,
        named=tuple(columns.heads[place] not in {"", tables.unnamed(place)} for place in range(width)),
    )


def _cells(texts: Sequence[str], width: int) -> tuple[str, ...]:
    cells = [text.strip() for text in texts[:width]]
    short = [text if len(text) <= _CELL else f"{text[: _CELL - 1]}…" for text in cells]
    return (*short, *[""] * (width - len(short)))
