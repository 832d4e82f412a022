"""What other programs call our objects: a key for each system, `{"bitrix24": "123"}`. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from pbxd.book.texts import checked_line
from pbxd.errors import InvalidInputError, Mistakes
from pbxd.i18n import _

KEY_LIMIT: Final = 200  # characters
SYSTEMS_LIMIT: Final = 20  # systems that one object is known to
_SYSTEM: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}")


class ExternalId(NamedTuple):
    """What a system calls an object."""

    system: str
    key: str


def checked_external(external: Mapping[str, str | None], field: str = "external") -> dict[str, str | None]:
    """Return ids as they may be kept; None takes one away. Raises InvalidInputError."""
    mistakes, kept = Mistakes(), dict[str, str | None]()
    for system, key in external.items():
        with mistakes.collected():
            kept[system] = None if key is None else checked_id(system, key, field).key
    if len(external) > SYSTEMS_LIMIT:
        mistakes.add(InvalidInputError(field, _("{field}: more than {limit}").format(field=field, limit=SYSTEMS_LIMIT)))
    mistakes.refuse()
    return kept


def checked_id(system: str, key: str, field: str = "external") -> ExternalId:
    """Return one id as it may be kept. Raises InvalidInputError."""
    if not _SYSTEM.fullmatch(system):
        message = _("{field}: a system's name has up to 40 small Latin letters, digits, dots, - and _: {text}")
        raise InvalidInputError(field, message.format(field=field, text=ascii(system[:100])), at=(system,))
    try:
        key = checked_line(field, key, KEY_LIMIT)
    except InvalidInputError as error:
        raise InvalidInputError(field, str(error), at=(system,)) from error
    if not key:
        raise InvalidInputError(field, _("{field}: an empty key").format(field=f"{field}.{system}"), at=(system,))
    return ExternalId(system, key)


def read_external(text: str, field: str = "external") -> ExternalId:
    """Read `bitrix24:123`. Raises InvalidInputError."""
    system, _colon, key = text.partition(":")
    return checked_id(system, key, field)
