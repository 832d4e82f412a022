"""Times as people type them: one way for every command and operation. `book.dates` reads the days."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import datetime, time, timedelta

from pbxd.book.dates import read_date
from pbxd.errors import InvalidInputError
from pbxd.i18n import _

_CLOCK = re.compile(r"(.+?)[T ]+(\d{1,2}):(\d{2})(?::(\d{2}))?")
_ISO_TIME = re.compile(r"[\d-]+[T ]\d.*")


def read_instant(field: str, text: str, *, end_of_day: bool = False) -> datetime:
    """Read a day as `read_date` does, or with a time: 31.12.2026 10:00, or ISO 8601; local time unless it has a zone.

    A day without a time is its beginning, or with `end_of_day` its end. Raises InvalidInputError.
    """
    try:
        return _instant(field, text.strip(), end_of_day=end_of_day)
    except InvalidInputError as error:
        raise InvalidInputError(field, f"{field}: {error}") from error
    except (ValueError, OverflowError) as error:
        raise InvalidInputError(field, _("{field}: not a date: {text}").format(field=field, text=text)) from error


def _instant(field: str, text: str, *, end_of_day: bool) -> datetime:
    if _ISO_TIME.fullmatch(text):
        with suppress(ValueError):
            return datetime.fromisoformat(text).astimezone()
    clock = _CLOCK.fullmatch(text)
    day = read_date(field, clock[1] if clock else text)
    if day is None:
        raise ValueError(text)
    if clock:
        at = time(int(clock[2]), int(clock[3]), int(clock[4] or 0))
        return datetime.combine(day, at).astimezone()
    return datetime.combine(day + timedelta(days=end_of_day), time()).astimezone()
