"""Check what is written to the AMI: every value, before a byte leaves. Pure.

A CR or LF in a value would inject headers or whole actions. A line longer than Asterisk's input buffer would be thrown
away with its action, and nobody would answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pbxd.errors import InvalidInputError
from pbxd.i18n import _

MAX_LINE_BYTES = 1022  # Asterisk's buffer holds 1024 bytes (manager.c, `inbuf`), CR LF included
MAX_HEADERS = 100  # Asterisk reads 128 (AST_MAX_MANHEADERS)

Headers = Mapping[str, str | Sequence[str]]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_FORBIDDEN = re.compile(r"[\r\n\0]")


def checked(name: str, headers: Headers) -> dict[str, str | list[str]]:
    """Return the action's headers with `Action` first; a header with several values is a list.

    Raises InvalidInputError, whose `field` is the header, for an invalid or repeated name, a value with CR, LF, NUL or
    characters that UTF-8 can't write, a line over MAX_LINE_BYTES, or more than MAX_HEADERS lines.
    """
    fields: dict[str, str | list[str]] = {"Action": _value("Action", name)}
    known = {"action"}
    count = 2  # Action and ActionID
    for header, given in headers.items():
        if not _NAME.fullmatch(header):
            raise InvalidInputError(header, _("AMI: {header!r} is not a header name").format(header=header))
        if header.lower() in known:
            raise InvalidInputError(header, _("AMI: the header {header} is repeated").format(header=header))
        known.add(header.lower())
        values = [given] if isinstance(given, str) else list(given)
        checked_values = [_value(header, value) for value in values]
        fields[header] = checked_values[0] if isinstance(given, str) else checked_values
        count += len(values)
    if count > MAX_HEADERS:
        raise InvalidInputError(
            name, _("AMI: more than {limit} headers in {action}").format(limit=MAX_HEADERS, action=name)
        )
    return fields


def _value(header: str, value: str) -> str:
    """Return a value that fits one line. The message never shows it, because it may be a secret."""
    if _FORBIDDEN.search(value):
        raise InvalidInputError(header, _("AMI: header {header} has a line break or NUL").format(header=header))
    try:
        size = len(f"{header}: {value}".encode())
    except UnicodeEncodeError:
        message = _("AMI: header {header} has characters that can't be written in UTF-8").format(header=header)
        raise InvalidInputError(header, message) from None
    if size > MAX_LINE_BYTES:
        message = _("AMI: header {header} is longer than {limit} bytes").format(header=header, limit=MAX_LINE_BYTES)
        raise InvalidInputError(header, message)
    return value
