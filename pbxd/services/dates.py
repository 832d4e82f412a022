"""Dates and times as people type them: one way for every command and operation."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, time, timedelta

from pbxd.errors import InvalidInputError
from pbxd.i18n import _

_DAYS = ("%d.%m.%Y", "%Y-%m-%d")
_INSTANTS = ("%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S")


def read_instant(field: str, text: str, *, end_of_day: bool = False) -> datetime:
    """Read `31.12.2026`, `2026-12-31`, either with a time, or RFC 3339 with a zone; local time unless it has one.

    A date without a time is the beginning of that day, or with `end_of_day` its end. Raises InvalidInputError.
    """
    try:
        return _instant(text.strip(), end_of_day=end_of_day)
    except (ValueError, OverflowError) as error:
        raise InvalidInputError(field, _("{field}: not a date: {text}").format(field=field, text=text)) from error


def _instant(text: str, *, end_of_day: bool) -> datetime:
    for form in _DAYS:
        with suppress(ValueError):
            day = datetime.strptime(text, form).date()  # noqa: DTZ007 - the local zone is put on below
            return datetime.combine(day + timedelta(days=end_of_day), time()).astimezone()
    for form in _INSTANTS:
        with suppress(ValueError):
            return datetime.strptime(text, form).astimezone()
    return datetime.fromisoformat(text).astimezone()
