"""Read the rows in which every cell is as one expects, with few steps a row. Pure.

How a field is read depends on nothing but the cells of its columns. So each field is read by itself. A cell without
anything to take off, split or correct is checked and taken as it is. What other cells gave before is given again: a
file repeats its companies, positions, managers, tags and dates. Any other row is left to `row_drafts`, which says what
is wrong in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields as dataclass_fields
from operator import itemgetter
from typing import Any, Final, NamedTuple

from pbxd.book.contact_numbers import ContactNumber, checked_numbers
from pbxd.book.contacts import ContactDraft
from pbxd.book.employees import Employee
from pbxd.book.field_kinds import COMMENT_LIMIT, Json, checked_value, empty_value, extra_json
from pbxd.book.fields import Field, Fields
from pbxd.book.headings import LEFT_OUT, OWN_ID, OWNER, PARTS
from pbxd.book.texts import EMAIL_LIMIT, NAME_LIMIT
from pbxd.errors import InvalidInputError
from pbxd.exchange.cells import is_placeholder
from pbxd.exchange.columns import Columns
from pbxd.exchange.phone_cells import PhoneReader
from pbxd.exchange.row_cells import is_given
from pbxd.exchange.row_fields import FieldCells, Reads
from pbxd.exchange.row_numbers import NUMBER_COLUMNS, label_of

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
    given: bool  # see `is_given`


class _FieldOfRow(NamedTuple):
    """A field, and where and how it is read."""

    field: Field
    columns: frozenset[str]
    cells: Callable[[Sequence[str]], Any]  # the field's cells of a row
    read: Reads
    place: int  # in a draft
    plain: Plain | None  # reads most cells
    repeats: bool  # other rows have the same cells: to remember them takes less time than to read them
    bit: int  # the field in `_given`
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
        self._found = [self._field(field, read, columns, 1 << place) for place, (field, read) in enumerate(readers)]
        self._of_bit = {each.bit: each for each in self._found}
        self._given: dict[int, frozenset[str]] = {}  # by the fields that the row fills in, a bit each

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
        draft, extra, given = _DRAFT.copy(), dict[str, Json](), 0
        for _field, _columns, cells_of, _read, place, plain, repeats, bit, memory in self._found:
            cells = cells_of(texts)
            if plain and not repeats and (value := plain(cells)) is not None:
                draft[place] = value
                given |= bit
                continue
            found = memory[cells] if cells in memory else self._read(self._of_bit[bit], cells, texts)
            if found is None:
                return None
            values, more, is_filled = found
            for where, value in values:
                draft[where] = value
            if more:
                extra |= more
            if is_filled:
                given |= bit
        draft[_EXTRA] = extra
        return ContactDraft(*draft), self._names(given)

    def _field(self, field: Field, read: Reads, columns: Columns, bit: int) -> _FieldOfRow:
        places = [
            place for place, column in enumerate(columns.fields) if column and PARTS.get(column, column) == field.column
        ]
        names = frozenset(columns.fields[place] for place in places)
        alone = columns.fields[places[0]] if len(places) == 1 else ""
        heads = columns.heads[places[0]] if alone else ""
        plain = _plain(field, alone, heads, self._reading) if alone else None
        cells: Callable[[Sequence[str]], Any] = itemgetter(*places) if places else lambda _texts: ""
        repeats = field.kind in {"text", "company"}
        return _FieldOfRow(field, names, cells, read, _PLACES.get(field.name, _EXTRA), plain, repeats, bit, {})

    def _read(self, each: _FieldOfRow, cells: Any, texts: Sequence[str]) -> _Found | None:  # noqa: ANN401 - a text or several
        """Read a field, and remember what its cells say."""
        if len(each.memory) >= _REMEMBERED:
            each.memory.clear()
        found: _Found | None = None
        if each.repeats and each.plain and (value := each.plain(cells)) is not None:
            found = _Found(((each.place, value),), {}, given=True)
        else:
            with suppress(InvalidInputError):
                found = self._carefully(each, texts)
        each.memory[cells] = found
        return found

    def _carefully(self, each: _FieldOfRow, texts: Sequence[str]) -> _Found | None:
        """Return what the field's own reader reads; None where it leaves something out. Raises InvalidInputError."""
        work = self._reading.of_row(texts, each.columns)
        name, kind, value = each.field.name, each.field.kind, each.read(work)
        if work.left_out:
            return None
        given = is_given(value)
        value = empty_value(kind) if value is None else value
        if each.field.stored == "extra":
            extra = self._fields.checked_extra({name: extra_json(value)})
            return _Found((), extra, given and (value is False or name in extra))
        if isinstance(value, Employee):
            found = (_PLACES[name], checked_value(name, kind, value.extension)), (_PLACES[f"{name}_id"], value.id)
            return _Found(found, {}, given)
        if not value:
            return _Found((), {}, given)
        kept = checked_value(name, kind, value)
        return _Found(((_PLACES[name], kept),), {}, is_given(kept))

    def _names(self, given: int) -> frozenset[str]:
        names = self._given.get(given)
        if names is None:
            found = (each.field.name for each in self._found if given & each.bit)
            names = self._given[given] = frozenset(found)
        return names


def _plain(field: Field, column: str, head: str, reading: FieldCells) -> Plain | None:  # noqa: PLR0911 - a case a kind
    """Return what reads the field's only cell where that has nothing to take off, to split or to correct.

    What it gives is what the check of the field's kind would give. It gives None for an empty cell.
    """
    match field.kind:
        case _ if field.stored == "extra":
            return None
        case "name" if column == field.column:
            return lambda text: _line(text, NAME_LIMIT)
        case "text" | "company" if column == field.column:
            return lambda text: None if is_placeholder(text) else _line(text, NAME_LIMIT)
        case "long-text" if column == field.column:
            return lambda text: None if is_placeholder(text) else _line(text, COMMENT_LIMIT)
        case "emails":
            return lambda text: (text,) if len(text) <= EMAIL_LIMIT and _EMAIL.fullmatch(text) else None
        case "numbers" if column in NUMBER_COLUMNS:
            return _plain_number(reading.phones, label_of(column, head))
        case _:
            return None


def _plain_number(phones: PhoneReader, label: str) -> Plain | None:
    """Return what reads a cell with the digits of one number."""
    try:
        label = checked_numbers([ContactNumber("+79160000000", label=label)])[0].label
    except InvalidInputError:
        return None

    def read(text: str) -> tuple[ContactNumber, ...] | None:
        number = phones.plain(text, label)
        return None if number is None else (number,)

    return read


def _line(text: str, longest: int) -> str | None:
    """Return a text that may be kept as it is; None where it has to be read with care."""
    if not text.isprintable() or _MARKS.search(text):
        return None
    text = text.strip()
    return text if 0 < len(text) <= longest else None
