"""Cells of a table of contacts, written and read: numbers, dates, yes and no, several values in one cell. Pure."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final, assert_never

from pbxd import notation
from pbxd.book.contact_numbers import ContactNumber
from pbxd.book.dates import DateOrder, read_date, write_date
from pbxd.book.field_kinds import Kind
from pbxd.book.fields import Field
from pbxd.book.texts import folded
from pbxd.errors import InvalidInputError
from pbxd.i18n import _

_STAR: Final = "★"
MAIN: Final = f"{_STAR} "  # before the main number where it isn't the first
_BETWEEN = re.compile(r"\s*(?:[\r\n]+| ::: )\s*")  # lines of a cell; Google's separator
_RISKS = re.compile(r"[;\r\n\"]| ::: ")
_GUARDED = re.compile(r"'+[=+\-@\t\r]")
_TO_GUARD = re.compile(r"'*[=+\-@\t\r]")
_FIRST_OF_FORMULA = frozenset("'=+-@\t\r")
_YES = frozenset({"да", "yes", "y", "true", "истина", "1", "+", "vip", "вип", "x", "х", "v", "✓", "★"})
_NO = frozenset({"", "нет", "no", "n", "false", "ложь", "0", "-"})
_NO_DATE = frozenset({"", "0/0/00", "0.0.00", "00.00.0000", "0000-00-00", "0000-00-00 00:00:00"})
_NOTHING = frozenset(
    {"", "-", "--", "—", "–", "нет", "не указан", "не указана", "не указано", "отсутствует", "нет данных", "нет адреса"}
    | {"нет почты", "нет e-mail", "нет email", "нет эл. почты", "без почты", "нет телефона", "нет номера"}
    | {"no", "none", "null", "n/a", "no email", "no e-mail", "no phone", "no data", "not specified"}
)
_BREAKS = re.compile(r"\s*[\r\n\t\v\f]+\s*")
_BREAK_TAG = re.compile(r"<br\s*/?>|</(?:p|div|li|tr|h[1-6]|pre|blockquote)>", re.IGNORECASE)
_TAG = re.compile(
    r"</?(?:a|b|blockquote|br|center|code|div|em|font|h[1-6]|hr|i|img|li|ol|p|pre|s|small|span|strong|sub|sup|table"
    r"|tbody|td|th|thead|tr|u|ul)\b[^<>]*>",
    re.IGNORECASE,
)
_UNSHOWN = re.compile(r"<!--.*?-->|<(style|script)\b[^<>]*>.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_ENTITY = re.compile(r"&(?:quot|amp|lt|gt|nbsp|laquo|raquo|apos|mdash|ndash|#\d{1,6}|#x[0-9a-fA-F]{1,6});")
_SERIAL = re.compile(r"[1-7]\d{4}(?:\.\d+)?")  # a day in 1927 or later as a spreadsheet counts it
_FIRST_SERIAL = date(1899, 12, 30)
_SHORT_YEAR = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{2}(?:\D.*)?")


@dataclass(frozen=True, slots=True)
class BadRow:
    """What is wrong in a row of a table. Rows are counted as a spreadsheet does: the header is row 1."""

    row: int
    field: str
    message: str


def join_values(values: Iterable[str]) -> str:
    """Write several values into one cell, separated by `; `. A value that could be misread is quoted."""
    listed = tuple(values)
    if not listed:
        return ""
    if not _RISKS.search("".join(listed)):  # nearly every cell
        return "; ".join(listed)
    return "; ".join(map(_quoted, listed))


def split_values(text: str) -> list[str]:
    """Read several values from one cell: as `join_values` writes them, in lines, or split by Google's ` ::: `."""
    if not text or not _RISKS.search(text):
        return [text.strip()] if text.strip() else []
    if '"' not in text:
        text = _BETWEEN.sub(";", text)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=";", skipinitialspace=True))
    except csv.Error:  # longer than the module's limit; the limits of the book refuse it later
        return [text]
    return [value.strip() for row in rows for value in row if value.strip()]


def write_numbers(listed: Sequence[ContactNumber]) -> str:
    """Write the numbers of a contact so that `phone_cells.read_phones` reads them back as they are."""
    if len(listed) == 1 and not (listed[0].label or listed[0].extension):  # nearly every contact
        return listed[0].number
    return join_values([_written(number, main=number.main and place > 0) for place, number in enumerate(listed)])


def is_placeholder(text: str) -> bool:
    """Tell whether a cell says in words or by a dash that there is nothing."""
    return folded(text) in _NOTHING


def is_no(text: str) -> bool:
    """Tell whether a cell answers a question with no."""
    return folded(text) in _NO - {""}


def plain_line(text: str) -> str:
    """Return a text as one line: a line break in a cell is a space."""
    return _BREAKS.sub(" ", text).strip()


def without_markup(text: str) -> str:
    """Return a text of a web page as plain text: `<br />` is a line break, `&quot;` a quotation mark."""
    if "<" in text:
        text = _TAG.sub("", _BREAK_TAG.sub("\n", _UNSHOWN.sub("", text)))
    return html.unescape(text).replace("\xa0", " ") if _ENTITY.search(text) else text


def read_day(field: str, text: str, order: DateOrder = "", today: date | None = None) -> date | None:
    """Read a date as `read_date` does, or the number that a spreadsheet keeps for it.

    A birthday without its year, as address books keep it, is None. `today`: later days belong to the last century
    where the year has two digits. Raises InvalidInputError.
    """
    text = text.strip()
    if text in _NO_DATE or text.startswith("--") or is_placeholder(text):
        return None
    if _SERIAL.fullmatch(text):
        return _FIRST_SERIAL + timedelta(days=int(text[:5]))
    day = read_date(field, text, order)
    if day and today and day > today and _SHORT_YEAR.fullmatch(text):
        return day.replace(year=day.year - 100)
    return day


def read_flag(field: str, text: str) -> bool:
    """Read yes or no. Raises InvalidInputError naming the field."""
    word = folded(text)
    if word in _YES or word in _NO:
        return word in _YES
    raise InvalidInputError(field, _("neither yes nor no: {text}").format(text=text[:50]))


def write_value(field: Field, value: Any) -> str:  # noqa: ANN401 - a value of the field's kind
    """Write a field's value into one cell, as an import reads it back."""
    return writer_of(field.kind)(value)


def writer_of(kind: Kind) -> Callable[[Any], str]:
    """Return what writes the values of a kind, for many cells of one column."""
    match kind:
        case "numbers":
            return write_numbers
        case "emails" | "tags":
            return join_values
        case "date":
            return lambda value: write_date(value) if value else ""
        case "flag":
            yes = _("yes")
            return lambda value: yes if value else ""
        case "name" | "text" | "long-text" | "company" | "employee" | "visibility":
            return str
        case _:
            assert_never(kind)


def guard_formula(text: str) -> str:
    """Put `'` before a text that a spreadsheet would run as a formula of a CSV file. E.164 numbers are safe."""
    if text[:1] not in _FIRST_OF_FORMULA:  # nearly every cell
        return text
    return f"'{text}" if not notation.E164.fullmatch(text) and _TO_GUARD.match(text) else text


def guard_formulas(texts: Iterable[str]) -> list[str]:
    """Do the same with many texts."""
    return [guard_formula(text) if text[:1] in _FIRST_OF_FORMULA else text for text in texts]


def unguard_formula(text: str) -> str:
    """Remove the `'` that `guard_formula` put there."""
    return text[1:] if _GUARDED.match(text) else text


def written_label(label: str) -> str:
    """Return a label as it stands before a number in a cell. One that begins with a star gets another one."""
    return f"{_STAR if label.startswith(_STAR) else ''}{label}: " if label else ""


def read_label(text: str) -> str:
    """Return the label that `written_label` wrote, without the colon."""
    return text.removeprefix(_STAR) if text.startswith(2 * _STAR) else text


def _written(number: ContactNumber, *, main: bool) -> str:
    label = written_label(number.label)
    extension = f" доб. {number.extension}" if number.extension else ""
    return f"{MAIN if main else ''}{label}{number.number}{extension}"


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"' if _RISKS.search(value) else value
