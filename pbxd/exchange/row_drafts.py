"""Read a row of a table as a contact, or everything that is wrong in it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from pbxd import notation
from pbxd.book.companies import Company, checked_company
from pbxd.book.contact_numbers import ContactNumber
from pbxd.book.contacts import ContactDraft, check_reachable, checked
from pbxd.book.employee_lookup import EmployeeLookup
from pbxd.book.employees import Employee
from pbxd.book.field_kinds import Json, empty_value, extra_json
from pbxd.book.fields import Field, Fields
from pbxd.book.headings import OWN_ID
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
_COMPANY = {"company", "numbers", "emails"}  # what a company takes from a row
_NOBODY = EmployeeLookup(())
_CYRILLIC = re.compile(r"[А-Яа-яЁё]")


@dataclass(frozen=True, slots=True)
class Read:
    """A contact read from a row, the names of the fields that the row fills in, and its `pbxd ID`."""

    draft: ContactDraft
    given: frozenset[str]
    card: str = ""


@dataclass(frozen=True, slots=True)
class ReadCompany:
    """A company read from a row without a person's name. `lost`: fields of the row that a company doesn't have."""

    company: Company
    lost: tuple[str, ...]


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
    """Reads the rows of one table.

    A contact needs a name, and a number or an e-mail; every other cell must be readable too. A row with a company and
    no person's name is a company.
    """

    def __init__(
        self, columns: Columns, rules: NumberRules, fields: Fields, employees: EmployeeLookup = _NOBODY
    ) -> None:
        self.fields = fields
        self._employees = employees
        self._columns = columns
        self._phones = PhoneReader(rules, foreign=columns.foreign)
        wanted = columns.whole | _REQUIRED
        # What reads each field, made once for all rows.
        self._readers = [(each, self._reader(each)) for each in fields.exported if each.column in wanted]
        self._names = {column: each.name for column in columns.fields if (each := fields.field_of(column))}

    def read(self, row: int, texts: Sequence[str]) -> Read | ReadCompany | BadRow:
        """Read a row."""
        values: dict[str, list[str]] = {}
        for column, text in zip(self._columns.fields, texts, strict=False):
            if column:
                values.setdefault(column, []).append(text.strip())
        errors: list[InvalidInputError] = []
        work = _Row(texts, values)
        draft = self._draft(work, errors)
        errors = [*_missing(draft, errors), *errors]
        if not errors:
            try:
                return self._checked(draft, work)
            except InvalidInputError as error:
                errors.append(error)
        first = errors[0].field
        column = self.fields[first].column if first in self.fields else first
        return BadRow(row, column, "; ".join(map(str, errors))[:_LONGEST_MESSAGE])

    def _checked(self, draft: ContactDraft, work: _Row) -> Read | ReadCompany:
        """Return what a readable row is. Raises InvalidInputError."""
        filled = [column for column, found in work.values.items() if any(found) and column in self._names]
        given = frozenset([self._names[column] for column in filled])
        if not draft.name and draft.company:
            numbers = tuple(number.number for number in draft.numbers)
            company = checked_company(Company(0, draft.company, numbers, emails=draft.emails))
            return ReadCompany(company, tuple(sorted(given - _COMPANY)))
        return Read(checked(draft, self.fields), given, work.first(OWN_ID))

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
            elif isinstance(value, Employee):
                attributes |= {each.name: value.extension, f"{each.name}_id": value.id}
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
            case "date" | "flag" | "employee":
                read = self._single(wanted.kind)
                return lambda work: read(wanted.name, work.first(column))
            case _:
                return lambda work: work.first(column)

    def _single(self, kind: Literal["date", "flag", "employee"]) -> Callable[[str, str], Any]:
        """Return what reads the one value of a cell."""
        readers: dict[str, Callable[[str, str], Any]] = {
            "date": cells.read_day,
            "flag": cells.read_flag,
            "employee": self._employee,
        }
        return readers[kind]

    def _employee(self, field: str, text: str) -> Employee | str:
        return self._employees.find(field, text) if text else ""

    def _numbers(self, work: _Row) -> tuple[ContactNumber, ...]:
        found: list[ContactNumber] = []
        label = ""
        for column, text in zip(self._columns.fields, work.cells, strict=False):
            if column == "label":
                label = text.removeprefix("* ").strip()
            elif column in COLUMN_LABELS and text.strip():
                found += self._phones.read(text, COLUMN_LABELS[column]() or label).numbers
                label = ""
        extension = work.first("extension")
        if extension and len(found) == 1 and not found[0].extension:
            found = [replace(found[0], extension=_extension(extension))]
        return tuple(found)


def _missing(draft: ContactDraft, errors: Sequence[InvalidInputError]) -> list[InvalidInputError]:
    """Return what the row needs and hasn't, beside what can't be read in it."""
    if not draft.name and not draft.company:
        return [InvalidInputError("name", _("a name is needed"))]
    try:
        if draft.name and not {"number", "numbers", "emails"} & {error.field for error in errors}:
            check_reachable(draft)
    except InvalidInputError as error:
        return [error]
    return []


def _tags(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(tag for text in texts for tag in cells.split_values(text) if tag not in _GOOGLE_GROUPS)


def _name(work: _Row) -> str:
    if name := work.first("name"):
        return name
    first, middle, last = (work.first(part) for part in ("first_name", "middle_name", "last_name"))
    order = (last, first, middle) if _CYRILLIC.search(last + first) else (first, middle, last)
    return " ".join(filter(None, order))


def _extension(text: str) -> str:
    text = text.removesuffix(".0")
    if not notation.EXTENSION.fullmatch(text):
        raise InvalidInputError("number", _("not an extension: {text}").format(text=text[:50]))
    return text


def _emails(text: str) -> list[str]:
    return [email for part in cells.split_values(text) for email in re.split(r"[,\s]+", part) if email]
