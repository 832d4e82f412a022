"""Read the fields of a row of a table, each from the cells of its columns. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any, Final, Literal, cast

from pbxd.book.dates import refuse_future
from pbxd.book.employee_lookup import EmployeeLookup
from pbxd.book.employees import Employee
from pbxd.book.fields import Field
from pbxd.book.texts import checked_email
from pbxd.errors import InvalidInputError
from pbxd.exchange import cells
from pbxd.exchange.columns import Columns
from pbxd.exchange.phone_cells import PhoneReader
from pbxd.exchange.row_cells import SHOWN, How, RowCells, cleaned, second
from pbxd.exchange.row_names import joined_name
from pbxd.exchange.row_numbers import NumberCells
from pbxd.i18n import _
from pbxd.numbers import NumberRules

_GOOGLE_GROUPS = {"* myContacts", "* starred"}  # Google's own, of every contact
_ADDRESS = re.compile(r"<([^<>@]+@[^<>@]+)>")  # of «Анна <anna@example.org>»
_PEOPLE: Final = frozenset({"name", "first_name", "last_name"})  # somebody may be called so: No is a Korean surname
_SPACES = re.compile(r"[,\s]+")


Reads = Callable[[RowCells], Any]


class FieldCells:
    """Makes what reads each field of one table."""

    def __init__(
        self,
        columns: Columns,
        rules: NumberRules,
        employees: EmployeeLookup,
        how: How,
        flags: frozenset[str] = frozenset(),
    ) -> None:
        """Take what is known of the table; `flags` are the import columns whose cells say yes or no."""
        self._columns, self._employees, self._how, self._flags = columns, employees, how, flags
        self.phones = PhoneReader(rules, foreign=columns.foreign, lenient=how.lenient)
        self._numbers = NumberCells(columns, self.phones, lenient=how.lenient)

    def cleaned(self, text: str) -> str:
        """Return the text of a cell without what programs put around it."""
        return cleaned(text, foreign=self._columns.foreign)

    def of_row(self, texts: Sequence[str], columns: frozenset[str] | None = None) -> RowCells:
        """Return a row to read from, with the texts of all columns or of some."""
        values: dict[str, list[str]] = {}
        for column, text in zip(self._columns.fields, texts, strict=False):
            if column and (columns is None or column in columns):
                text = self.cleaned(text)  # noqa: PLW2901 - the same, cleaned
                values.setdefault(column, []).append("" if self._is_empty(column, text) else text)
        return RowCells(texts, values)

    def _is_empty(self, column: str, text: str) -> bool:
        """Tell whether another program's cell says that there is nothing."""
        if not self._columns.foreign or column in _PEOPLE or not cells.is_placeholder(text):
            return False
        return column not in self._flags or not cells.is_no(text)

    def reader(self, wanted: Field) -> Reads:  # noqa: PLR0911 - a case a kind
        """Return what reads a field.

        It raises InvalidInputError, or notes in the row what it leaves out. It gives None where a single value is
        missing.
        """
        column = wanted.column
        match wanted.kind:
            case "name":
                return self._name
            case "numbers":
                return self._numbers.read
            case "emails":
                return lambda work: self._emails(wanted, work)
            case "tags":
                return lambda work: self._tags(work.all(column))
            case "long-text":
                return lambda work: "\n".join(filter(None, work.all(column)))
            case "date" if column == "birth_date":
                return self._birth_date
            case "date" | "flag" | "employee":
                return self._single(wanted, wanted.kind)
            case _:
                return lambda work: self._line(column, work)

    def _line(self, column: str, work: RowCells) -> str:
        """Return the text of a column; of several the first one, or all where they are meant to be joined."""
        texts = list(dict.fromkeys(cells.plain_line(text) for text in work.all(column) if text))
        if len(texts) > 1 and column in self._columns.joined:
            return ", ".join(texts)
        work.left_out += [(column, second(text)) for text in texts[1:]]
        return texts[0] if texts else ""

    def _name(self, work: RowCells) -> str:
        def text(column: str) -> str:
            texts = list(dict.fromkeys(cells.plain_line(text) for text in work.all(column) if text))
            if column in self._columns.joined:
                return " ".join(texts)
            work.left_out.extend((column, second(each)) for each in texts[1:])
            return texts[0] if texts else ""

        name, lost = joined_name(text)
        if lost:
            work.left_out.append(("name", _("not in the name: {text}").format(text=lost[:SHOWN])))
        return name

    def _birth_date(self, work: RowCells) -> date | None:
        day, month, year = (work.first(f"birth_{part}") for part in ("day", "month", "year"))
        if (day or month) and not year:
            work.left_out.append(("birth_date", _("a birthday without its year: {day}").format(day=f"{day} {month}")))
        text = f"{day} {month} {year}" if year and not month.isdecimal() else f"{day}.{month}.{year}" if year else ""
        return cast("date | None", self._only("birth_date", [text, *work.all("birth_date")], self._past_day, work))

    def _past_day(self, text: str) -> date | None:
        found = cells.read_day("birth_date", text, self._columns.order, self._how.today)
        if self._how.today:
            refuse_future("birth_date", found, self._how.today)
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

    def _single(self, wanted: Field, kind: Literal["date", "flag", "employee"]) -> Reads:
        """Return what reads a field that has one value."""
        name, column = wanted.name, wanted.column

        def read(work: RowCells) -> object:
            readers: dict[str, Callable[[str], object]] = {
                "date": lambda text: cells.read_day(name, text, self._columns.order),
                "flag": lambda text: cells.read_flag(name, text),
                "employee": lambda text: self._employee(name, text, work),
            }
            return self._only(column, work.all(column), readers[kind], work)

        return read

    def _only(self, column: str, texts: Iterable[str], read: Callable[[str], object], work: RowCells) -> object:
        """Return the first value in some cells, and name those that say something else; None: there is no value."""
        found: object = None
        for text in dict.fromkeys(filter(None, texts)):
            try:
                value = read(text)
            except InvalidInputError as error:
                if found is None and not self._how.lenient:
                    raise
                why = str(error).removeprefix(f"{error.field}: ") if found is None else second(text)
                work.left_out.append((column, why))
                continue
            if found is None:
                found = value
            elif value not in (None, found):
                work.left_out.append((column, second(text)))
        return found

    def _employee(self, field: str, text: str, work: RowCells) -> Employee | None:
        return self._employees.find(field, text, new=work.is_ours) if not cells.is_placeholder(text) else None


def _emails(text: str) -> list[str]:
    if cells.is_placeholder(text):
        return []
    addresses = _ADDRESS.findall(text)
    if addresses:
        return [address.strip() for address in addresses]
    emails = (email for part in cells.split_values(text) for email in _SPACES.split(part) if email)
    return [email.removeprefix("mailto:") for email in emails]
