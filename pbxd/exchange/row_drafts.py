"""Read a row of a table as a contact, or everything that is wrong in it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from pbxd import notation
from pbxd.book.contact_numbers import ContactNumber
from pbxd.book.contacts import ContactDraft, checked
from pbxd.book.field_kinds import Json, empty_value, extra_json
from pbxd.book.fields import Field, Fields
from pbxd.errors import InvalidInputError
from pbxd.exchange import cells
from pbxd.exchange.cells import BadRow
from pbxd.exchange.columns import Columns
from pbxd.i18n import _
from pbxd.numbers import NumberRules

_Value = TypeVar("_Value")
_LONGEST_MESSAGE = 2000  # characters about one row
_GOOGLE_GROUPS = {"* myContacts", "* starred"}  # Google's own, of every contact
_REQUIRED = {"name", "number"}
_CYRILLIC = re.compile(r"[А-Яа-яЁё]")


@dataclass(frozen=True, slots=True)
class Read:
    """A contact read from a row, and the names of the fields that the row fills in."""

    draft: ContactDraft
    given: frozenset[str]


@dataclass(slots=True)
class _Row:
    """One row being read: its cells, their texts by import column, and the errors so far."""

    cells: Sequence[str]
    values: dict[str, list[str]]
    errors: list[InvalidInputError] = field(default_factory=list)

    def all(self, column: str) -> list[str]:
        """Return the texts of a column."""
        return self.values.get(column, [])

    def first(self, column: str) -> str:
        """Return the first text of a column that is not empty."""
        return next((text for text in self.all(column) if text), "")

    def attempt(self, read: Callable[[], _Value], otherwise: _Value) -> _Value:
        """Call `read`. Keep its error for the end of the row, and return `otherwise`."""
        try:
            return read()
        except InvalidInputError as error:
            self.errors.append(error)
            return otherwise


class RowReader:
    """Reads the rows of one table. A contact needs a name and a number; every other cell must be readable too."""

    def __init__(self, columns: Columns, rules: NumberRules, fields: Fields) -> None:
        self.fields = fields
        self._columns = columns
        self._rules = rules
        wanted = columns.whole | _REQUIRED
        self._wanted = [each for each in fields.exported if each.column in wanted]

    def read(self, row: int, texts: Sequence[str]) -> Read | BadRow:
        """Read a row."""
        values: dict[str, list[str]] = {}
        for column, text in zip(self._columns.fields, texts, strict=False):
            if column:
                values.setdefault(column, []).append(text.strip())
        work = _Row(texts, values)
        made = self._draft(work)
        errors = work.errors
        if not errors:
            made = work.attempt(lambda: checked(made, self.fields), made)
        if not errors:
            named = (self.fields.field_of(column) for column, found in values.items() if any(found))
            return Read(made, frozenset(each.name for each in named if each))
        first = errors[0].field
        column = self.fields[first].column if first in self.fields else first
        return BadRow(row, column, "; ".join(map(str, errors))[:_LONGEST_MESSAGE])

    def _draft(self, work: _Row) -> ContactDraft:
        attributes: dict[str, Any] = {}
        extra: dict[str, Json] = {}
        for each in self._wanted:
            value = work.attempt(lambda each=each: self._value(each, work), empty_value(each.kind))  # type: ignore[misc]
            if each.stored == "extra":
                extra[each.name] = extra_json(value)
            else:
                attributes[each.name] = value
        return ContactDraft(**attributes, extra=extra)

    def _value(self, wanted: Field, work: _Row) -> Any:  # noqa: ANN401 - a value of the field's kind
        match wanted.kind:
            case "name":
                return _name(work)
            case "numbers":
                return self._numbers(work)
            case _:
                return _cell_value(wanted, work)

    def _numbers(self, work: _Row) -> tuple[ContactNumber, ...]:
        found: list[ContactNumber] = []
        label = ""
        for column, text in zip(self._columns.fields, work.cells, strict=False):
            if column == "label":
                label = text.removeprefix("* ").strip()
            elif column in _LABELS and text.strip():
                found += cells.read_numbers(text, self._rules, label=_LABELS[column]() or label)
                label = ""
        if not found:
            raise InvalidInputError("number", _("a phone number is needed"))
        extension = work.first("extension")
        if extension and len(found) == 1 and not found[0].extension:
            found = [replace(found[0], extension=_extension(extension))]
        return tuple(found)


def _cell_value(wanted: Field, work: _Row) -> Any:  # noqa: ANN401 - a value of the field's kind
    column = wanted.column
    match wanted.kind:
        case "emails":
            return tuple(email for text in work.all(column) for email in _emails(text))
        case "tags":
            return tuple(
                tag for text in work.all(column) for tag in cells.split_values(text) if tag not in _GOOGLE_GROUPS
            )
        case "long-text":
            return "\n".join(filter(None, work.all(column)))
        case "date":
            return cells.read_day(wanted.name, work.first(column))
        case "flag":
            return cells.read_flag(wanted.name, work.first(column))
        case _:
            return work.first(column)


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


_LABELS: dict[str, Callable[[], str]] = {
    "number": lambda: "",
    "mobile": lambda: _("mobile"),
    "work": lambda: _("work"),
    "home": lambda: _("home"),
}
