"""The lines of a vCard 3.0 (RFC 2426), with vobject's interface and escapes.

vobject's own card gives the same lines, but takes several times as long to build and to write them, which is most of
an export's time. Lines are folded at 75 bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from vobject.base import backslashEscape
from vobject.vcard import NAME_ORDER, Name

_LONGEST: Final = 75  # bytes of a line, without its end
_SEPARATORS: Final = {"org": ";", "categories": ","}  # of properties of several values


@dataclass(slots=True)
class Line:
    """A property of a card. The value of `n` is a Name, that of `org` and `categories` a list."""

    name: str
    value: str | list[str] | Name = ""
    type_paramlist: list[str] = field(default_factory=list)
    group: str = ""


class CardLines:
    """A card to write. Properties are added one by one and written by name, as vobject does."""

    def __init__(self) -> None:
        self._lines = [Line("version", "3.0")]

    def add(self, name: str) -> Line:
        """Add a property. Its name is in small letters."""
        line = Line(name)
        self._lines.append(line)
        return line

    def serialize(self) -> str:
        """Return the card as text."""
        first, *rest = self._lines
        lines = [first, *sorted(rest, key=lambda line: line.name)]
        return "\r\n".join(["BEGIN:VCARD", *map(_written, lines), "END:VCARD", ""])


def _written(line: Line) -> str:
    group = f"{line.group}." if line.group else ""
    types = f";TYPE={','.join(line.type_paramlist)}" if line.type_paramlist else ""
    return _folded(f"{group}{line.name.upper()}{types}:{_value(line)}")


def _value(line: Line) -> str:
    if isinstance(line.value, str):
        return str(backslashEscape(line.value))
    if isinstance(line.value, list):
        return _SEPARATORS[line.name].join(map(backslashEscape, line.value))
    return ";".join(backslashEscape(getattr(line.value, part)) for part in NAME_ORDER)


def _folded(line: str) -> str:
    if len(line) <= _LONGEST and line.isascii():
        return line
    data = line.encode()
    parts: list[bytes] = []
    start, room = 0, _LONGEST
    while len(data) - start > room:
        end = start + room
        while data[end] & 0xC0 == 0x80:  # noqa: PLR2004 - inside of a character
            end -= 1
        parts.append(data[start:end])
        start, room = end, _LONGEST - 1
    return b"\r\n ".join([*parts, data[start:]]).decode()
