"""Messages to people in Russian and English.

Source texts are English. `_` translates when it is called, into the language of the current context: a request's or the
process's. Catalogues are written as `.po` files and compiled to `.mo` by `tools/messages.py`: when a wheel is built, by
`make setup` and `make messages`, and before tests.
"""

from __future__ import annotations

import gettext as _gettext
from contextvars import ContextVar
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

LANGUAGES = ("en", "ru")
DOMAIN = "pbxd"
CATALOGUES = Path(__file__).parent / "locale"

_language: ContextVar[str] = ContextVar("pbxd_language", default="en")


def use(language: str) -> None:
    """Set the language of this context and of contexts started from it; an unknown language means English."""
    _language.set(language if language in LANGUAGES else "en")


def current() -> str:
    """Return the language of this context."""
    return _language.get()


def _(message: str) -> str:
    """Translate a source text."""
    return _catalogue(_language.get()).gettext(message)


def ngettext(singular: str, plural: str, n: int) -> str:
    """Translate a source text whose form depends on a count."""
    return _catalogue(_language.get()).ngettext(singular, plural, n)


class Texts(NamedTuple):
    """A text in every language; `str()` gives the one of the current context.

    For texts that no catalogue can have, such as the title of a field that the company defined for itself.
    """

    en: str
    ru: str

    def __str__(self) -> str:
        return self.ru if _language.get() == "ru" else self.en


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for "translate this later"
    """Mark a text for the catalogue without translating it: the language isn't known yet."""
    return text


def NN_(singular: str, plural: str) -> tuple[str, str]:  # noqa: N802 - as above, for a text with a count
    """Mark a text whose form depends on a count."""
    return singular, plural


def preferred(*candidates: str | None) -> str:
    """Return the first known language among settings and locale names such as `ru_RU.UTF-8`, else `en`."""
    for candidate in candidates:
        language = (candidate or "")[:2].lower()
        if language in LANGUAGES:
            return language
    return "en"


def local_time(at: datetime | None) -> str:
    """Write an aware instant in local time, as the language's readers expect it; None is empty."""
    if at is None:
        return ""
    # Translators: strftime of a date with time
    return at.astimezone().strftime(_("%Y-%m-%d %H:%M:%S"))


def local_day(day: date) -> str:
    """Write a day, or the day of a datetime, as `local_time` does."""
    return f"{day:%d.%m}.{day.year:04}" if current() == "ru" else f"{day.year:04}-{day:%m-%d}"


@cache
def _catalogue(language: str) -> _gettext.NullTranslations:
    """Read a compiled catalogue; without one, which only a checkout can lack, source texts are shown."""
    return _gettext.translation(DOMAIN, CATALOGUES, [language], fallback=True)
