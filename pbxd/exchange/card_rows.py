"""vCards 2.1 to 4.0 as rows of a table. Every property that is not taken is named in the row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from pbxd.book.fields import Field, Fields
from pbxd.book.headings import LEFT_OUT, OWN_ID, OWNER
from pbxd.book.texts import folded
from pbxd.exchange import cells, content_lines
from pbxd.exchange.card_numbers import phone_cell
from pbxd.exchange.content_lines import Line
from pbxd.exchange.vcards import ID_PROPERTY, OWNER_PROPERTY, PRODUCT
from pbxd.i18n import _

_NAME_PARTS: Final = ("last_name", "first_name", "middle_name")
_BEGIN = re.compile(rb"BEGIN:VCARD\s*", re.IGNORECASE)
_END = re.compile(rb"END:VCARD\s*", re.IGNORECASE)  # after a blank it would be the rest of a folded text
_LONGEST = 4 * 1024 * 1024  # bytes of one card without its pictures
_SHOWN = 50  # characters of a value that is not taken
# Properties that say nothing of a person, and those that are read below by name.
_SILENT: Final = frozenset(
    {"begin", "end", "version", "prodid", "uid", "rev", "source", "sort-string", "mailer", "kind", "profile", "class"}
    | {"n", "x-ablabel", "x-abuid", "x-abadr", "x-abshowas", "x-addressbookserver-kind", "clientpidmap"}
)
_LISTS: Final = frozenset({"categories"})
_NO_YEAR = re.compile(r"-{2,3}\d\d.*", re.DOTALL)
_NO_DAY = re.compile(r"\d{4}(?:-\d\d)?")
_OMITTED_YEARS: Final = frozenset({"1604", "0001", "0000"})  # Apple writes 1604 for a year that nobody entered
_DAY = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?:[T ].*)?", re.DOTALL)
_WORDS = re.compile(r"[^\s,]+")
_ADDRESSES: Final = re.compile(r"mailto:", re.IGNORECASE)


def is_vcard(head: bytes) -> bool:
    """Tell whether the first bytes of a file are those of a vCard."""
    text = head.decode(_wide(head) or "utf-8-sig", "replace")
    return bool(re.match(r"\ufeff?\s*BEGIN:VCARD", text, re.IGNORECASE))


def columns(fields: Fields) -> tuple[str, ...]:
    """Return the import columns of the rows."""
    return (*fields.by_column, *_NAME_PARTS, OWNER, OWN_ID, LEFT_OUT)


def read_cards(file: Path, fields: Fields) -> Iterator[tuple[int, list[str]]]:
    """Read the cards, each as a row with these columns. A group of contacts is a row with nothing but its name."""
    for place, block in enumerate(_blocks(file), start=1):
        yield place, _Card(block, fields).row()


class _Card:
    """One card being read."""

    def __init__(self, block: bytes, fields: Fields) -> None:
        self._fields = fields
        self._left_out: list[str] = []
        self._lines: dict[str, list[Line]] = {}
        for line in content_lines.read_lines(block):
            if line.name:
                self._lines.setdefault(line.name, []).append(line)
            else:
                self._left_out.append(_("an unreadable line: {text}").format(text=line.value[:_SHOWN]))
        self._ours = self._first("prodid") == PRODUCT
        self._name = self._first("fn")

    def row(self) -> list[str]:
        """Return the card as a row."""
        if "group" in {self._first("kind").lower(), self._first("x-addressbookserver-kind").lower()}:
            self._left_out = [_("a group of contacts: {name}").format(name=self._first("fn"))]
            return [*[""] * (len(columns(self._fields)) - 1), self._left_out[0]]
        values = {field.column: self._cell(field) for field in self._fields.by_column.values()}
        parts = self._name_parts()
        self._name_company(values, parts)
        self._name_lost_parts(values["name"] or " ".join(parts))
        if values["name"]:
            parts = ("", "", "")
        own = [self._taken((name,)) if self._ours else "" for name in (OWNER_PROPERTY, ID_PROPERTY)]
        self._name_the_rest()
        return [*values.values(), *parts, *own, "\n".join(self._left_out)]

    def _name_company(self, values: dict[str, str], parts: tuple[str, str, str]) -> None:
        """Make a card without a person's name that of its company, as address books mean it."""
        is_company = self._first("kind").lower() == "org" or self._first("x-abshowas").lower() == "company"
        if is_company and values["name"]:
            values["company"] = values["company"] or values["name"]
            values["name"] = ""
        elif not values["name"] and not any(parts) and not values["company"]:
            values["name"] = self._taken(self._fields.by_column["name"].vcard_also)

    def _name_parts(self) -> tuple[str, str, str]:
        """Return the last, first and middle name."""
        found = self._lines["n"][0].parts(";") if "n" in self._lines else []
        last, first, middle, *_rest = [_one_line(part) for part in found] + [""] * 3
        return last, first, middle

    def _name_lost_parts(self, name: str) -> None:
        """Name the words of N that the name doesn't have: a patronymic, a title, another person."""
        known = set(map(_bare, _WORDS.findall(name)))
        for line in self._lines.get("n", ()):
            words = (word for part in line.parts(";") for word in _WORDS.findall(part))
            lost = [word for word in words if _bare(word) and _bare(word) not in known]
            if lost:
                self._left_out.append(f"N {' '.join(lost)[:_SHOWN]}")

    def _cell(self, field: Field) -> str:  # noqa: PLR0911 - a case a kind
        """Return a field of the card as the cell of a table."""
        match field.kind:
            case "numbers":
                labels = {line.group: line.text for line in self._lines.get("x-ablabel", ()) if line.group}
                return phone_cell(self._lines.pop("tel", ()), labels, self._leave_out, ours=self._ours)
            case "emails" if field.vcard == "email":
                lines = sorted(self._lines.pop("email", ()), key=lambda line: not _is_preferred(line))
                return cells.join_values(filter(None, (_ADDRESSES.sub("", line.text, count=1) for line in lines)))
            case "tags" if field.vcard in _LISTS:
                lines = self._lines.pop(field.vcard, [])
                return cells.join_values(_one_line(tag) for line in lines for tag in line.parts(",;") if tag)
            case "company":
                return self._company(field)
            case "long-text":
                return "\n".join(line.text for line in self._lines.pop(field.vcard, ()) if line.text)
            case "date" if lines := self._lines.pop(field.vcard, []):
                return self._first_day(lines)
            case "name":
                return self._taken((field.vcard,))
            case _:
                return self._taken((field.vcard, *field.vcard_also))

    def _taken(self, names: Iterable[str]) -> str:
        """Take the preferred value of the first of these properties that has one."""
        for name in names:
            lines = [line for line in self._lines.pop(name, ()) if line.text]
            if lines:
                best = next(filter(_is_preferred, lines), lines[0])
                for line in lines:
                    if line.text != best.text:
                        self._leave_out(line)
                return _one_line(best.text)
        return ""

    def _company(self, field: Field) -> str:
        """Take the organization. Its departments are no part of its name, and no companies."""
        lines = [line for line in self._lines.pop(field.vcard, ()) if any(line.parts(";"))]
        for line in lines[1:]:
            self._leave_out(line)
        if not lines:
            return ""
        name, *departments = [_one_line(part) for part in lines[0].parts(";")]
        if departments := [each for each in departments if each]:
            self._left_out.append(_("department: {name}").format(name=", ".join(departments)[:_SHOWN]))
        return name

    def _first_day(self, lines: Iterable[Line]) -> str:
        """Return the first date, and name other ones."""
        first = ""
        for line in lines:
            day = self._day(line)
            if first and day not in ("", first):
                self._leave_out(line)
            first = first or day
        return first

    def _day(self, line: Line) -> str:
        text = line.text
        if self._ours or not text:
            return text
        found = _DAY.fullmatch(text)
        if _NO_YEAR.fullmatch(text) or (found and found[1] in _OMITTED_YEARS):
            self._leave_out(line, _("no year"))
            return ""
        if _NO_DAY.fullmatch(text) or "text" in line.params.get("value", ()):
            self._leave_out(line, _("not a date"))
            return ""
        return f"{found[1]}-{found[2]}-{found[3]}" if found else text

    def _first(self, name: str) -> str:
        return next((line.text for line in self._lines.get(name, ()) if line.text), "")

    def _leave_out(self, line: Line, why: str = "") -> None:
        """Name a property that is not taken, with the reason. An empty one and the name itself are not named."""
        text = " ".join(part for part in line.parts(";") if part)
        is_picture = content_lines.is_picture(line.name.encode() + b":")
        if text == self._name or (not any(map(str.isalnum, text)) and not is_picture):
            return
        group = f"{line.group}." if line.group and not re.fullmatch(r"item\d+", line.group) else ""
        said = f"{group}{line.name}".upper() + ("" if is_picture else f" {_one_line(text)[:_SHOWN]}")
        self._left_out.append(f"{said} ({why})" if why else said)

    def _name_the_rest(self) -> None:
        for name, lines in self._lines.items():
            if name not in _SILENT:
                for line in lines:
                    self._leave_out(line)


def _bare(word: str) -> str:
    """Return a word as it is compared: `Dr.` and `dr` are the same."""
    return re.sub(r"\W", "", folded(word))


def _one_line(text: str) -> str:
    return re.sub(r"[^\S\n]*\n\s*", " ", text)


def _is_preferred(line: Line) -> bool:
    return "pref" in line.kinds or line.params.get("pref") == ("1",)


def _blocks(file: Path) -> Iterator[bytes]:
    """Split a file into cards. One without END ends where the next one begins."""
    block: list[bytes] = []
    size = 0
    for line in _without_pictures(_lines(file)):
        begins = _BEGIN.fullmatch(line if block else line.lstrip())
        if not begins and not _END.fullmatch(line):
            size += len(line)
            if size <= _LONGEST:
                block.append(line)
            continue
        if any(map(bytes.strip, block)):
            yield b"".join(block)
        block, size = [], 0
    if any(map(bytes.strip, block)):
        yield b"".join(block)


def _without_pictures(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Leave out what pictures and sounds consist of. They may be cut off anywhere."""
    in_picture = False
    for line in lines:
        if content_lines.is_picture(line):
            in_picture = True
            yield line.partition(b":")[0] + b":\n"
        elif not in_picture or (line[:1] not in b" \t\r\n" and b":" in line):
            in_picture = False
            yield line


def _lines(file: Path) -> Iterator[bytes]:
    """Read the lines, whatever ends them. UTF-16 becomes UTF-8; every other encoding stays."""
    with file.open("rb") as stream:
        head = stream.read(4096)
    wide = _wide(head)
    with file.open(encoding=wide or "latin-1", errors="replace") as text:
        for line in text:
            yield line.removeprefix("\ufeff").encode() if wide else line.removeprefix("ï»¿").encode("latin-1")


def _wide(head: bytes) -> str:
    """Return which UTF-16 a card is in; empty: none."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    return {b"B\0": "utf-16-le", b"b\0": "utf-16-le", b"\0B": "utf-16-be", b"\0b": "utf-16-be"}.get(head[:2], "")
