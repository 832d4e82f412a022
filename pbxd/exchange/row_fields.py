"""Read the fields of a row of a table, each from the cells of its columns. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final, Literal, NamedTuple

from pbxd import notation
from pbxd.book.card_marks import marked_id
from pbxd.book.contact_numbers import ContactNumber
from pbxd.book.dates import refuse_future
from pbxd.book.employee_lookup import EmployeeLookup
from pbxd.book.employees import Employee
from pbxd.book.fields import Field
from pbxd.book.headings import OWN_ID
from pbxd.book.texts import checked_email
from pbxd.errors import InvalidInputError
from pbxd.exchange import cells
from pbxd.exchange.columns import Columns
from pbxd.exchange.phone_cells import COLUMN_LABELS, PhoneReader, usual_label
from pbxd.exchange.row_names import joined_name
from pbxd.i18n import _
from pbxd.numbers import NumberRules

_GOOGLE_GROUPS = {"* myContacts", "* starred"}  # Google's own, of every contact
NUMBER_COLUMNS = frozenset({*COLUMN_LABELS, "titled_number"})
_ADDRESS = re.compile(r"<([^<>@]+@[^<>@]+)>")  # of «Анна <anna@example.org>»
_PEOPLE: Final = frozenset({"name", "first_name", "last_name"})  # somebody may be called so: No is a Korean surname
_DASHES = re.compile(r"[-–—]+")  # in a cell without anything
_DIGITS = re.compile(r"\d+")
_SPACES = re.compile(r"[,\s]+")
_SHOWN = 100  # characters of a text that is not taken


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


Reads = Callable[[RowCells], Any]


class FieldCells:
    """Makes what reads each field of one table."""

    def __init__(self, columns: Columns, rules: NumberRules, employees: EmployeeLookup, how: How) -> None:
        self._columns, self._employees, self._how = columns, employees, how
        self.phones = PhoneReader(rules, foreign=columns.foreign, lenient=how.lenient)
        self._labels = number_labels(columns.heads, columns.fields)

    def cleaned(self, text: str) -> str:
        """Return the text of a cell without what programs put around it."""
        if not self._columns.foreign:
            return text.strip()
        text = cells.without_markup(text).strip()
        return "" if _DASHES.fullmatch(text) else text

    def of_row(self, texts: Sequence[str], columns: frozenset[str] | None = None) -> RowCells:
        """Return a row to read from, with the texts of all columns or of some."""
        values: dict[str, list[str]] = {}
        for column, text in zip(self._columns.fields, texts, strict=False):
            if column and (columns is None or column in columns):
                text = self.cleaned(text)  # noqa: PLW2901 - the same, cleaned
                is_empty = self._columns.foreign and column not in _PEOPLE and cells.is_placeholder(text)
                values.setdefault(column, []).append("" if is_empty else text)
        return RowCells(texts, values)

    def reader(self, wanted: Field) -> Reads:  # noqa: PLR0911 - a case a kind
        """Return what reads a field. It raises InvalidInputError, or notes in the row what it leaves out."""
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

    def _line(self, column: str, work: RowCells) -> str:
        """Return the text of a column; of several the first one, or all where they are meant to be joined."""
        texts = list(dict.fromkeys(cells.plain_line(text) for text in work.all(column) if text))
        if len(texts) > 1 and column in self._columns.joined:
            return ", ".join(texts)
        work.left_out += [(column, _("a second value: {text}").format(text=text[:_SHOWN])) for text in texts[1:]]
        return texts[0] if texts else ""

    def _name(self, work: RowCells) -> str:
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

    def _birth_date(self, work: RowCells) -> date | None:
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

    def _emails(self, wanted: Field, work: RowCells) -> tuple[str, ...]:
        found: list[str] = []
        for email in (email for text in work.all(wanted.column) for email in _emails(text)):
            try:
                found.append(checked_email(email, wanted.name))
            except InvalidInputError as error:
                if not self._how.lenient:
                    raise
                work.left_out.append((wanted.column, str(error)))
        return tuple(found)

    def _tags(self, texts: Sequence[str]) -> tuple[str, ...]:
        found = [tag for text in texts for tag in cells.split_values(text) if tag not in _GOOGLE_GROUPS]
        if self._columns.foreign and not any('"' in text for text in texts):
            return tuple(each.strip() for tag in found for each in tag.split(","))
        return tuple(found)

    def _single(self, kind: Literal["date", "flag", "employee"]) -> Callable[[str, str, RowCells], Any]:
        """Return what reads the one value of a cell."""
        readers: dict[str, Callable[[str, str, RowCells], Any]] = {
            "date": lambda name, text, _work: cells.read_day(name, text, self._columns.order),
            "flag": lambda name, text, _work: cells.read_flag(name, text),
            "employee": self._employee,
        }
        return readers[kind]

    def _employee(self, field: str, text: str, work: RowCells) -> Employee | str:
        return self._employees.find(field, text, new=work.is_ours) if not cells.is_placeholder(text) else ""

    def _numbers(self, work: RowCells) -> tuple[ContactNumber, ...]:
        found: list[ContactNumber] = []
        extension = ""
        for place, (column, text) in enumerate(zip(self._columns.fields, work.cells, strict=False)):
            if column == "extension" and text.strip():
                work.place["number"] = place
                extension = self._add_extension(text.strip(), found, work)
            elif column in NUMBER_COLUMNS and text.strip():
                work.place["number"] = place
                label = label_of(column, self._columns.heads[place]) or self._label_beside(place, work)
                phones = self.phones.read(self.cleaned(text), label)
                work.left_out += [("number", why) for why in phones.left_out]
                if extension and phones.numbers and not phones.numbers[0].extension:
                    phones.numbers[0] = replace(phones.numbers[0], extension=extension)
                    extension = ""
                found += phones.numbers
        work.place.pop("number", None)
        return tuple(found)

    def _label_beside(self, place: int, work: RowCells) -> str:
        """Return the label that another cell of the row has for the numbers of a cell."""
        beside = self._labels.get(place, len(work.cells))
        text = work.cells[beside] if beside < len(work.cells) else ""
        return usual_label(text) if self._columns.foreign else text.strip()

    def _add_extension(self, text: str, found: list[ContactNumber], work: RowCells) -> str:
        """Add an extension to the number before it; return it where the number is still to come."""
        extension = _extension(text)
        if not found:
            return extension
        if not found[-1].extension:
            found[-1] = replace(found[-1], extension=extension)
        elif found[-1].extension != extension:
            work.left_out.append(("number", _("a second value: {text}").format(text=extension)))
        return ""


def number_labels(heads: Sequence[str], columns: Sequence[str]) -> dict[int, int]:
    """Return by the place of a column of numbers the place of the column with their labels.

    That is the one with the same digits, such as «Phone 1 - Label» of «Phone 1 - Value»; of headings without digits the
    one before it.
    """
    numbers = [place for place, column in enumerate(columns) if column in NUMBER_COLUMNS]
    found: dict[int, int] = {}
    for label in (place for place, column in enumerate(columns) if column == "label"):
        digits = _DIGITS.findall(heads[label])
        same = [place for place in numbers if digits and _DIGITS.findall(heads[place]) == digits]
        after = [place for place in numbers if place > label and "label" not in columns[label + 1 : place]]
        for place in (same or after)[:1]:
            found.setdefault(place, label)
    return found


def label_of(column: str, head: str) -> str:
    """Return the label of the numbers in a column with this heading; empty where the column says nothing."""
    return head if column == "titled_number" else COLUMN_LABELS[column]()


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
