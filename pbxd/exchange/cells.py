"""One cell of a table of contacts: several values in it, numbers, dates, yes and no; written and read. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime

from pbxd import notation
from pbxd.book.contacts import ContactNumber
from pbxd.book.texts import TYPED_LIMIT, folded
from pbxd.errors import InvalidInputError
from pbxd.i18n import _
from pbxd.numbers import NumberRules, parse

_MAIN = "★ "  # before the main number where it isn't the first
# As we write a number: `мобильный: +79161234567 доб. 12`. It stands at the end, so that any label can be told from it.
_OURS = re.compile(rf"(?:(?P<label>.*): )?(?P<number>{notation.E164.pattern})(?: доб\. (?P<extension>\S+))?", re.DOTALL)
_SHORTENED = re.compile(r"[+-]?\d+([.,]\d+)?E[+]?\d+", re.IGNORECASE)
_BETWEEN = re.compile(r"\s*(?:[\r\n]+| ::: )\s*")  # lines of a cell; Google's separator
_GUARDED = re.compile(r"'+[=+\-@\t\r]")
_TO_GUARD = re.compile(r"'*[=+\-@\t\r]")
_YES = frozenset({"да", "yes", "y", "true", "истина", "1", "+", "vip", "вип", "x", "х", "v", "✓", "★"})
_NO = frozenset({"", "нет", "no", "n", "false", "ложь", "0", "-"})
_DATES = ("%Y-%m-%d", "%d.%m.%Y", "%Y%m%d", "%Y-%m-%dT%H:%M:%S", "%d.%m.%Y %H:%M:%S", "%d.%m.%y")
_USUAL_DATE = re.compile(r"(\d{2})\.(\d{2})\.(\d{4})")  # `strptime` takes ten times as long
_NO_DATE = frozenset({"", "0/0/00", "0.0.00", "00.00.0000"})
_SLASHES = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_MOST_MONTHS = 12


@dataclass(frozen=True, slots=True)
class BadRow:
    """What is wrong in a row of a table. Rows are counted as a spreadsheet does: the header is row 1."""

    row: int
    field: str
    message: str


def joined(values: Iterable[str]) -> str:
    """Write several values into one cell, separated by `; `; one that could be misread stands in quotes."""
    return "; ".join(map(_quoted, values))


def split(text: str) -> list[str]:
    """Read several values from one cell: what `joined` wrote, lines, or Google's ` ::: `; empty ones are left out."""
    if not text or not re.search(r"[;\r\n\"]| ::: ", text):
        return [text.strip()] if text.strip() else []
    if '"' not in text:
        text = _BETWEEN.sub(";", text)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=";", skipinitialspace=True))
    except csv.Error:  # a field longer than the module's limit: the book's limits refuse it
        return [text]
    return [value.strip() for row in rows for value in row if value.strip()]


def written_numbers(listed: Sequence[ContactNumber]) -> str:
    """Write the numbers of a contact so that `numbers` reads them back as they are."""
    return joined(_written(number, main=number.main and place > 0) for place, number in enumerate(listed))


def numbers(text: str, rules: NumberRules, *, label: str = "") -> list[ContactNumber]:
    """Read the numbers of a cell, in any notation. Raises InvalidInputError."""
    return [number for part in split(text) for number in _several(part, rules, label)]


def birth_date(text: str) -> date | None:
    """Read 31.12.1980, an ISO date or 12/31/1980 where only one reading is possible. Raises InvalidInputError.

    A birthday without its year, as address books keep it, is none.
    """
    text = text.strip()
    if text in _NO_DATE or text.startswith("--"):
        return None
    if usual := _USUAL_DATE.fullmatch(text):
        with suppress(ValueError):
            return date(int(usual[3]), int(usual[2]), int(usual[1]))
    for form in _DATES:
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007 - a birthday has no time zone
        except ValueError:
            continue
    if found := _slashed(text):
        return found
    raise InvalidInputError("birth_date", _("not a date (write it as 31.12.1980): {text}").format(text=text[:50]))


def flag(text: str) -> bool:
    """Read yes or no. Raises InvalidInputError."""
    word = folded(text)
    if word in _YES or word in _NO:
        return word in _YES
    raise InvalidInputError("vip", _("neither yes nor no: {text}").format(text=text[:50]))


def guarded(text: str) -> str:
    """Put `'` before what a spreadsheet would take for a formula in a CSV file; E.164 numbers are none."""
    return f"'{text}" if _TO_GUARD.match(text) and not notation.E164.fullmatch(text) else text


def unguarded(text: str) -> str:
    """Take the guard off."""
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
    main, typed = text.startswith(_MAIN), text[:TYPED_LIMIT]
    text = text.removeprefix(_MAIN).strip()
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
        raise InvalidInputError("number", _("not a phone number: {text}").format(text=typed))
    return ContactNumber(parsed.value, typed, parsed.extension, label, main)


def _is_ours(ours: re.Match[str], rules: NumberRules) -> bool:
    return (
        bool(notation.EXTENSION.fullmatch(ours["extension"] or "0"))
        and parse(ours["number"], rules).value == (ours["number"])
    )


def _written(number: ContactNumber, *, main: bool) -> str:
    label = f"{number.label}: " if number.label else ""
    extension = f" доб. {number.extension}" if number.extension else ""
    return f"{_MAIN if main else ''}{label}{number.number}{extension}"


def _quoted(value: str) -> str:
    risky = re.search(r"[;\r\n\"]| ::: ", value)
    return '"' + value.replace('"', '""') + '"' if risky else value


def _slashed(text: str) -> date | None:
    """Read 31/12/1980 and 12/31/1980; what could be both is neither."""
    if not (found := _SLASHES.fullmatch(text)):
        return None
    first, second, year = map(int, found.groups())
    if first <= _MOST_MONTHS and second <= _MOST_MONTHS and first != second:
        return None
    day, month = (second, first) if second > _MOST_MONTHS else (first, second)
    try:
        return date(year, month, day)
    except ValueError:
        return None
