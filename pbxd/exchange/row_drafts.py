"""Read a row of a table as a contact, or everything that is wrong in it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from pbxd import notation
from pbxd.book.contact_numbers import ContactNumber
from pbxd.book.contacts import ContactDraft, checked
from pbxd.book.field_kinds import Json, empty_value, extra_json
from pbxd.book.fields import Field, Fields
from pbxd.errors import InvalidInputError
from pbxd.exchange import cells
from pbxd.exchange.cells import BadRow
from pbxd.exchange.columns import Columns
from pbxd.exchange.phone_cells import COLUMN_LABELS, PhoneReader
from pbxd.i18n import _
from pbxd.numbers import NumberRules

_LONGEST_MESSAGE = 2000  # characters about one row
_GOOGLE_GROUPS = {"* myContacts", "* starred"}  # Google's own, of every contact
_REQUIRED = {"name", "number"}
_CYRILLIC = re.compile(r"[А-Яа-яЁё]")


@dataclass(frozen=True, slots=True)
class Read:
    """A contact read from a row, and the names of the fields that the row fills in."""

    draft: ContactDraft
    given: frozenset[str]


class _Row(NamedTuple):
    """One row being read: its cells, and their texts by import column."""

    cells: Sequence[str]
    values: dict[str, list[str]]

    def all(self, column: str) -> list[str]:
        """Return the texts of a column."""
        return self.values.get(column, [])

    def first(self, column: str) -> str:
        """Return the first text of a column that is not empty."""
        for text in self.values.get(column, ()):
            if text:
                return text
        return ""


class RowReader:
    """Reads the rows of one table. A contact needs a name and a number; every other cell must be readable too."""

    def __init__(self, columns: Columns, rules: NumberRules, fields: Fields) -> None:
        self.fields = fields
        self._columns = columns
        self._phones = PhoneReader(rules, foreign=columns.foreign)
        wanted = columns.whole | _REQUIRED
        # What reads each field, made once for all rows.
        self._readers = [(each, self._reader(each)) for each in fields.exported if each.column in wanted]
        self._names = {column: each.name for column in columns.fields if (each := fields.field_of(column))}

    def read(self, row: int, texts: Sequence[str]) -> Read | BadRow:
        """Read a row."""
        values: dict[str, list[str]] = {}
        for column, text in zip(self._columns.fields, texts, strict=False):
            if column:
                values.setdefault(column, []).append(text.strip())
        errors: list[InvalidInputError] = []
        draft = self._draft(_Row(texts, values), errors)
        if not errors:
            try:
                good = checked(draft, self.fields)
            except InvalidInputError as error:
                errors.append(error)
            else:
                filled = [column for column, found in values.items() if any(found) and column in self._names]
                return Read(good, frozenset([self._names[column] for column in filled]))
        first = errors[0].field
        column = self.fields[first].column if first in self.fields else first
        return BadRow(row, column, "; ".join(map(str, errors))[:_LONGEST_MESSAGE])

    def _draft(self, work: _Row, errors: list[InvalidInputError]) -> ContactDraft:
        """Return what the row says. Errors are collected, so that people hear of all of them at once."""
        attributes: dict[str, Any] = {}
        extra: dict[str, Json] = {}
        for each, read in self._readers:
            try:
                value = read(work)
            except InvalidInputError as error:
                errors.append(error)
                value = empty_value(each.kind)
            if each.stored == "extra":
                extra[each.name] = extra_json(value)
            else:
                attributes[each.name] = value
        return ContactDraft(**attributes, extra=extra)

    def _reader(self, wanted: Field) -> Callable[[_Row], Any]:  # noqa: PLR0911 - a case a kind
        column = wanted.column
        match wanted.kind:
            case "name":
                return _name
            case "numbers":
                return self._numbers
            case "emails":
                return lambda work: tuple(email for text in work.all(column) for email in _emails(text))
            case "tags":
                return lambda work: _tags(work.all(column))
            case "long-text":
                return lambda work: "\n".join(filter(None, work.all(column)))
            case "date":
                return lambda work: cells.read_day(wanted.name, work.first(column))
            case "flag":
                return lambda work: cells.read_flag(wanted.name, work.first(column))
            case _:
                return lambda work: work.first(column)

    def _numbers(self, work: _Row) -> tuple[ContactNumber, ...]:
        found: list[ContactNumber] = []
        label = ""
        for column, text in zip(self._columns.fields, work.cells, strict=False):
            if column == "label":
                label = text.removeprefix("* ").strip()
            elif column in COLUMN_LABELS and text.strip():
                found += self._phones.read(text, COLUMN_LABELS[column]() or label).numbers
                label = ""
        if not found:
            raise InvalidInputError("number", _("a phone number is needed"))
        extension = work.first("extension")
        if extension and len(found) == 1 and not found[0].extension:
            found = [replace(found[0], extension=_extension(extension))]
        return tuple(found)


def _tags(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(tag for text in texts for tag in cells.split_values(text) if tag not in _GOOGLE_GROUPS)


def _name(work: _Row) -> str:
    if name := work.first("name"):
        return name
    first, middle, last = (work.first(part) for part in ("first_name", "middle_name", "last_name"))
    order = (last, first, middle) if _CYRILLIC.search(last + first) else (first, middle, last)
    name = " ".join(filter(None, order))
    if not name:
        raise InvalidInputError("name", _("a name is needed"))
    return name


def _extension(text: str) -> str:
    text = text.removesuffix(".0")
    if not notation.EXTENSION.fullmatch(text):
        raise InvalidInputError("number", _("not an extension: {text}").format(text=text[:50]))
    return text


def _emails(text: str) -> list[str]:
    return [email for part in cells.split_values(text) for email in re.split(r"[,\s]+", part) if email]
