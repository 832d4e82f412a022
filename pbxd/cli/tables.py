"""Tables as plain text, fitted to the width of a terminal: no number, date or id is broken. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import zip_longest

_GAP = "  "  # between columns
_INDENT = "    "  # before the columns that go on in a further line
_NARROWEST = 8  # columns of characters of a text; a terminal with less room for each folds by itself
_COMFORTABLE = 24  # columns of characters that a text gets if a row takes several lines anyway
_WIDE = {"W", "F"}  # East Asian characters and emoji take two columns
_NO_BREAK = "\u00a0"  # stands for the spaces inside of a number while a table is laid out
_NUMBER = re.compile(r"\+\d[\d ()-]*\d")
_WHOLE = re.compile(r"[\w.:+/()\u00a0-]*\d[\w.:+/()\u00a0-]*,?")  # a word that must not be broken: a number, date or id
_LONGEST_WHOLE = 40  # characters; longer words are broken
# Texts whose characters take one column each and that have nothing to escape: the usual case, and there are many.
USUAL = re.compile(
    r"[ -~\u00a0-\u00ac\u00ae-\u02ff\u0400-\u0482\u048a-\u052f\u2013\u2014\u2018-\u201e\u2026\u2116\u2605]*"
)

Rows = Sequence[Sequence[str]]


def lay_out(
    rows: Rows, width: int | None, *, ruled: bool = False, cut: bool = False, widths: Sequence[int] = ()
) -> list[str]:
    """Return the lines of a table. `ruled`: draw a line below the first row.

    Texts that don't fit into `width` columns of characters (None: however long they are) are folded in their cells, or
    with `cut` end with “…”. If a row does not fit even so, its last columns go on in a further line. `widths`: of the
    columns, at least, as those of an earlier part of the same table.
    """
    if width is not None:
        width = max(width, len(_INDENT) + _NARROWEST)  # a column needs room for one character at least
    kept = [[_NUMBER.sub(_unbroken, cell) for cell in row] for row in rows]
    natural = [max(pair) for pair in zip_longest(measured(kept), widths, fillvalue=0)]
    groups = _groups(kept, natural, width, cut=cut)
    lines = [line for row in kept for line in _lines(row, groups, cut=cut)]
    if ruled:
        heads = len(list(_lines(kept[0], groups, cut=cut)))
        lines.insert(heads, "─" * max(len(_INDENT) * (place > 0) + _total(each) for place, each in enumerate(groups)))
    return [line.replace(_NO_BREAK, " ") for line in lines]


def measured(rows: Rows) -> list[int]:
    """Return how wide each column is."""
    return [max(map(columns, cells)) for cells in zip_longest(*rows, fillvalue="")]


def columns(text: str) -> int:
    """Return how many columns of characters a text takes."""
    if USUAL.fullmatch(text):
        return len(text)
    return sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Cf", "Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1


def _unbroken(number: re.Match[str]) -> str:
    return number[0].replace(" ", _NO_BREAK)


def _groups(rows: Rows, natural: list[int], width: int | None, *, cut: bool) -> list[list[int]]:
    """Return the widths of the columns, those of each line of a row together."""
    if width is None or _total(natural) <= width:
        return [natural]
    least = [
        max(min(wide, _NARROWEST), *(_least(cell, cut=cut) for cell in cells))
        for wide, cells in zip(natural, zip_longest(*rows, fillvalue=""), strict=True)
    ]
    if _total(least) <= width:
        return [_shrunk(natural, least, width)]
    groups: list[list[int]] = [[]]
    starts = [0]
    for place, wide in enumerate(natural):
        room = width - len(_INDENT) * (len(groups) > 1)
        least[place] = min(room, max(least[place], min(wide, _COMFORTABLE)))
        if groups[-1] and _total([*groups[-1], least[place]]) > room:
            groups.append([])
            starts.append(place)
            least[place] = min(least[place], width - len(_INDENT))
        groups[-1].append(least[place])
    return [
        _shrunk(natural[start : start + len(each)], each, width - len(_INDENT) * (start > 0))
        for start, each in zip(starts, groups, strict=True)
    ]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _shrunk(natural: Sequence[int], least: Sequence[int], width: int) -> list[int]:
    """Return widths that fit: the widest columns give way first, none to less than its least."""
    shrunk = list(natural)
    while _total(shrunk) > width:
        spare = [(wide, -place) for place, wide in enumerate(shrunk) if wide > least[place]]
        if not spare:
            break
        shrunk[-max(spare)[1]] -= 1
    return shrunk


def _least(cell: str, *, cut: bool) -> int:
    """Return the columns that a cell needs so that nothing whole in it is broken."""
    words = cell.split(" ")
    whole = [columns(word) for word in words if _is_whole(word)]
    if not cut or not whole:
        return max(whole, default=0)
    if len(whole) == len(words) and not any(word.endswith(",") for word in words):  # such as a date with its time
        return columns(cell)
    return max(whole) + len(" …") * (len(words) > 1)


def _is_whole(word: str) -> bool:
    return len(word) <= _LONGEST_WHOLE and _WHOLE.fullmatch(word) is not None


def _lines(row: Sequence[str], groups: Sequence[Sequence[int]], *, cut: bool) -> Iterator[str]:
    start = 0
    for group in groups:
        cells = row[start : start + len(group)]
        indent = _INDENT if start else ""
        start += len(group)
        parts = [[_cut(cell, wide)] if cut else _folded(cell, wide) for cell, wide in zip(cells, group, strict=True)]
        for line in zip_longest(*parts, fillvalue=""):
            padded = (part + " " * (wide - columns(part)) for part, wide in zip(line, group, strict=True))
            joined = _GAP.join(padded).rstrip()
            if joined or not indent:
                yield f"{indent}{joined}"


def _cut(text: str, width: int) -> str:
    """Return a text that fits; “…” stands for what was cut off, never for a part of a number."""
    if columns(text) <= width:
        return text
    kept = ""
    for word in text.split(" "):
        longer = f"{kept} {word}" if kept else word
        if columns(longer) + len(" …") <= width:
            kept = longer
        elif _is_whole(word) and kept:
            return f"{kept} …"
        else:
            return f"{longer[: _fitting(longer, width - 1)].rstrip()}…"
    return kept


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
