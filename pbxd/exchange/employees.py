"""Read employees from a CSV file or from the rows of a workbook. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from pbxd.book.employees import Employee, checked_employee
from pbxd.book.texts import folded
from pbxd.errors import InvalidInputError
from pbxd.exchange.cells import BadRow
from pbxd.i18n import _
from pbxd.numbers import NumberRules, parse

SIZE_LIMIT = 10 * 1024 * 1024  # bytes: tens of thousands of people
MOST_ROWS = 100_000  # the same for a workbook
WORKBOOK = (b"PK", b"\xd0\xcf\x11\xe0")  # how xlsx and xls begin
_SEPARATORS = ";,\t"
_HEADS: dict[str, tuple[str, ...]] = {
    "extension": ("ext", "внутренний", "внутренний номер", "короткий номер", "добавочный", "добавочный номер"),
    "name": ("имя", "фио", "ф.и.о.", "сотрудник", "полное имя", "full name"),
    "mobile": ("мобильный", "мобильный номер", "мобильный телефон", "сотовый", "mobile phone"),
    "did": ("прямой номер", "городской", "городской номер", "внешний номер", "abc-номер", "номер abc"),
    "email": ("e-mail", "почта", "электронная почта", "эл. почта", "mail"),
    "department": ("отдел", "подразделение", "департамент"),
}
_FIELD_OF = {name: key for key, names in _HEADS.items() for name in (key, *names)}


@dataclass(slots=True)
class EmployeeTable:
    """The employees of a file, its bad rows, and the headings of columns that are not imported."""

    employees: list[Employee] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


def read_employees(data: bytes, rules: NumberRules) -> EmployeeTable:
    """Read the bytes of a CSV file. A bad row does not stop the good ones.

    Raises InvalidInputError (field `file`) when the file is too long, is no CSV, or has no column of extensions.
    """
    if len(data) > SIZE_LIMIT:
        raise InvalidInputError(
            "file", _("the file is longer than {limit} MB").format(limit=SIZE_LIMIT // 1024 // 1024)
        )
    return read_rows(_rows(_text(data)), rules)


def read_rows(lines: Iterator[tuple[int, list[str]]], rules: NumberRules) -> EmployeeTable:
    """Read numbered rows; the first one has the headings. Raises InvalidInputError."""
    heads = next(lines, (1, []))[1]
    columns = [_FIELD_OF.get(folded(head), "") for head in heads]
    if "extension" not in columns:
        raise InvalidInputError("file", _("there is no column “extension” in the first row"))
    table = EmployeeTable(ignored=[head for head, key in zip(heads, columns, strict=True) if head and not key])
    seen: dict[str, int] = {}
    for row, cells in lines:
        try:
            employee = _employee(columns, cells, rules)
            _refuse_second(employee.extension, seen)
        except InvalidInputError as error:
            table.bad.append(BadRow(row, error.field, str(error)))
        else:
            seen[employee.extension] = row
            table.employees.append(employee)
    return table


def _text(data: bytes) -> str:
    """Decode by the byte order mark, else as UTF-8, else as Windows-1251, which Russian spreadsheets write."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1251", "replace")


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not empty, with their numbers."""
    first = text.split("\n", 1)[0]
    separator = max(_SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for row, cells in enumerate(reader, start=1):
            if any(cell.strip() for cell in cells):
                yield row, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise InvalidInputError("file", _("not a CSV file: {why}").format(why=error)) from error


def _employee(columns: Sequence[str], cells: Sequence[str], rules: NumberRules) -> Employee:
    values = {key: cell for key, cell in zip(columns, cells, strict=False) if key}
    employee = Employee(
        extension=values.get("extension", ""),
        name=values.get("name", ""),
        email=values.get("email", ""),
        department=values.get("department", ""),
    )
    return checked_employee(
        replace(
            employee,
            mobile=_number("mobile", values.get("mobile", ""), rules),
            did=_number("did", values.get("did", ""), rules),
        )
    )


def _refuse_second(extension: str, seen: dict[str, int]) -> None:
    if extension in seen:
        message = _("extension {extension} stands in row {row} already")
        raise InvalidInputError("extension", message.format(extension=extension, row=seen[extension]))


def _number(key: str, text: str, rules: NumberRules) -> str:
    if not text:
        return ""
    parsed = parse(text, rules)
    if parsed.kind != "e164":
        raise InvalidInputError(key, _("not a phone number: {text}").format(text=text))
    return parsed.value
