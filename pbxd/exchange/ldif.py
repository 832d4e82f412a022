"""Read LDIF (RFC 2849), as Thunderbird and directories write it: a table with a column for each attribute."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pbxd.book.programs.address_books import LDIF, LDIF_LEFT_OUT
from pbxd.book.programs.program import FAX
from pbxd.exchange.entry_tables import Entry, as_table
from pbxd.i18n import _

_START = re.compile(rb"(\xef\xbb\xbf)?(\s*(#[^\n]*|version:[^\n]*)\n)*\s*dn:", re.IGNORECASE)
_LINE = re.compile(rb"(?P<name>[A-Za-z0-9.\-]+)(;[^:]*)?:(?P<kind>[:<]?)[ ]*(?P<value>.*)", re.DOTALL)
_SHOWN = 100  # characters of a name
_LONGEST: Final = 4 * 1024 * 1024  # bytes of one entry with its picture
_GROUPS: Final = {"groupofnames", "groupofuniquenames", "group", "posixgroup"}
_TAKEN: Final = frozenset(
    head.lower() for column, heads in LDIF.only.items() if column != FAX for head in heads
)  # attributes that are imported
_PLACES: Final = {"organizationalunit", "dcobject", "domain", "container"}  # of a directory; they have no contacts


def is_ldif(head: bytes) -> bool:
    """Tell whether the first bytes of a file are those of LDIF."""
    return bool(_START.match(head))


def read_entries(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Read the people of the file: row 0 has the attributes that there are, each further row is an entry.

    Groups and changes of entries are rows with nothing but the reason why they are not taken. A value that is not text
    (a picture) is left out, and so is one that stands in another place (`:<`), which is never fetched: its attribute
    has a column all the same, and where that is imported, the row says what is missing.
    """
    return as_table(lambda: _people(file), without={"dn", "objectclass"})


def _people(file: Path) -> Iterator[tuple[int, Entry]]:
    """Yield the entries that are people, with their places in the file."""
    place = 0
    for lines in _entries(file):
        entry: Entry = {}
        for line in lines:
            if found := _LINE.fullmatch(line):
                _add(entry, found["name"].decode().lower(), found["kind"], found["value"])
        place += "dn" in entry
        classes = {value.lower() for value in entry.get("objectclass", ())}
        if "dn" not in entry or classes & _PLACES:
            continue
        if classes & _GROUPS:
            yield place, _not_taken(_("a group of contacts: {name}").format(name=_title(entry)))
        elif "changetype" in entry:
            yield place, _not_taken(_("a change of an entry: {name}").format(name=_title(entry)))
        else:
            yield place, entry


def _add(entry: Entry, name: str, kind: bytes, value: bytes) -> None:
    """Add a value to an entry, or note that it is ignored."""
    text = _text(kind, value)
    if text:
        entry.setdefault(name, []).append(text)
    elif text is None:
        entry.setdefault(name, [])
        if name in _TAKEN:
            why = _("in another file: {place}") if kind == b"<" else _("not a text")
            place = value.decode("utf-8", "replace").strip()[:_SHOWN]
            entry.setdefault(LDIF_LEFT_OUT, []).append(f"{name}: {why.format(place=place)}")


def _not_taken(why: str) -> Entry:
    return {LDIF_LEFT_OUT: [why]}


def _title(entry: Entry) -> str:
    return entry.get("cn", entry["dn"])[0][:_SHOWN]


def _entries(file: Path) -> Iterator[list[bytes]]:
    """Yield the lines of each entry: an empty line ends one, a line that begins with a space continues one."""
    lines: list[bytes] = []
    size = 0
    with file.open("rb") as stream:
        for number, raw in enumerate(stream):
            line = (raw.removeprefix(b"\xef\xbb\xbf") if number == 0 else raw).rstrip(b"\r\n")
            if not line:
                if lines:
                    yield lines
                lines, size = [], 0
                continue
            size += len(line)
            if size > _LONGEST:
                continue
            if line.startswith(b" ") and lines:
                lines[-1] += line[1:]
            else:
                lines.append(line)
    if lines:
        yield lines


def _text(kind: bytes, value: bytes) -> str | None:
    """Return a value as text; None for one that isn't text, or that isn't here."""
    if kind == b"<":
        return None
    if kind == b":":
        try:
            value = base64.b64decode(value, validate=True)
        except binascii.Error:
            return None
    try:
        return value.decode("utf-8").strip()
    except UnicodeDecodeError:
        return None if kind else value.decode("cp1251", "replace").strip()
