"""The columns of a table of contacts: which heading means which field, in Russian and in English. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pbxd.book.texts import folded
from pbxd.errors import InvalidInputError
from pbxd.i18n import _

SHEET: Final = "Контакты"
FIELDS: Final = (
    "name", "number", "email", "company", "position", "manager", "vip", "comment", "tags", "birth_date",
)  # fmt: skip
_HEADER_WITHIN = 30  # rows; titles and logos before it are shorter
_NOT_IMPORTED = "correction"

_HEADS: dict[str, tuple[str, ...]] = {
    "name": (
        "name", "full name", "contact", "contact name", "display name",
        "фио", "ф.и.о.", "имя", "полное имя", "имя и фамилия", "контакт", "контактное лицо", "клиент", "имя клиента",
    ),
    "first_name": ("first name", "given name"),
    "middle_name": ("middle name", "additional name", "отчество"),
    "last_name": ("last name", "family name", "surname", "фамилия"),
    "number": (
        "number", "numbers", "phone", "phones", "phone number", "phone numbers", "telephone", "tel", "phone - value",
        "primary phone", "other phone", "main phone", "телефон", "телефоны", "номер", "номера", "номер телефона",
        "номера телефонов", "телефон(ы)", "тел", "основной телефон", "другой телефон", "контактный телефон",
    ),
    "mobile": (
        "mobile", "mobile phone",
        "мобильный", "мобильный телефон", "сотовый", "сотовый телефон", "телефон переносной",
    ),
    "work": (
        "business phone", "work phone", "company main phone",
        "рабочий", "рабочий телефон", "городской телефон", "телефон раб.", "основной телефон организации",
    ),
    "home": ("home phone", "домашний", "домашний телефон", "телефон дом."),
    "label": ("phone - label", "phone - type"),
    "extension": ("extension", "ext", "добавочный", "добавочный номер", "доб"),
    "email": (
        "email", "emails", "e-mail", "e-mails", "mail", "email address", "e-mail address", "e-mail - value",
        "почта", "эл. почта", "электронная почта", "адрес эл. почты", "адрес электронной почты",
    ),
    "company": (
        "company", "company name", "organization", "organization name", "organization - name",
        "компания", "организация", "фирма", "название компании",
    ),
    "position": ("position", "job title", "organization title", "organization - title", "должность"),
    "manager": ("manager", "responsible", "менеджер", "ответственный", "ответственный менеджер"),
    "vip": ("vip", "вип"),
    "comment": ("comment", "comments", "note", "notes", "комментарий", "комментарии", "примечание", "заметки"),
    "tags": ("tags", "labels", "categories", "group membership", "теги", "метки", "категории", "группы"),
    "birth_date": ("birth date", "birth_date", "birthday", "date of birth", "дата рождения", "день рождения"),
    _NOT_IMPORTED: ("what to correct", "что исправить"),
}  # fmt: skip
_AROUND = " *:."  # a heading says nothing by them
_FIELD_OF = {name.strip(_AROUND): field for field, names in _HEADS.items() for name in names}
_PLACE = re.compile(r"\s*\b\d+\b")  # Phone 1 - Value, E-mail 2 Address, Телефон 3


@dataclass(frozen=True, slots=True)
class Columns:
    """What a table's columns mean; an empty field is a column nobody asked for."""

    heads: tuple[str, ...]
    fields: tuple[str, ...]
    first_row: int  # the place of the first row of data among those the table was recognised by

    @property
    def ignored(self) -> list[str]:
        """The headings nothing is taken from."""
        return [head for head, field in zip(self.heads, self.fields, strict=True) if head and not field]

    @property
    def given(self) -> frozenset[str]:
        """The contact's fields that have a column."""
        return frozenset(_CARD_FIELD.get(field, field) for field in self.fields) & frozenset(FIELDS)


_CARD_FIELD = dict.fromkeys(("first_name", "middle_name", "last_name"), "name") | dict.fromkeys(
    ("mobile", "work", "home", "label", "extension"), "number"
)


def heading(field: str) -> str:
    """Return the heading our own tables have for a field; every language's is recognised."""
    return {
        "name": _("Full name"),
        "number": _("Phones"),
        "email": _("E-mail"),
        "company": _("Company"),
        "position": _("Position"),
        "manager": _("Manager"),
        "vip": _("VIP"),
        "comment": _("Comment"),
        "tags": _("Tags"),
        "birth_date": _("Date of birth"),
        _NOT_IMPORTED: _("What to correct"),
    }[field]


def correction() -> str:
    """Return the heading of the column that says what to correct; it isn't imported."""
    return heading(_NOT_IMPORTED)


def mapping(texts: Sequence[str]) -> dict[str, str]:
    """Read `Column=field` of the command line: folded heading -> field. Raises InvalidInputError."""
    found: dict[str, str] = {}
    for text in texts:
        head, equals, field = (part.strip() for part in text.rpartition("="))
        if not equals or not head:
            raise InvalidInputError("map", _("--map {text}: write it as “Column=field”").format(text=text))
        if field.startswith("custom:"):
            raise InvalidInputError("map", _("--map {text}: no custom field is defined").format(text=text))
        if field not in FIELDS:
            message = _("--map {text}: the fields are {fields}").format(text=text, fields=", ".join(FIELDS))
            raise InvalidInputError("map", message)
        found[folded(head)] = field
    return found


def recognise(rows: Sequence[Sequence[str]], mapped: Mapping[str, str]) -> Columns | None:
    """Find the header in a table's first rows: the row, or the two rows, with most headings we know.

    None when there is none with a name and a number. A heading of two lines is known by the lower one, or by the upper
    where the lower one is empty or strange, or by both together.
    """
    best: tuple[int, Columns] | None = None
    for known, columns in _candidates(rows[: _HEADER_WITHIN + 1], mapped):
        if {"name", "number"} <= columns.given and (best is None or known > best[0]):
            best = known, columns
    return best[1] if best else None


def missing(columns: Columns, mapped: Mapping[str, str]) -> list[str]:
    """Return the mapped headings that the table doesn't have."""
    there = {folded(head) for head in columns.heads}
    return [head for head in mapped if head not in there]


def _candidates(rows: Sequence[Sequence[str]], mapped: Mapping[str, str]) -> Iterator[tuple[int, Columns]]:
    for place, row in enumerate(rows):
        yield _columns([cell.strip() for cell in row], mapped, place + 1)
        if place + 1 < len(rows):
            yield _columns(_joined(row, rows[place + 1], mapped), mapped, place + 2)


def _joined(upper: Sequence[str], lower: Sequence[str], mapped: Mapping[str, str]) -> list[str]:
    width = max(len(upper), len(lower))
    heads = []
    for above, below in zip(_padded(upper, width), _padded(lower, width), strict=True):
        options = (below, above, f"{above} {below}".strip())
        heads.append(next((option for option in options if _field(option, mapped)), below or above))
    return heads


def _padded(row: Sequence[str], width: int) -> list[str]:
    return [cell.strip() for cell in row] + [""] * (width - len(row))


def _columns(heads: Sequence[str], mapped: Mapping[str, str], first_row: int) -> tuple[int, Columns]:
    fields = [_field(head, mapped) for head in heads]
    if "last_name" in fields:  # «Имя» beside «Фамилия» is the first name
        fields = [
            "first_name" if field == "name" and folded(head).strip(_AROUND) == "имя" else field
            for head, field in zip(heads, fields, strict=True)
        ]
    known = sum(1 for field in fields if field)
    return known, Columns(tuple(heads), tuple(fields), first_row)


def _field(head: str, mapped: Mapping[str, str]) -> str:
    name = folded(head)
    if name in mapped:
        return mapped[name]
    return _FIELD_OF.get(name.strip(_AROUND)) or _FIELD_OF.get(_PLACE.sub("", name).strip(_AROUND), "")
