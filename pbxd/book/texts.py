"""Texts of the book: how they are checked, compared and searched. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from pbxd import notation
from pbxd.errors import InvalidInputError
from pbxd.i18n import _

NAME_LIMIT = 200  # characters of a name, a company's name, or another line of text


TYPED_LIMIT = 100


EMAIL_LIMIT = 254  # RFC 5321, 4.5.3.1.3


EMAILS_LIMIT = 20
NUMBERS_LIMIT = 50  # how many of each one contact may have


_EXTENSION = re.compile(r"[0-9A-Za-z_.*#+-]{1,32}")  # of an employee: as endpoints are named


_EMAIL = re.compile(r"[^\s@,;:<>()\"\\]+@[^\s@,;:<>()\"\\.]+(\.[^\s@,;:<>()\"\\.]+)+")


@lru_cache(maxsize=4096)
def folded(text: str) -> str:
    """Return the form in which texts are compared and searched. Cached: a batch asks for them again and again.

    Case, compatibility forms, the dots of ё and the amount of white space make no difference.
    """
    if text.isascii():  # every e-mail; the steps below would change nothing else in it
        return " ".join(text.lower().split())
    return " ".join(unicodedata.normalize("NFKC", text).casefold().replace("ё", "е").split())


def number_matches(number: str, text: str) -> bool:
    """Tell whether an E.164 number contains a fragment typed in any notation."""
    return any(fragment in number for fragment in notation.fragments(text))


def checked_name(field: str, name: str) -> str:
    """Return the name of a person or a company, trimmed. Raises InvalidInputError for an empty one."""
    name = checked_line(field, name, NAME_LIMIT)
    if not name:
        raise InvalidInputError(field, _("a name is needed"))
    return name


def checked_e164(field: str, number: str) -> str:
    """Return the number if it is in E.164 with the plus. Raises InvalidInputError."""
    if not notation.E164.fullmatch(number):
        raise InvalidInputError(
            field, _("not an international number: {number}").format(number=ascii(number[:TYPED_LIMIT]))
        )
    return number


def checked_line(field: str, text: str, longest: int, *, allowed: frozenset[str] = frozenset()) -> str:
    """Return the text, trimmed. Raises InvalidInputError if it is too long or has control characters not `allowed`."""
    text = text.strip()
    if len(text) > longest:
        raise InvalidInputError(field, _("{field}: longer than {limit} characters").format(field=field, limit=longest))
    for character in () if text.isprintable() else text:
        # Cc: control characters; PostgreSQL cannot keep NUL. Cs: halves of a surrogate pair, which UTF-8 cannot have.
        if unicodedata.category(character) in {"Cc", "Cs"} and character not in allowed:
            raise InvalidInputError(
                field, _("{field}: a control character (U+{code})").format(field=field, code=f"{ord(character):04X}")
            )
    return text


def is_extension(text: str) -> bool:
    """Tell whether an employee can have this extension."""
    return bool(_EXTENSION.fullmatch(text))


def checked_extension(field: str, extension: str) -> str:
    """Return the extension, which may be empty. Raises InvalidInputError."""
    if extension and not is_extension(extension):
        raise InvalidInputError(field, _("not an extension: {text}").format(text=ascii(extension[:TYPED_LIMIT])))
    return extension


def checked_email(email: str, field: str = "emails") -> str:
    """Return an e-mail address, trimmed. Raises InvalidInputError."""
    email = checked_line(field, email, EMAIL_LIMIT)
    if not _EMAIL.fullmatch(email):
        raise InvalidInputError(field, _("not an e-mail address: {text}").format(text=email))
    return email


def without_repeats(field: str, entries: Iterable[str], most: int) -> tuple[str, ...]:
    """Drop empty entries and those that differ from an earlier one in case only."""
    kept: dict[str, str] = {}
    for entry in entries:
        if entry:
            kept.setdefault(folded(entry), entry)
    if len(kept) > most:
        raise InvalidInputError(field, _("{field}: more than {limit}").format(field=field, limit=most))
    return tuple(kept.values())
