"""Tables as plain text, folded to the width of a terminal. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import zip_longest

_GAP = "  "  # between columns
_NARROWEST = 8  # columns of characters; a terminal with less room for each folds by itself
_WIDE = {"W", "F"}  # East Asian characters and emoji take two columns

Rows = Sequence[Sequence[str]]


def lay_out(rows: Rows, width: int | None, *, ruled: bool = False) -> list[str]:
    """Return the lines of a table; no line is cut. `ruled`: draw a line below the first row.

    Texts that don't fit into `width` columns of characters are folded in their cells; None: however long they are.
    """
    widths = [max(map(columns, cells)) for cells in zip_longest(*rows, fillvalue="")]
    if width is not None:
        widths = _shrunk(widths, width - len(_GAP) * (len(widths) - 1))
    lines = [line for row in rows for line in _lines(row, widths)]
    if ruled:
        heads = len(list(_lines(rows[0], widths)))
        lines.insert(heads, "─" * columns(_joined(["─" * each for each in widths], widths)))
    return lines


def columns(text: str) -> int:
    """Return how many columns of characters a text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Cf", "Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1


def _shrunk(widths: Sequence[int], room: int) -> list[int]:
    """Return widths that fit: the widest columns give way first."""
    shrunk = list(widths)
    while sum(shrunk) > room and max(shrunk, default=0) > _NARROWEST:
        shrunk[shrunk.index(max(shrunk))] -= 1
    return shrunk


def _lines(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    folded = [_folded(cell, width) for cell, width in zip(row, widths, strict=True)]
    for parts in zip_longest(*folded, fillvalue=""):
        yield _joined(parts, widths)


def _joined(parts: Sequence[str], widths: Sequence[int]) -> str:
    padded = (part + " " * (width - columns(part)) for part, width in zip(parts, widths, strict=True))
    return _GAP.join(padded).rstrip()


def _folded(text: str, width: int) -> list[str]:
    """Break a text into lines that fit, between words where there is one."""
    lines: list[str] = []
    while columns(text) > width:
        end = _fitting(text, width)
        space = text.rfind(" ", 0, end + 1)
        end = space if space > 0 else end
        lines.append(text[:end])
        text = text[end:].lstrip(" ")
    return [*lines, text]


def _fitting(text: str, width: int) -> int:
    """Return how many characters of a text fit; at least one, so that folding comes to an end."""
    taken = 0
    for place, character in enumerate(text):
        taken += _columns(character)
        if taken > width:
            return max(place, 1)
    return len(text)
