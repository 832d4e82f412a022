"""Dates as people and programs write them. Pure."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date, datetime

from pbxd.errors import InvalidInputError
from pbxd.i18n import _

_FORMS = ("%Y-%m-%d", "%d.%m.%Y", "%Y%m%d", "%Y-%m-%dT%H:%M:%S", "%d.%m.%Y %H:%M:%S", "%d.%m.%y")
_USUAL = re.compile(r"(\d{2})\.(\d{2})\.(\d{4})")  # `strptime` takes ten times as long
_SLASHES = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_MOST_MONTHS = 12
_SHOWN = 50  # characters of what is no date


def read_date(field: str, text: str) -> date | None:
    """Read 31.12.1980, an ISO date, or 12/31/1980 where only one reading is possible. An empty text is None.

    Raises InvalidInputError for anything else.
    """
    text = text.strip()
    if not text:
        return None
    if usual := _USUAL.fullmatch(text):
        with suppress(ValueError):
            return date(int(usual[3]), int(usual[2]), int(usual[1]))
    for form in _FORMS:
        with suppress(ValueError):
            return datetime.strptime(text, form).date()  # noqa: DTZ007 - a day has no time zone
    if found := _slashed(text):
        return found
    message = _("not a date (write it as 31.12.1980): {text}")
    raise InvalidInputError(field, message.format(text=text[:_SHOWN]))


def write_date(day: date) -> str:
    """Write a day as tables have it: 31.12.1980."""
    return f"{day.day:02}.{day.month:02}.{day.year:04}"  # strftime drops the zeros of a year


def _slashed(text: str) -> date | None:
    """Read 31/12/1980 and 12/31/1980. A date that could be both is None."""
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
