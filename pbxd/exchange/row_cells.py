"""One row of a table being read: its cells, and what is left out of them. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final, NamedTuple

from pbxd.book.card_marks import marked_id
from pbxd.book.headings import OWN_ID
from pbxd.exchange import cells
from pbxd.i18n import _

SHOWN: Final = 100  # characters of a text that is not taken
_DASHES = re.compile(r"[-–—]+")  # in a cell without anything


class How(NamedTuple):
    """How strict the reader is."""

    lenient: bool = False  # leave out an optional field that can't be read, instead of the row
    today: date | None = None  # later dates of birth are refused


@dataclass(slots=True)
class RowCells:
    """One row being read: its cells, and their texts by import column."""

    cells: Sequence[str]
    values: dict[str, list[str]]
    left_out: list[tuple[str, str]] = field(default_factory=list)  # the field's column, and why
    place: dict[str, int] = field(default_factory=dict)  # field's column -> which cell is being read

    def all(self, column: str) -> list[str]:
        """Return the texts of a column."""
        return self.values.get(column, [])

    def first(self, column: str) -> str:
        """Return the first text of a column that is not empty."""
        for text in self.values.get(column, ()):
            if text:
                return text
        return ""

    @property
    def is_ours(self) -> bool:
        """Whether our own export wrote the row."""
        return bool(marked_id(self.first(OWN_ID)))


def is_given(value: object) -> bool:
    """Tell whether a row fills in a field with what was read from its cells: a value, or no as an answer.

    A cell of which nothing was read, such as `0/0/00`, changes nothing.
    """
    return bool(value) or value is False


def cleaned(text: str, *, foreign: bool) -> str:
    """Return the text of a cell without what other programs put around it."""
    if not foreign:
        return text.strip()
    text = cells.without_markup(text).strip()
    return "" if _DASHES.fullmatch(text) else text


def second(text: str) -> str:
    """Return how a value is named that a row has beside the one that is taken."""
    return _("a second value: {text}").format(text=text[:SHOWN])
