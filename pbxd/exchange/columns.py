"""Find the header of a table of contacts, and what its columns mean. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

from pbxd.book.fields import BUILT_IN, Fields
from pbxd.book.headings import PARTS
from pbxd.book.texts import folded
from pbxd.errors import InvalidInputError
from pbxd.i18n import Texts, _

SHEET: Final = "Контакты"
_HEADER_WITHIN = 30  # rows; titles and logos before it are shorter
_CORRECTION: Final = Texts("What to correct", "Что исправить")
_CUSTOM: Final = "custom:"  # `--map` may have it before the name of a field that the company defined
_AROUND = " *:."  # a heading says nothing by them


@dataclass(frozen=True, slots=True)
class Columns:
    """The header of a table. `fields` are import columns of `book.fields`; empty where a heading means nothing."""

    heads: tuple[str, ...]
    fields: tuple[str, ...]
    first_row: int  # the index of the first row of data among the rows in which the header was found

    @property
    def ignored(self) -> list[str]:
        """The headings of columns that are not imported."""
        return [head for head, field in zip(self.heads, self.fields, strict=True) if head and not field]

    @property
    def whole(self) -> frozenset[str]:
        """The import columns that the table has, also where it has only parts of them."""
        return frozenset(PARTS.get(field, field) for field in self.fields)


class Headings(NamedTuple):
    """What headings mean: to a registry of fields, and to the person who imports."""

    fields: Fields = BUILT_IN
    mapped: Mapping[str, str] = MappingProxyType({})  # folded heading -> import column

    def column(self, heading: str) -> str:
        """Return the import column that a heading means; empty where nobody knows it."""
        return self.mapped.get(folded(heading)) or self.fields.column_of(heading)

    def without_map(self, heading: str) -> str:
        """Return a heading that is known without `--map`."""
        column = self.mapped.get(folded(heading))
        return self.title(column) if column else heading

    def title(self, column: str) -> str:
        """Return the heading that our own tables have for an import column; every language's is recognised."""
        return str(self.fields.by_column[column].heading)


def correction() -> str:
    """Return the heading of the column that says what to correct. It is not imported."""
    return str(_CORRECTION)


def mapping(texts: Sequence[str], fields: Fields) -> dict[str, str]:
    """Read `Column=field` of the command line: folded heading -> import column. Raises InvalidInputError."""
    found: dict[str, str] = {}
    defined = {field.column for field in fields.defined}
    for text in texts:
        head, equals, name = (part.strip() for part in text.rpartition("="))
        if not equals or not head:
            raise InvalidInputError("map", _("--map {text}: write it as “Column=field”").format(text=text))
        column = name.removeprefix(_CUSTOM)
        if column not in (defined if name != column else fields.by_column):
            message = _("--map {text}: the fields are {fields}").format(text=text, fields=", ".join(fields.by_column))
            raise InvalidInputError("map", message)
        found[folded(head)] = column
    return found


def recognise(rows: Sequence[Sequence[str]], headings: Headings) -> Columns | None:
    """Find the header in a table's first rows: the row, or the pair of rows, with most known headings.

    Return None when no row has both a name and a number. In a pair of rows the lower heading counts first, then the
    upper one, then both together.
    """
    best: tuple[int, Columns] | None = None
    for known, columns in _candidates(rows[: _HEADER_WITHIN + 1], headings):
        if {"name", "number"} <= columns.whole and (best is None or known > best[0]):
            best = known, columns
    return best[1] if best else None


def missing(columns: Columns, mapped: Mapping[str, str]) -> list[str]:
    """Return the headings of `--map` that the table does not have."""
    there = {folded(head) for head in columns.heads}
    return [head for head in mapped if head not in there]


def _candidates(rows: Sequence[Sequence[str]], headings: Headings) -> Iterator[tuple[int, Columns]]:
    for place, row in enumerate(rows):
        yield _columns([cell.strip() for cell in row], headings, place + 1)
        if place + 1 < len(rows):
            yield _columns(_joined(row, rows[place + 1], headings), headings, place + 2)


def _joined(upper: Sequence[str], lower: Sequence[str], headings: Headings) -> list[str]:
    width = max(len(upper), len(lower))
    heads = []
    for above, below in zip(_padded(upper, width), _padded(lower, width), strict=True):
        options = (below, above, f"{above} {below}".strip())
        heads.append(next((option for option in options if headings.column(option)), below or above))
    return heads


def _padded(row: Sequence[str], width: int) -> list[str]:
    return [cell.strip() for cell in row] + [""] * (width - len(row))


def _columns(heads: Sequence[str], headings: Headings, first_row: int) -> tuple[int, Columns]:
    fields = [headings.column(head) for head in heads]
    if "last_name" in fields:  # «Имя» beside «Фамилия» is the first name
        fields = [
            "first_name" if field == "name" and folded(head).strip(_AROUND) == "имя" else field
            for head, field in zip(heads, fields, strict=True)
        ]
    known = sum(1 for field in fields if field)
    return known, Columns(tuple(heads), tuple(fields), first_row)
