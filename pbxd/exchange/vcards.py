"""vCards, by vobject: read versions 2.1 to 4.0 as rows of a table, write 3.0 (RFC 2426) with every field."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import vobject
from vobject.vcard import Name

from pbxd.book.contacts import Contact, ContactNumber
from pbxd.book.fields import Field, Fields
from pbxd.exchange import cells
from pbxd.exchange.vcard_lines import CardLines
from pbxd.i18n import _

_BEGIN = re.compile(rb"\s*BEGIN:VCARD\s*", re.IGNORECASE)
_END = re.compile(rb"\s*END:VCARD\s*", re.IGNORECASE)
_LISTS: Final = {"org", "categories"}  # properties of several values
_LONGEST = 4 * 1024 * 1024  # bytes of one card with its pictures


def is_vcard(head: bytes) -> bool:
    """Tell whether the first bytes of a file are those of a vCard."""
    return bool(re.match(rb"(\xef\xbb\xbf)?\s*BEGIN:VCARD", head, re.IGNORECASE))


def read_cards(file: Path, fields: Fields) -> Iterator[tuple[int, list[str]]]:
    """Read the cards, each as a row with a column for each exported field.

    An unreadable card is a row without name and number; its comment says why.
    """
    with file.open("rb") as stream:
        block: list[bytes] = []
        place = size = 0
        for line in stream:
            size = 0 if _BEGIN.fullmatch(line.removeprefix(b"\xef\xbb\xbf")) else size + len(line)
            if size == 0:
                block = [b"BEGIN:VCARD\r\n"]
            elif size <= _LONGEST:
                block.append(line)
            if _END.fullmatch(line):
                place += 1
                yield place, _row(b"".join(block), fields)
                block = []
        if any(line.strip() for line in block):
            yield place + 1, _row(b"".join(block), fields)


def write_card(contact: Contact, fields: Fields) -> str:
    """Write a contact as a vCard 3.0."""
    card = CardLines()
    for field in fields.exported:
        if value := fields.value(contact, field):
            _add(card, field, value)
    return card.serialize()


def _add(card: CardLines, field: Field, value: Any) -> None:  # noqa: ANN401 - a value of the field's kind
    match field.kind:
        case "name":
            card.add("fn").value = value
            family, _space, given = value.partition(" ")
            card.add("n").value = Name(family=family, given=given)
        case "numbers":
            for place, number in enumerate(value):
                _add_number(card, number, f"item{place + 1}")
        case "emails" if field.vcard == "email":
            for place, email in enumerate(value):
                line = card.add("email")
                line.value = email
                line.type_paramlist = ["INTERNET", "PREF"] if place == 0 else ["INTERNET"]
        case _:
            card.add(field.vcard).value = _property(field, value)


def _property(field: Field, value: Any) -> str | list[str]:  # noqa: ANN401 - a value of the field's kind
    """Return what vobject takes for a property; of vCard's own ones `org` and `categories` are lists."""
    if field.vcard in _LISTS:
        return [value] if isinstance(value, str) else list(value)
    if field.kind == "flag":
        return "1"
    return value.isoformat() if isinstance(value, date) else cells.write_value(field, value)


def _add_number(card: CardLines, number: ContactNumber, group: str) -> None:
    line = card.add("tel")
    if number.extension.isdigit() and len(number.extension) <= 6:  # noqa: PLR2004 - as `notation` reads it after a comma
        line.value = f"{number.number},{number.extension}"  # phones dial it after a pause
    else:
        line.value = cells.write_numbers([ContactNumber(number.number, extension=number.extension)])
    line.type_paramlist = ["VOICE", "PREF"] if number.main else ["VOICE"]
    if number.label:
        line.group = group
        label = card.add("x-ablabel")  # as Apple's and Google's address books write it
        label.value, label.group = number.label, group


def _row(block: bytes, fields: Fields) -> list[str]:
    try:
        text = block.decode("utf-8")
    except UnicodeDecodeError:
        text = block.decode("cp1251", "replace")
    try:
        lines = vobject.readOne(text, allowQP=True).contents
        return [_cell(field, lines) for field in fields.exported]
    except Exception as error:  # noqa: BLE001 - vobject raises anything for a bad card; the row has the reason
        why = _("unreadable card: {why}").format(why=" ".join(str(error).split())[:200])
        return [why if field.name == "comment" else "" for field in fields.exported]


def _cell(field: Field, lines: dict[str, list[Any]]) -> str:  # noqa: PLR0911 - a case a kind
    """Return a field of a card as the cell of a table."""
    match field.kind:
        case "name":
            return _name(lines)
        case "numbers":
            labels = {line.group: str(line.value) for line in lines.get("x-ablabel", ()) if line.group}
            numbers = [line for line in lines.get("tel", ()) if "fax" not in _types(line)]
            found = [_number(line, labels, first=place == 0) for place, line in enumerate(numbers)]
            return cells.join_values(filter(None, found))
        case "emails" if field.vcard == "email":
            emails = sorted(lines.get("email", ()), key=lambda line: "pref" not in _types(line))
            return cells.join_values(_text(line) for line in emails)
        case "tags" if field.vcard in _LISTS:
            return cells.join_values(filter(None, _listed(lines, field.vcard)))
        case "company":
            return ", ".join(filter(None, _listed(lines, field.vcard)))
        case "long-text":
            return "\n".join(filter(None, map(_text, lines.get(field.vcard, ()))))
        case _:
            return _first(lines, field.vcard)


def _name(lines: dict[str, list[Any]]) -> str:
    if name := _first(lines, "fn"):
        return name
    parts = lines["n"][0].value if "n" in lines else None
    words = (parts.family, parts.given, parts.additional) if isinstance(parts, Name) else ()
    return " ".join(word for word in words if isinstance(word, str) and word) or _first(lines, "org")


def _number(line: Any, labels: dict[str, str], *, first: bool) -> str:  # noqa: ANN401 - vobject's own
    value, types = _text(line), _types(line)
    if not value:
        return ""
    usual = {"cell": _("mobile"), "work": _("work"), "home": _("home")}
    label = labels.get(line.group) or next((word for kind, word in usual.items() if kind in types), "")
    main = "★ " if "pref" in types and not first else ""
    return f"{main}{label}: {value}" if label else f"{main}{value}"


def _types(line: Any) -> set[str]:  # noqa: ANN401 - vobject's own
    given = [part for text in line.params.get("TYPE", ()) for part in text.split(",")] + list(line.singletonparams)
    preferred = ["pref"] if line.params.get("PREF") == ["1"] else []
    return {part.lower() for part in [*given, *preferred]}


def _first(lines: dict[str, list[Any]], name: str) -> str:
    return ", ".join(filter(None, _listed(lines, name)[:1]))


def _listed(lines: dict[str, list[Any]], name: str) -> list[str]:
    found: list[str] = []
    for line in lines.get(name, ()):
        values: Sequence[Any] = line.value if isinstance(line.value, list) else [line.value]
        found += [str(value).strip() for value in values]
    return found


def _text(line: Any) -> str:  # noqa: ANN401 - vobject's own
    return str(line.value).strip()
