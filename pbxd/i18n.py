"""Messages to people in Russian and English.

Source texts are English; `_` translates at the moment of use with the language of the current context (a request's or
the process's). Catalogues are kept as `.po` files and compiled in memory, so that no binary is built or shipped.
"""

from __future__ import annotations

import gettext as _gettext
from contextvars import ContextVar
from functools import cache
from importlib import resources
from io import BytesIO
from typing import NamedTuple

LANGUAGES = ("en", "ru")

_current: ContextVar[_gettext.NullTranslations] = ContextVar("pbxd_translations")
_default = _gettext.NullTranslations()


def use(language: str) -> None:
    """Set the language of this context and of contexts started from it; an unknown language means English."""
    _current.set(_catalogue(language))


def _(message: str) -> str:
    """Translate a source text."""
    return _current.get(_default).gettext(message)


def ngettext(singular: str, plural: str, n: int) -> str:
    """Translate a source text whose form depends on a count."""
    return _current.get(_default).ngettext(singular, plural, n)


def preferred(*candidates: str | None) -> str:
    """Return the first known language among settings and locale names such as `ru_RU.UTF-8`, else `en`."""
    for candidate in candidates:
        language = (candidate or "")[:2].lower()
        if language in LANGUAGES:
            return language
    return "en"


@cache
def _catalogue(language: str) -> _gettext.NullTranslations:
    if language not in LANGUAGES or language == "en":
        return _default
    from babel.messages.mofile import write_mo  # noqa: PLC0415 - costs 50 ms, only needed beside English
    from babel.messages.pofile import read_po  # noqa: PLC0415 - likewise

    source = resources.files("pbxd").joinpath("locale", language, "LC_MESSAGES", "pbxd.po")
    compiled = BytesIO()
    with source.open("rb") as po_file:
        write_mo(compiled, read_po(po_file, locale=language))
    compiled.seek(0)
    return _gettext.GNUTranslations(compiled)


class Texts(NamedTuple):
    """A text in every language; `str()` gives the one of the current context.

    For texts that no catalogue can have, such as the title of a field that the company defined for itself.
    """

    en: str
    ru: str

    def __str__(self) -> str:
        return self.ru if _current.get(_default).info().get("language") == "ru" else self.en
