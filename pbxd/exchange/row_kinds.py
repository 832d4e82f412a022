"""Tell rows that are no contacts: headings of groups, totals, headings again, numbers of columns. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain
from typing import Final

from pbxd.book.headings import PARTS
from pbxd.book.texts import folded
from pbxd.exchange.columns import NOT_IMPORTED, Columns
from pbxd.exchange.header_rows import is_column_numbers
from pbxd.i18n import _

_TOTAL: Final = re.compile(r"(?:всего|итого|итог|total|grand total)(?:[\s:.].*)?", re.IGNORECASE)
_CONTACT: Final = re.compile(r"(?:\d\W*){7}|@")
_SHOWN: Final = 100  # characters
_GROUPS_FROM: Final = 3  # columns; in a narrower table a row with one cell is an unfinished contact


def no_contact(texts: Sequence[str], columns: Columns) -> str:
    """Return why a row is no contact; empty where it may be one."""
    if not _has_contact(texts, columns):
        shown = ", ".join(text.strip() for text in texts if text.strip())[:_SHOWN]
        return _("nothing in the columns that are imported: {text}").format(text=shown)
    return _no_contact(texts, columns) if columns.foreign else ""


def _no_contact(texts: Sequence[str], columns: Columns) -> str:
    """Return why a row of another program is none."""
    filled = ((place, text.strip()) for place, text in enumerate(texts) if text.strip())
    place, first = next(filled, (0, ""))
    if not first:
        return ""
    shown = first[:_SHOWN]
    if _TOTAL.fullmatch(first) and not _is_reachable(texts, columns):
        return _("a total: {text}").format(text=shown)
    second = next(filled, None)
    if second is None:
        grouped = place == _leftmost(columns) and len(columns.heads) >= _GROUPS_FROM and _grouped(columns)
        return _("a heading of a group: {text}").format(text=shown) if grouped else ""
    if all(_is_head(columns.heads, *cell) for cell in chain(((place, first), second), filled)):
        return _("the headings again: {text}").format(text=shown)
    return _("numbers of columns") if first == "1" and is_column_numbers(texts) else ""


def _has_contact(texts: Sequence[str], columns: Columns) -> bool:
    """Tell whether a row has a text in the columns that are imported."""
    cells = zip(columns.fields, texts, strict=False)
    return any(column not in NOT_IMPORTED and text.strip() for column, text in cells)


def _is_reachable(texts: Sequence[str], columns: Columns) -> bool:
    """Tell whether a row has a phone number or an e-mail: a company may be called Total."""
    cells = zip(columns.fields, texts, strict=False)
    return any(_CONTACT.search(text) for column, text in cells if PARTS.get(column, column) in {"number", "email"})


def _is_head(heads: Sequence[str], place: int, text: str) -> bool:
    return place < len(heads) and folded(heads[place]) == folded(text)


def _leftmost(columns: Columns) -> int:
    return next((place for place, head in enumerate(columns.heads) if head), 0)


def _grouped(columns: Columns) -> bool:
    """Tell whether a table can have groups: it is a printed list with a title, or a list of companies."""
    return bool(columns.above) or columns.fields[_leftmost(columns)] == "company"
