"""Read the rows in which every cell is as one expects, with few steps a row. Pure.

How a field is read depends on nothing but the cells of its columns. So each field is read by itself, and what the same
cells gave before is given again: a file repeats its companies, positions, managers, tags and dates. A cell without
anything to take off, split or correct is checked and taken as it is. Any other row is left to `row_drafts`, which says
what is wrong in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields as dataclass_fields
from operator import itemgetter
from typing import Any, Final, NamedTuple

from pbxd.book.contacts import ContactDraft
from pbxd.book.employees import Employee
from pbxd.book.field_kinds import Json, check_of, checked_value, extra_json
from pbxd.book.fields import Field, Fields
from pbxd.book.headings import LEFT_OUT, OWN_ID, OWNER, PARTS
from pbxd.errors import InvalidInputError
from pbxd.exchange.cells import is_placeholder
from pbxd.exchange.columns import Columns
from pbxd.exchange.row_fields import NUMBER_COLUMNS, FieldCells, Reads, label_of

_REMEMBERED = 2000  # cells of a field
_MARKS = re.compile("[<&]|^[-–—]+$")  # of HTML; dashes in a cell without anything
_EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,60}(?:\.[\w-]{1,60}){1,3}", re.ASCII)
_PLACES: Final = {each.name: place for place, each in enumerate(dataclass_fields(ContactDraft))}
_EXTRA: Final = _PLACES["extra"]
_EMPTY: Final = ContactDraft("")
_DRAFT: Final = [getattr(_EMPTY, name) for name in _PLACES]

Plain = Callable[[str], Any]  # the value of one cell; None: it has to be read with care


class _Found(NamedTuple):
    """What a field's cells say. `values`: places in a draft, and what stands there."""

    values: tuple[tuple[int, Any], ...]
    extra: Mapping[str, Json]
    given: bool  # a cell has a text


class _FieldOfRow(NamedTuple):
    """A field, and where and how it is read."""

    field: Field
    columns: frozenset[str]
    cells: Callable[[Sequence[str]], Any]  # the field's cells of a row
    read: Reads
    plain: Plain | None
    memory: dict[Any, _Found | None]  # None: these cells have to be read with care


class PlainRows:
    """Reads the plain rows of one table."""

    def __init__(
        self, columns: Columns, fields: Fields, reading: FieldCells, readers: Sequence[tuple[Field, Reads]]
    ) -> None:
        self._fields, self._reading = fields, reading
        self._width = len(columns.fields)
        self._careful = [place for place, column in enumerate(columns.fields) if column in {OWNER, LEFT_OUT}]
        self._own_ids = [place for place, column in enumerate(columns.fields) if column == OWN_ID]
        self._found = [self._field(field, read, columns) for field, read in readers]
        self._given: dict[int, frozenset[str]] = {}  # by the fields that have texts, a bit each

    def read(self, texts: Sequence[str]) -> tuple[ContactDraft, frozenset[str], str] | None:
        """Return a contact, the fields that the row fills in, and its `pbxd ID`; None: it has to be read with care."""
        if len(texts) < self._width:
            texts = [*texts, *[""] * (self._width - len(texts))]
        if self._careful and any(texts[place].strip() for place in self._careful):
            return None
        found = self._draft(texts)
        if found is None or not found[0].name or not (found[0].numbers or found[0].emails):
            return None
        own_id = next(filter(None, (self._reading.cleaned(texts[place]) for place in self._own_ids)), "")
        return *found, own_id

    def _draft(self, texts: Sequence[str]) -> tuple[ContactDraft, frozenset[str]] | None:
        draft, extra, given, bit = _DRAFT.copy(), dict[str, Json](), 0, 1
        for each in self._found:
            cells = each.cells(texts)
            found = each.memory[cells] if cells in each.memory else self._read(each, cells, texts)
            if found is None:
                return None
            for place, value in found.values:
                draft[place] = value
            extra |= found.extra
            given |= bit if found.given else 0
            bit <<= 1
        draft[_EXTRA] = extra
        return ContactDraft(*draft), self._names(given)

    def _field(self, field: Field, read: Reads, columns: Columns) -> _FieldOfRow:
        places = [
            place for place, column in enumerate(columns.fields) if column and PARTS.get(column, column) == field.column
        ]
        names = frozenset(columns.fields[place] for place in places)
        alone = columns.fields[places[0]] if len(places) == 1 else ""
        heads = columns.heads[places[0]] if alone else ""
        plain = _plain(field, alone, heads, self._reading) if alone else None
        cells: Callable[[Sequence[str]], Any] = itemgetter(*places) if places else lambda _texts: ""
        return _FieldOfRow(field, names, cells, read, plain, {})

    def _read(self, each: _FieldOfRow, cells: Any, texts: Sequence[str]) -> _Found | None:  # noqa: ANN401 - a text or several
        """Read a field, and remember what its cells say."""
        if len(each.memory) >= _REMEMBERED:
            each.memory.clear()
        try:
            found = self._plainly(each, cells) or self._carefully(each, texts)
        except InvalidInputError:
            found = None
        each.memory[cells] = found
        return found

    def _plainly(self, each: _FieldOfRow, text: str) -> _Found | None:
        value = each.plain(text) if each.plain else None
        return None if value is None else _Found(((_PLACES[each.field.name], value),), {}, bool(text.strip()))

    def _carefully(self, each: _FieldOfRow, texts: Sequence[str]) -> _Found | None:
        """Return what the field's own reader reads; None where it leaves something out. Raises InvalidInputError."""
        work = self._reading.of_row(texts, each.columns)
        name, kind, value = each.field.name, each.field.kind, each.read(work)
        if work.left_out:
            return None
        given = any(map(any, work.values.values()))
        if each.field.stored == "extra":
            return _Found((), self._fields.checked_extra({name: extra_json(value)}), given)
        if isinstance(value, Employee):
            found = (_PLACES[name], checked_value(name, kind, value.extension)), (_PLACES[f"{name}_id"], value.id)
            return _Found(found, {}, given)
        return (
            _Found(((_PLACES[name], checked_value(name, kind, value)),), {}, given) if value else _Found((), {}, given)
        )

    def _names(self, given: int) -> frozenset[str]:
        names = self._given.get(given)
        if names is None:
            found = (each.field.name for place, each in enumerate(self._found) if given >> place & 1)
            names = self._given[given] = frozenset(found)
        return names


def _plain(field: Field, column: str, head: str, reading: FieldCells) -> Plain | None:
    """Return what reads the field's only cell where that has nothing to take off, to split or to correct."""
    check = check_of(field.kind)
    if field.stored == "extra" or check is None:
        return None
    match field.kind:
        case "name" | "text" | "company" | "long-text" if column == field.column:
            plain = _is_plain if field.kind == "name" else _says_something
            return lambda text: check(field.name, text) if plain(text) else None
        case "emails":
            return lambda text: check(field.name, (text,)) if _EMAIL.fullmatch(text) else None
        case "numbers" if column in NUMBER_COLUMNS:
            label = label_of(column, head)
            return lambda text: check(field.name, (number,)) if (number := reading.phones.plain(text, label)) else None
        case _:
            return None


def _is_plain(text: str) -> bool:
    return text.isprintable() and not _MARKS.search(text)


def _says_something(text: str) -> bool:
    return _is_plain(text) and not is_placeholder(text)
