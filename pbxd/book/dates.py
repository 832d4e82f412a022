"""Dates as people and programs write them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from functools import lru_cache
from typing import Final, Literal

from pbxd.errors import InvalidInputError
from pbxd.i18n import _

DateOrder = Literal["", "day", "month"]  # which of both comes first in 3/4/1980; empty: nobody knows

_USUAL = re.compile(r"(\d{2})\.(\d{2})\.(\d{4})")  # `strptime` takes ten times as long
_TIME = r"(?:[T ]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?(?:[AaPp]\.?[Mm]\.?|Z|[+-]\d{2}:?\d{2}))?)?"
_ISO = re.compile(rf"(\d{{4}})([-/.])(\d{{1,2}})\2(\d{{1,2}}){_TIME}|(\d{{4}})(\d{{2}})(\d{{2}})(?:T\d{{6}}Z?)?")
_DOTS = re.compile(rf"(\d{{1,2}})\.(\d{{1,2}})\.(\d{{4}}|\d{{2}}){_TIME}")
_UNCLEAR = re.compile(rf"(\d{{1,2}})([/-])(\d{{1,2}})\2(\d{{4}}|\d{{2}}){_TIME}")
_WORDS = re.compile(r"(?:(\d{1,2})[-. ]+([^\W\d]+)|([^\W\d]+)\.? +(\d{1,2}))[-., ]+(\d{4})")
_YEAR_WORD = re.compile(r"\s*(?:г\.?|год|года|г\.р\.?)$", re.IGNORECASE)
_MONTHS: Final = (
    ("янв", "jan"), ("фев", "feb"), ("мар", "mar"), ("апр", "apr"), ("май", "мая", "may"), ("июн", "jun"),
    ("июл", "jul"), ("авг", "aug"), ("сен", "sep"), ("окт", "oct"), ("ноя", "nov"), ("дек", "dec"),
)  # fmt: skip
_MOST_MONTHS = 12
_CENTURY_FROM = 69  # two digits of a year: 69 is 1969, 68 is 2068, as `strptime` reads them
_SHOWN = 50  # characters of what is no date


def read_date(field: str, text: str, order: DateOrder = "") -> date | None:
    """Read 31.12.1980, an ISO date, 12 марта 1985, or 3/4/1980 by its order. An empty text is None.

    Without an order 12/31/1980 is read, because only one reading is possible. Raises InvalidInputError for anything
    else.
    """
    text = text.strip()
    if not text:
        return None
    if usual := _USUAL.fullmatch(text):
        with suppress(ValueError):
            return date(int(usual[3]), int(usual[2]), int(usual[1]))
    with suppress(ValueError):
        if found := _read(_YEAR_WORD.sub("", text), order):
            return found
    if _UNCLEAR.fullmatch(text):
        message = _("a date that can be read in two ways (write it as 31.12.1980): {text}")
    else:
        message = _("not a date (write it as 31.12.1980): {text}")
    raise InvalidInputError(field, message.format(text=text[:_SHOWN]))


@lru_cache(maxsize=40_000)  # the days of a century
def write_date(day: date) -> str:
    """Write a day as tables have it: 31.12.1980."""
    return f"{day.day:02}.{day.month:02}.{day.year:04}"  # strftime drops the zeros of a year


def read_month(text: str) -> int:
    """Read a month: 3, 03, март, Mar. Raises ValueError."""
    if text.isdecimal():
        return int(text)
    word = text.casefold()
    for place, stems in enumerate(_MONTHS, start=1):
        if word.startswith(stems):
            return place
    raise ValueError(text)


def order_of(texts: Iterable[str]) -> DateOrder | None:
    """Return the order of dates such as 3/4/1980, by those that have one reading only; None where they differ."""
    found: set[DateOrder] = set()
    for text in texts:
        if unclear := _UNCLEAR.fullmatch(text.strip()):
            first, second = int(unclear[1]), int(unclear[3])
            if (first > _MOST_MONTHS) != (second > _MOST_MONTHS):
                found.add("day" if first > _MOST_MONTHS else "month")
    return None if len(found) > 1 else next(iter(found), "")


def refuse_future(field: str, day: date | None, today: date) -> None:
    """Raise InvalidInputError for a date of birth that is still to come."""
    if day and day > today:
        message = _("a date of birth in the future: {date}").format(date=write_date(day))
        raise InvalidInputError(field, f"{field}: {message}")


def _read(text: str, order: DateOrder) -> date | None:
    """Return the date, or None for what has another form or two readings. Raises ValueError for no date."""
    if iso := _ISO.fullmatch(text):
        year, month, day = (iso[1], iso[3], iso[4]) if iso[1] else (iso[5], iso[6], iso[7])
        return date(int(year), int(month), int(day))
    if dots := _DOTS.fullmatch(text):
        return date(_year(dots[3]), int(dots[2]), int(dots[1]))
    if words := _WORDS.fullmatch(text):
        return date(int(words[5]), read_month(words[2] or words[3]), int(words[1] or words[4]))
    unclear = _UNCLEAR.fullmatch(text)
    return _unclear(int(unclear[1]), int(unclear[3]), _year(unclear[4]), order) if unclear else None


def _unclear(first: int, second: int, year: int, order: DateOrder) -> date | None:
    if first > _MOST_MONTHS or second > _MOST_MONTHS or first == second:
        order = "day" if first > _MOST_MONTHS else "month"
    if not order:
        return None
    return date(year, second, first) if order == "day" else date(year, first, second)


def _year(text: str) -> int:
    year = int(text)
    if len(text) > 2:  # noqa: PLR2004 - two digits
        return year
    return year + (1900 if year >= _CENTURY_FROM else 2000)
