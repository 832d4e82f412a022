"""Read phonebook XML of Yealink, Grandstream and phones like them: a table with a column for each tag and attribute.

A document type is refused, and with it every entity: no phonebook has one, and both ways of harm with XML need it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from xml.parsers import expat  # DTDs are refused below

from pbxd.errors import InvalidInputError
from pbxd.exchange.entry_tables import Entry, as_table
from pbxd.i18n import _

_ROOT = re.compile(r"(?:\s|<\?.*?\?>|<!--.*?-->)*<(?:!DOCTYPE\s+|[\w.-]+:)?(?P<tag>[\w.-]+)", re.DOTALL | re.IGNORECASE)
_ELSEWHERE: Final = {"html", "head", "body", "table", "workbook"}  # tables that other readers know
_ENTRIES: Final = {"directoryentry", "phonebookentry", "contact", "unit", "entry", "item"}
_EVERYBODY: Final = {"", "all contacts", "все контакты", "все"}  # groups of phones that say nothing
_NUMBERS: Final = {"telephone", "phone", "phonenumber", "number"}  # tags whose `type` or `label` is that of a number
_CHUNK: Final = 64 * 1024
_DEEPEST: Final = 16
_VALUES: Final = 256  # of one entry


def is_phonebook(head: bytes) -> bool:
    """Tell whether the first bytes of a file are those of XML that isn't a page or a workbook."""
    encoding = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    root = _ROOT.match(head.decode(encoding, "replace"))
    return root is not None and root["tag"].lower() not in _ELSEWHERE


def read_entries(file: Path) -> Iterator[tuple[int, list[str]]]:
    """Read the entries of the file: row 0 has the tags that there are, each further row is an entry.

    Raises InvalidInputError for what is no XML and for a document type.
    """
    return as_table(lambda: enumerate(_entries(file), start=1))


def _entries(file: Path) -> Iterator[Entry]:
    reader = _Reader()
    with file.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            yield from reader.feed(chunk)
        yield from reader.feed(b"")


class _Reader:
    """Follows the elements of a document and gathers its entries."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._path: list[tuple[str, dict[str, str]]] = []  # the open elements: tag and attributes
        self._text = ""
        self._entry: Entry | None = None
        self._depth = 0  # of the entry
        self._group: dict[str, str] = {}  # what a `pbgroup` says
        self._groups: dict[str, str] = {}  # names by id
        self._done: list[Entry] = []

    def feed(self, chunk: bytes) -> list[Entry]:
        """Read on; return the entries that ended."""
        try:
            self._parser.Parse(chunk, not chunk)
        except expat.ExpatError as error:
            raise InvalidInputError("file", _("not a phonebook (XML): {why}").format(why=error)) from error
        done, self._done = self._done, []
        return done

    def _refuse(self, *_anything: object) -> None:
        raise InvalidInputError("file", _("the XML file has a document type, which no phonebook needs"))

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        tag = tag.rpartition(":")[2]
        self._path.append((tag, attributes))
        self._text = ""
        if len(self._path) > _DEEPEST:
            raise InvalidInputError("file", _("not a phonebook (XML): {why}").format(why=_("too deep")))
        if self._entry is None and tag.lower() in _ENTRIES and len(self._path) > 1:
            self._entry, self._depth = {}, len(self._path)
            for above, found in self._path[:-1]:
                self._add(above, found.get("Name", "")) if above.lower() == "menu" else None
            for name, value in attributes.items():
                self._add(name, value)

    def _characters(self, text: str) -> None:
        self._text += text

    def _end(self, tag: str) -> None:
        tag, attributes = self._path.pop()
        above, around = self._path[-1] if self._path else ("", {})
        if self._entry is not None and len(self._path) < self._depth:
            self._done.append(self._entry)
            self._entry = None
        elif self._entry is not None:
            self._add(tag, self._text, kind=_kind(attributes) or _kind(around))
        elif above.lower() == "pbgroup":
            self._group[tag.lower()] = self._text.strip()
        elif tag.lower() == "pbgroup":
            self._groups[self._group.get("id", "")] = self._group.get("name", "")
        self._text = ""

    def _add(self, name: str, value: str, kind: str = "") -> None:
        """Add a value to the entry. A number's kind is its label."""
        value = " ".join(value.split())
        if name.lower() in {"menu", "group", "groupid", "group_id_name"}:
            name, value = "Group", self._groups.get(value, value)
            value = "" if value.lower() in _EVERYBODY or value.isdigit() else value
        if self._entry is None or not value or sum(map(len, self._entry.values())) >= _VALUES:
            return
        if kind and name.lower() in _NUMBERS:
            value = f"{kind}: {value}"
        self._entry.setdefault(name, []).append(value)


def _kind(attributes: dict[str, str]) -> str:
    """Return what the attributes say a number is."""
    return next((value for name, value in attributes.items() if name.lower() in {"type", "label"} and value), "")
