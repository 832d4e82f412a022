"""Cells of a table of contacts, written and read: numbers, dates, yes and no, several values in one cell. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, assert_never

from pbxd import notation
from pbxd.book.contact_numbers import ContactNumber
from pbxd.book.dates import read_date, write_date
from pbxd.book.fields import Field
from pbxd.book.texts import TYPED_LIMIT, folded
from pbxd.errors import InvalidInputError
from pbxd.i18n import _
from pbxd.numbers import NumberRules, parse, why_unreadable

MAIN = "★ "  # before the main number where it isn't the first
# A number as we write it: `мобильный: +79161234567 доб. 12`. It comes last, so that a label may have any characters.
_OURS = re.compile(rf"(?:(?P<label>.*): )?(?P<number>{notation.E164.pattern})(?: доб\. (?P<extension>\S+))?", re.DOTALL)
_SHORTENED = re.compile(r"[+-]?\d+([.,]\d+)?E[+]?\d+", re.IGNORECASE)
_BETWEEN = re.compile(r"\s*(?:[\r\n]+| ::: )\s*")  # lines of a cell; Google's separator
_GUARDED = re.compile(r"'+[=+\-@\t\r]")
_TO_GUARD = re.compile(r"'*[=+\-@\t\r]")
_YES = frozenset({"да", "yes", "y", "true", "истина", "1", "+", "vip", "вип", "x", "х", "v", "✓", "★"})
_NO = frozenset({"", "нет", "no", "n", "false", "ложь", "0", "-"})
_NO_DATE = frozenset({"", "0/0/00", "0.0.00", "00.00.0000"})


@dataclass(frozen=True, slots=True)
class BadRow:
    """What is wrong in a row of a table. Rows are counted as a spreadsheet does: the header is row 1."""

    row: int
    field: str
    message: str


def join_values(values: Iterable[str]) -> str:
    """Write several values into one cell, separated by `; `. A value that could be misread is quoted."""
    return "; ".join(map(_quoted, values))


def split_values(text: str) -> list[str]:
    """Read several values from one cell: as `join_values` writes them, in lines, or split by Google's ` ::: `."""
    if not text or not re.search(r"[;\r\n\"]| ::: ", text):
        return [text.strip()] if text.strip() else []
    if '"' not in text:
        text = _BETWEEN.sub(";", text)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=";", skipinitialspace=True))
    except csv.Error:  # longer than the module's limit; the limits of the book refuse it later
        return [text]
    return [value.strip() for row in rows for value in row if value.strip()]


def write_numbers(listed: Sequence[ContactNumber]) -> str:
    """Write the numbers of a contact so that `read_numbers` reads them back as they are."""
    return join_values(_written(number, main=number.main and place > 0) for place, number in enumerate(listed))


def read_numbers(text: str, rules: NumberRules, *, label: str = "") -> list[ContactNumber]:
    """Read the numbers of a cell, in any notation. Raises InvalidInputError."""
    return [number for part in split_values(text) for number in _several(part, rules, label)]


def read_day(field: str, text: str) -> date | None:
    """Read a date as `read_date` does. A birthday without its year, as address books keep it, is None."""
    text = text.strip()
    return None if text in _NO_DATE or text.startswith("--") else read_date(field, text)


def read_flag(field: str, text: str) -> bool:
    """Read yes or no. Raises InvalidInputError naming the field."""
    word = folded(text)
    if word in _YES or word in _NO:
        return word in _YES
    raise InvalidInputError(field, _("neither yes nor no: {text}").format(text=text[:50]))


def write_value(field: Field, value: Any) -> str:  # noqa: ANN401 - a value of the field's kind
    """Write a field's value into one cell, as an import reads it back."""
    match field.kind:
        case "numbers":
            return write_numbers(value)
        case "emails" | "tags":
            return join_values(value)
        case "date":
            return write_date(value) if value else ""
        case "flag":
            return _("yes") if value else ""
        case "name" | "text" | "long-text" | "company" | "employee" | "visibility":
            return str(value)
        case _:
            assert_never(field.kind)


def guard_formula(text: str) -> str:
    """Put `'` before a text that a spreadsheet would run as a formula of a CSV file. E.164 numbers are safe."""
    return f"'{text}" if _TO_GUARD.match(text) and not notation.E164.fullmatch(text) else text


def unguard_formula(text: str) -> str:
    """Remove the `'` that `guard_formula` put there."""
    return text[1:] if _GUARDED.match(text) else text


def _several(text: str, rules: NumberRules, label: str) -> list[ContactNumber]:
    """Read one number, or several with commas between them."""
    try:
        return [_number(text, rules, label)]
    except InvalidInputError:
        parts = [part.strip() for part in text.split(",")]
        if len(parts) == 1 or any(parse(part, rules).kind != "e164" for part in parts):
            raise
        return [_number(part, rules, label) for part in parts]


def _number(text: str, rules: NumberRules, label: str) -> ContactNumber:
    main, typed = text.startswith(MAIN), text[:TYPED_LIMIT]
    text = text.removeprefix(MAIN).strip()
    ours = _OURS.fullmatch(text)
    if ours and _is_ours(ours, rules):
        return ContactNumber(ours["number"], typed, ours["extension"] or "", ours["label"] or label, main)
    if _SHORTENED.fullmatch(text):
        message = _("the spreadsheet has shortened the number to {text}: enter it again, as text")
        raise InvalidInputError("number", message.format(text=text))
    parsed = parse(text, rules)
    before, colon, rest = text.rpartition(":")
    if parsed.kind != "e164" and colon and (labelled := parse(rest, rules)).kind == "e164":
        parsed, label = labelled, before.strip()
    if parsed.kind != "e164":
        raise InvalidInputError("number", why_unreadable(typed, parsed))
    return ContactNumber(parsed.value, typed, parsed.extension, label, main)


def _is_ours(ours: re.Match[str], rules: NumberRules) -> bool:
    return (
        bool(notation.EXTENSION.fullmatch(ours["extension"] or "0"))
        and parse(ours["number"], rules).value == (ours["number"])
    )


def _written(number: ContactNumber, *, main: bool) -> str:
    label = f"{number.label}: " if number.label else ""
    extension = f" доб. {number.extension}" if number.extension else ""
    return f"{MAIN if main else ''}{label}{number.number}{extension}"


def _quoted(value: str) -> str:
    risky = re.search(r"[;\r\n\"]| ::: ", value)
    return '"' + value.replace('"', '""') + '"' if risky else value
