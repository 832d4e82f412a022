"""Find the header of a table of contacts: the row, or the pair of rows, that says what its columns are. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pbxd import notation
from pbxd.book.texts import folded
from pbxd.exchange.columns import Columns, Headings

_WITHIN = 30  # rows; titles and logos before the header are shorter
_NUMBER_DIGITS = 7  # a text of so many digits is a phone number
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_DATE = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}(?: .*)?")
_FIGURE = re.compile(r"\d+(?:[.,]\d+)?")


def recognise(rows: Sequence[Sequence[str]], headings: Headings) -> Columns | None:
    """Find the header in a table's first rows: the row, or the pair of rows, with most known headings.

    Return None when no row has a name and a way to reach it: a name or a company, and a number or an e-mail. A row
    with a phone number, an e-mail address or a date is data, whatever words stand in it.
    """
    best: Columns | None = None
    for place in range(min(len(rows), _WITHIN)):
        found = _at(rows, place, headings)
        if found and (best is None or found.known > best.known):
            best = found
    return best


def likely_header(rows: Sequence[Sequence[str]], headings: Headings) -> tuple[int, list[str]] | None:
    """Return the index and the headings of the row that looks most like a header, known or not."""
    best: tuple[int, list[str]] | None = None
    for place, row in enumerate(rows[:_WITHIN]):
        heads = [cell.strip() for cell in row if cell.strip()]
        if not any(_is_data(head, headings) for head in heads) and len(heads) > (len(best[1]) if best else 0):
            best = place, heads
    return best


def is_column_numbers(texts: Sequence[str]) -> bool:
    """Tell whether a row only numbers the columns: 1, 2, 3, as Russian forms do below their headings."""
    filled = [text.strip() for text in texts if text.strip()]
    return len(filled) > 2 and filled == [str(place) for place in range(1, len(filled) + 1)]  # noqa: PLR2004


def _at(rows: Sequence[Sequence[str]], place: int, headings: Headings) -> Columns | None:
    """Return the header that begins in one row: this row alone, unless the next one below adds known headings."""
    single = _single(rows, place, headings)
    pair = _pair(rows, place, headings)
    lower = _single(rows, place + 1, headings) if pair else None
    if pair is None or (lower and lower.known >= pair.known):
        return single
    return single if single and single.known >= pair.known else pair


def _single(rows: Sequence[Sequence[str]], place: int, headings: Headings) -> Columns | None:
    if place >= len(rows):
        return None
    heads = [cell.strip() for cell in rows[place]]
    if any(_is_data(head, headings) for head in heads):
        return None
    return _enough(headings.columns(heads, place + 1))


def _pair(rows: Sequence[Sequence[str]], place: int, headings: Headings) -> Columns | None:
    """Return the header of two rows: the upper one has groups of columns, the lower one has the columns of the groups.

    In a row of data below a header every heading has its own cell, and the words in them are no headings.
    """
    if place + 1 >= len(rows):
        return None
    width = max(len(rows[place]), len(rows[place + 1]))
    upper, lower = _padded(rows[place], width), _padded(rows[place + 1], width)
    if sum(map(bool, upper)) < 2 or any(_is_data(cell, headings) for cell in upper):  # noqa: PLR2004 - one is a title
        return None
    if any(_is_data(cell, headings) or _FIGURE.fullmatch(cell) for cell in lower):
        return None
    groups = _groups(upper, lower)
    if groups is None:
        return None
    heads = [_head(*pair, headings) for pair in zip(groups, lower, strict=True)]
    return _enough(headings.columns(heads, place + 2))


def _groups(upper: Sequence[str], lower: Sequence[str]) -> list[str] | None:
    """Return the group above each column; None when the lower row is no second row of headings."""
    groups = list(upper)
    spans = False
    for place in range(1, len(groups)):
        if not upper[place] and lower[place] and lower[place - 1]:
            groups[place], spans = groups[place - 1], True
    for place, below in enumerate(lower):
        alone = groups.count(groups[place]) == 1
        if below and groups[place] and alone:  # a cell below a heading that is no group
            return None
    repeated = any(group and groups.count(group) > 1 for group in upper)
    return groups if spans or repeated else None


def _head(above: str, below: str, headings: Headings) -> str:
    """Return the heading that is known: the lower one, else both together, else the upper one."""
    options = (below, f"{above} {below}".strip(), above)
    known = next((option for option in options if option and headings.column(option)), "")
    return known or below or above


def _padded(row: Sequence[str], width: int) -> list[str]:
    return [cell.strip() for cell in row] + [""] * (width - len(row))


def _enough(columns: Columns) -> Columns | None:
    whole = columns.whole
    return columns if whole & {"name", "company"} and whole & {"number", "email"} else None


def _is_data(cell: str, headings: Headings) -> bool:
    """Tell whether a cell can't be a heading: it is a phone number, an e-mail address or a date."""
    if not cell or folded(cell) in headings.mapped:
        return False
    if _EMAIL.fullmatch(cell) or _DATE.fullmatch(cell):
        return True
    number = notation.compact(notation.without_extension(cell)[0])
    return number is not None and len(number.lstrip("+")) >= _NUMBER_DIGITS
