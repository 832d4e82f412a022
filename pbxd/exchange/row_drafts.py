"""Read a row of a table as a contact, or everything that is wrong in it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal, NamedTuple

from pbxd import notation
from pbxd.book.card_marks import marked_id
from pbxd.book.companies import Company, checked_company
from pbxd.book.contact_numbers import ContactNumber
from pbxd.book.contacts import ContactDraft, check_reachable, checked
from pbxd.book.dates import refuse_future, write_date
from pbxd.book.employee_lookup import EmployeeLookup
from pbxd.book.employees import Employee
from pbxd.book.field_kinds import Json, checked_value, empty_value, extra_json
from pbxd.book.fields import Field, Fields
from pbxd.book.headings import LEFT_OUT, OWN_ID, OWNER, PARTS
from pbxd.book.texts import checked_email
from pbxd.errors import InvalidInputError
from pbxd.exchange import cells, row_kinds
from pbxd.exchange.cells import BadRow
from pbxd.exchange.columns import Columns
from pbxd.exchange.phone_cells import COLUMN_LABELS, PhoneReader, usual_label
from pbxd.exchange.row_names import joined_name
from pbxd.i18n import _
from pbxd.numbers import NumberRules

_LONGEST_MESSAGE = 2000  # characters about one row
_GOOGLE_GROUPS = {"* myContacts", "* starred"}  # Google's own, of every contact
_REQUIRED = {"name", "number"}
_COMPANY = {"company", "numbers", "emails"}  # what a company takes from a row
_NOBODY = EmployeeLookup(())
_NUMBER_COLUMNS = frozenset({*COLUMN_LABELS, "titled_number"})
_ADDRESS = re.compile(r"<([^<>@]+@[^<>@]+)>")  # of «Анна <anna@example.org>»
_SPACES = re.compile(r"[,\s]+")
_SHOWN = 100  # characters of a text that is not taken


@dataclass(frozen=True, slots=True)
class Read:
    """A contact read from a row, the names of the fields that the row fills in, and its `pbxd ID`."""

    draft: ContactDraft
    given: frozenset[str]
    card: str = ""
    left_out: tuple[BadRow, ...] = ()  # what stands in the row and is not taken


@dataclass(frozen=True, slots=True)
class ReadCompany:
    """A company read from a row without a person's name. `lost`: fields of the row that a company doesn't have."""

    company: Company
    lost: tuple[str, ...]
    left_out: tuple[BadRow, ...] = ()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that is no contact: a heading of a group, a total, the headings again."""

    why: BadRow


class How(NamedTuple):
    """How strict the reader is."""

    lenient: bool = False  # leave out an optional field that can't be read, instead of the row
    today: date | None = None  # later dates of birth are refused


@dataclass(slots=True)
class _Row:
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


_STRICT = How()


class RowReader:
    """Reads the rows of one table.

    A contact needs a name, and a number or an e-mail; every other cell must be readable too. A row with a company and
    no person's name is a company.
    """

    def __init__(
        self,
        columns: Columns,
        rules: NumberRules,
        fields: Fields,
        employees: EmployeeLookup = _NOBODY,
        how: How = _STRICT,
    ) -> None:
        self.fields = fields
        self._employees = employees
        self._columns = columns
        if LEFT_OUT in columns.fields:  # one odd property must not cost a whole vCard
            how = how._replace(lenient=True)
        self._phones = PhoneReader(rules, foreign=columns.foreign, lenient=how.lenient)
        self._how = how
        wanted = columns.whole | _REQUIRED
        # What reads each field, made once for all rows.
        self._readers = [(each, self._reader(each)) for each in fields.exported if each.column in wanted]
        self._names = {column: each.name for column in columns.fields if (each := fields.field_of(column))}

    def read(self, row: int, texts: Sequence[str]) -> Read | ReadCompany | LeftOut | BadRow:
        """Read a row."""
        if why := row_kinds.no_contact(texts, self._columns):
            return LeftOut(BadRow(row, "", why))
        values: dict[str, list[str]] = {}
        for column, text in zip(self._columns.fields, texts, strict=False):
            if column:
                values.setdefault(column, []).append(self._cleaned(text))
        left_out = [why for text in values.pop(LEFT_OUT, ()) for why in text.splitlines()]
        if left_out and not any(map(any, values.values())):
            return LeftOut(BadRow(row, "", "; ".join(left_out)))  # a group of contacts
        found = self._found(row, _Row(texts, values))
        if not left_out or isinstance(found, BadRow):
            return found
        return replace(found, left_out=(*(BadRow(row, "", why) for why in left_out), *found.left_out))

    def _found(self, row: int, work: _Row) -> Read | ReadCompany | BadRow:
        errors: list[InvalidInputError] = []
        draft = self._draft(work, errors)
        errors = [*_missing(draft, errors), *errors]
        if not errors:
            try:
                return self._checked(row, draft, work)
            except InvalidInputError as error:
                errors.append(error)
        first = errors[0].field
        column = self.fields[first].column if first in self.fields else first
        return BadRow(row, column, "; ".join(self._named(each, work) for each in errors)[:_LONGEST_MESSAGE])

    def for_correction(self, texts: Sequence[str]) -> list[str]:
        """Return the cells of a row with the dates as people write them: alone they could be read in two ways."""
        if not self._columns.order:
            return list(texts)
        dates = {field.column for field in self.fields.exported if field.kind == "date"}
        return [
            self._rewritten(text) if column in dates else text
            for column, text in zip(self._columns.fields, texts, strict=False)
        ]

    def _rewritten(self, text: str) -> str:
        try:
            day = cells.read_day("", text, self._columns.order, self._how.today)
        except InvalidInputError:
            return text
        return write_date(day) if day else text

    def _cleaned(self, text: str) -> str:
        return cells.without_markup(text).strip() if self._columns.foreign else text.strip()

    def _named(self, error: InvalidInputError, work: _Row) -> str:
        """Return what is wrong, with the heading of its column."""
        column = self.fields[error.field].column if error.field in self.fields else error.field
        head = self._head(column, work)
        return f"{head}: {str(error).removeprefix(f'{error.field}: ')}" if head else str(error)

    def _head(self, column: str, work: _Row) -> str:
        """Return the heading of the cell that a field is read from; empty where the row has none."""
        if column in work.place:
            return self._columns.heads[work.place[column]]
        for head, found, text in zip(self._columns.heads, self._columns.fields, work.cells, strict=False):
            if PARTS.get(found, found) == column and text.strip():
                return head
        return ""

    def _checked(self, row: int, draft: ContactDraft, work: _Row) -> Read | ReadCompany:
        """Return what a readable row is. Raises InvalidInputError."""
        filled = [column for column, found in work.values.items() if any(found) and column in self._names]
        left = tuple(
            BadRow(row, column, self._named(InvalidInputError(column, why), work)) for column, why in work.left_out
        )
        given = frozenset([self._names[column] for column in filled])
        if not draft.name and draft.company:
            numbers = tuple(number.number for number in draft.numbers)
            company = checked_company(Company(0, draft.company, numbers, emails=draft.emails))
            return ReadCompany(company, tuple(sorted(given - _COMPANY)), left)
        if owner := work.first(OWNER):
            person = self._employees.find(OWNER, owner, new=work.is_ours)
            draft = replace(draft, visibility="personal", owner=person.extension, owner_id=person.id)
        return Read(checked(draft, self.fields), given, work.first(OWN_ID), left)

    def _draft(self, work: _Row, errors: list[InvalidInputError]) -> ContactDraft:
        """Return what the row says. Errors are collected, so that people hear of all of them at once."""
        attributes: dict[str, Any] = {}
        extra: dict[str, Json] = {}
        for each, read in self._readers:
            try:
                value = read(work)
                if self._how.lenient and not isinstance(value, Employee):
                    checked_value(each.name, each.kind, value) if value else None
            except InvalidInputError as error:
                if self._how.lenient and each.kind != "name":
                    work.left_out.append((each.column, str(error).removeprefix(f"{error.field}: ")))
                else:
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
                return self._name
            case "numbers":
                return self._numbers
            case "emails":
                return lambda work: self._emails(wanted, work)
            case "tags":
                return lambda work: self._tags(work.all(column))
            case "long-text":
                return lambda work: "\n".join(filter(None, work.all(column)))
            case "date" if column == "birth_date":
                return self._birth_date
            case "date" | "flag" | "employee":
                read = self._single(wanted.kind)
                return lambda work: read(wanted.name, work.first(column), work)
            case _:
                return lambda work: self._line(column, work)

    def _line(self, column: str, work: _Row) -> str:
        """Return the text of a column; of several the first one, or all where they are meant to be joined."""
        texts = list(dict.fromkeys(cells.plain_line(text) for text in work.all(column) if text))
        if len(texts) > 1 and column in self._columns.joined:
            return ", ".join(texts)
        work.left_out += [(column, _("a second value: {text}").format(text=text[:_SHOWN])) for text in texts[1:]]
        return texts[0] if texts else ""

    def _name(self, work: _Row) -> str:
        def text(column: str) -> str:
            texts = list(dict.fromkeys(cells.plain_line(text) for text in work.all(column) if text))
            if column in self._columns.joined:
                return " ".join(texts)
            work.left_out.extend((column, _("a second value: {text}").format(text=each[:_SHOWN])) for each in texts[1:])
            return texts[0] if texts else ""

        name, lost = joined_name(text)
        if lost:
            work.left_out.append(("name", _("not in the name: {text}").format(text=lost[:_SHOWN])))
        return name

    def _birth_date(self, work: _Row) -> date | None:
        order, today = self._columns.order, self._how.today
        day, month, year = (work.first(f"birth_{part}") for part in ("day", "month", "year"))
        if (day or month) and not year:
            work.left_out.append(("birth_date", _("a birthday without its year: {day}").format(day=f"{day} {month}")))
            return None
        text = f"{day} {month} {year}" if year and not month.isdecimal() else f"{day}.{month}.{year}" if year else ""
        found = cells.read_day("birth_date", text or work.first("birth_date"), order, today)
        if today:
            refuse_future("birth_date", found, today)
        return found

    def _emails(self, wanted: Field, work: _Row) -> tuple[str, ...]:
        found: list[str] = []
        for email in (email for text in work.all(wanted.column) for email in _emails(text)):
            try:
                found.append(checked_email(email, wanted.name) if self._how.lenient else email)
            except InvalidInputError as error:
                work.left_out.append((wanted.column, str(error)))
        return tuple(found)

    def _tags(self, texts: Sequence[str]) -> tuple[str, ...]:
        found = [tag for text in texts for tag in cells.split_values(text) if tag not in _GOOGLE_GROUPS]
        if self._columns.foreign and not any('"' in text for text in texts):
            return tuple(each.strip() for tag in found for each in tag.split(","))
        return tuple(found)

    def _single(self, kind: Literal["date", "flag", "employee"]) -> Callable[[str, str, _Row], Any]:
        """Return what reads the one value of a cell."""
        readers: dict[str, Callable[[str, str, _Row], Any]] = {
            "date": lambda name, text, _work: cells.read_day(name, text, self._columns.order),
            "flag": lambda name, text, _work: cells.read_flag(name, text),
            "employee": self._employee,
        }
        return readers[kind]

    def _employee(self, field: str, text: str, work: _Row) -> Employee | str:
        return self._employees.find(field, text, new=work.is_ours) if text else ""

    def _numbers(self, work: _Row) -> tuple[ContactNumber, ...]:
        found: list[ContactNumber] = []
        label = extension = ""
        for place, (column, text) in enumerate(zip(self._columns.fields, work.cells, strict=False)):
            if column == "label":
                label = usual_label(text) if self._columns.foreign else text.strip()
            elif column == "extension" and text.strip():
                work.place["number"] = place
                extension = self._add_extension(text.strip(), found, work)
            elif column in _NUMBER_COLUMNS and text.strip():
                work.place["number"] = place
                titled = self._columns.heads[place] if column == "titled_number" else COLUMN_LABELS[column]()
                phones = self._phones.read(self._cleaned(text), titled or label)
                work.left_out += [("number", why) for why in phones.left_out]
                if extension and phones.numbers and not phones.numbers[0].extension:
                    phones.numbers[0] = replace(phones.numbers[0], extension=extension)
                    extension = ""
                found += phones.numbers
                label = ""
        work.place.pop("number", None)
        return tuple(found)

    def _add_extension(self, text: str, found: list[ContactNumber], work: _Row) -> str:
        """Add an extension to the number before it; return it where the number is still to come."""
        extension = _extension(text)
        if not found:
            return extension
        if not found[-1].extension:
            found[-1] = replace(found[-1], extension=extension)
        elif found[-1].extension != extension:
            work.left_out.append(("number", _("a second value: {text}").format(text=extension)))
        return ""


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


def _extension(text: str) -> str:
    text = text.removesuffix(".0")
    if not notation.EXTENSION.fullmatch(text):
        raise InvalidInputError("number", _("not an extension: {text}").format(text=text[:50]))
    return text


def _emails(text: str) -> list[str]:
    if cells.is_placeholder(text):
        return []
    addresses = _ADDRESS.findall(text)
    if addresses:
        return [address.strip() for address in addresses]
    emails = (email for part in cells.split_values(text) for email in _SPACES.split(part) if email)
    return [email.removeprefix("mailto:") for email in emails]
