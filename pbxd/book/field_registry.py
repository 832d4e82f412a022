"""What a field of a contact is, and a registry of fields: a value that can be extended at run time. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from operator import attrgetter
from typing import Any, Literal, Protocol

from pbxd.book.field_kinds import (
    EXTRA_KINDS,
    Json,
    Kind,
    Value,
    checked_value,
    empty_value,
    extra_json,
    lines_of,
    value_from_json,
)
from pbxd.book.headings import (
    CORRECTION,
    FAX,
    IGNORE,
    OWN_ID,
    OWN_ID_HEADINGS,
    OWNER,
    OWNER_HEADINGS,
    PARTS,
    all_headings,
)
from pbxd.book.texts import folded
from pbxd.errors import InvalidInputError
from pbxd.i18n import Texts, _

ColumnWriter = Callable[[Iterable[Any]], list[str]]  # writes one field of some cards
Stored = Literal[
    "column",  # of the table of contacts
    "company",  # a company of its own, which the contact refers to
    "employee",  # an employee, whom the contact refers to by `<name>_id`
    "rows",  # of another table, several for a contact
    "extra",  # in the one column that keeps all such fields
]
_EXTRA_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
_TAKEN = frozenset(
    {"id", "created_by", "version", "extra", "external", "duplicates", "last_calls"}  # members of a contact's JSON
    | {"manager_id", "manager_name", "owner_id", "created_by_id"}
    | {"as", "json", "help", "label", "personal", "shared", "main-number"}  # options of the same commands
)
_TAKEN_OPTIONS = re.compile(r"(add|remove|no)-.*")
_NONE = Texts("", "")
_BESIDE_FIELDS = frozenset({CORRECTION, FAX, IGNORE, OWN_ID, OWNER})  # columns that are no field's
_WORD = re.compile(r"[^\W\d_]+")
_PHONE = "телефон"
_SHORT_WORDS = {
    "тел": _PHONE, "телефоны": _PHONE, "моб": "мобильный", "сот": "сотовый", "раб": "рабочий", "дом": "домашний",
    "осн": "основной", "доп": "дополнительный", "гор": "городской", "конт": "контактный", "эл": "электронная",
}  # fmt: skip
_AROUND = " *:."  # a heading says nothing by them
_PLACE = re.compile(r"\s*\b\d+\b")  # Phone 1 - Value, E-mail 2 Address, Телефон 3
_PLACE_IN_NAME = re.compile(r"_\d+(?=_|$)")  # phone_1_number


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a contact. An empty text means: made from the others."""

    name: str  # in JSON and in the history of changes
    kind: Kind
    title: Texts  # on a card
    heading: Texts = _NONE  # of its column in our files; the title where there is none
    headings: tuple[str, ...] = ()  # further ones under which files have it, beside `book.headings`
    help: Texts = _NONE  # of its option; the title where there is none
    hint: Texts = _NONE  # what to write in its column, for the template
    example: Texts = _NONE  # of a value, for the template
    column: str = ""  # its name in `--map`; the name where there is none
    option: str = ""  # of the command line, without dashes; the name with dashes where there is none
    vcard: str = ""  # its property in vCards, in any case; `x-pbxd-<name>` where there is none
    vcard_also: tuple[str, ...] = ()  # properties, in small letters, that are read where `vcard` is missing
    stored: Stored = "extra"
    searchable: bool = True  # a search finds contacts by its words
    sortable: bool = False  # lists can be sorted by it; `storage.search.paging` has the columns
    exported: bool = True  # in tables and vCards, both written and read

    def __post_init__(self) -> None:
        """Fill in what follows from the name and the title."""
        defaults = {
            "heading": self.title,
            "help": Texts(f"{self.title.en}.", f"{self.title.ru}."),
            "column": self.name,
            "option": self.name.replace("_", "-"),
            "vcard": f"x-pbxd-{self.name.replace('_', '-')}",
        }
        for attribute, value in defaults.items():
            if getattr(self, attribute) in ("", _NONE):
                object.__setattr__(self, attribute, value)
        object.__setattr__(self, "vcard", self.vcard.lower())  # vobject reads small letters


class Card(Protocol):
    """A contact, or the draft of one."""

    @property
    def extra(self) -> Mapping[str, Json]:
        """Return the values of the fields that have no attribute of their own."""


class Fields:
    """A registry of fields, in the order of cards and tables. It never changes; `extended` makes another."""

    def __init__(self, fields: Iterable[Field], *, defined: Iterable[Field] = ()) -> None:
        self.defined = tuple(defined)  # those that the company defined
        self._by_name = {field.name: field for field in fields}
        self.exported = tuple(field for field in self if field.exported)
        self.searchable = tuple(field for field in self if field.searchable)
        self.extra = tuple(field for field in self if field.stored == "extra")
        self.by_column = {field.column: field for field in self.exported}
        # Made once: an import asks for each of a hundred thousand rows.
        self._lines = [(_getter(field), lines_of(field.kind)) for field in self.searchable]
        self._columns_by_heading = self._known_headings()

    def __iter__(self) -> Iterator[Field]:
        return iter(self._by_name.values())

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __getitem__(self, name: str) -> Field:
        return self._by_name[name]

    def extended(self, *more: Field) -> Fields:
        """Return a registry with further fields, as companies define them. Raises InvalidInputError.

        Their values stand in a contact's `extra`, so that they need no column. A name, an option or a column that
        another field has is refused.
        """
        taken = set(_TAKEN | PARTS.keys())
        for each in self:
            taken |= _names(each)
        for field in more:
            if field.stored != "extra" or field.kind not in EXTRA_KINDS:
                raise InvalidInputError("kind", _("{field}: such a field needs a column").format(field=field.name))
            if not _EXTRA_NAME.fullmatch(field.name):
                message = _("{field}: a field's name has small Latin letters, digits and _")
                raise InvalidInputError("name", message.format(field=field.name))
            if _names(field) & taken or _TAKEN_OPTIONS.fullmatch(field.option):
                raise InvalidInputError("name", _("{field}: another field has this name").format(field=field.name))
            taken |= _names(field)
        return Fields((*self, *more), defined=(*self.defined, *more))

    def column_of(self, heading: str) -> str:
        """Return the import column that a heading of a table means: a field's column or a part of one, else empty."""
        columns = self._columns_by_heading
        return next((columns[key] for key in (*heading_keys(heading), spelled_out(heading)) if key in columns), "")

    def field_of(self, column: str) -> Field | None:
        """Return the field that an import column, or a part of one, belongs to."""
        return self.by_column.get(PARTS.get(column, column))

    def columns_of(self, writer_of: Callable[[Kind], Callable[[Any], str]]) -> list[ColumnWriter]:
        """Return what writes each exported field of some cards, made once; `writer_of`: of one value, by the kind."""
        return [_column(_getter(field), writer_of(field.kind)) for field in self.exported]

    def value(self, card: Card, field: Field) -> Any:  # noqa: ANN401 - a value of the field's kind
        """Return a field's value of a contact or a draft."""
        if field.stored == "extra":
            return value_from_json(field.kind, card.extra.get(field.name))
        return getattr(card, field.name)

    def search_lines(self, card: Card) -> list[str]:
        """Return the lines of text by which a search finds a contact, those of the first field first."""
        return [line for get, lines in self._lines for line in lines(get(card))]

    def checked_extra(self, extra: Mapping[str, Json]) -> dict[str, Json]:
        """Return extra values as they may be kept, without empty ones. Raises InvalidInputError naming the field."""
        kept: dict[str, Json] = {}
        for name, value in extra.items():
            field = self._by_name.get(name)
            if field is None or field.stored != "extra":
                raise InvalidInputError(name, _("{field}: a contact has no such field").format(field=name))
            typed = checked_value(name, field.kind, _typed(field, value))
            if typed != empty_value(field.kind):
                kept[name] = extra_json(typed)
        return kept

    def _known_headings(self) -> dict[str, str]:
        """Return the import columns by heading; a field's own headings do not take one that programs use."""
        known: dict[str, str] = {}
        own = [
            (heading, field.column)
            for field in self.exported
            for heading in (field.column, field.name, *field.title, *field.heading, *field.headings)
        ]
        own += [(heading, OWN_ID) for heading in OWN_ID_HEADINGS]
        own += [(heading, OWNER) for heading in OWNER_HEADINGS]
        for heading, column in (*all_headings(), *own):
            if column in _BESIDE_FIELDS or column in PARTS or column in self.by_column:
                for key in heading_keys(heading):
                    known.setdefault(key, column)
        return known


def heading_keys(heading: str) -> tuple[str, str]:
    """Return the forms in which a heading is looked up: as it is, and without the number of several like it."""
    name = folded(heading)
    return name.strip(_AROUND), _PLACE_IN_NAME.sub("", _PLACE.sub("", name)).strip(_AROUND)


def spelled_out(heading: str) -> str:
    """Return a heading of phone numbers without abbreviations: «тел. (моб.)» and «Моб. тел.» as «мобильный телефон»."""
    words = [_SHORT_WORDS.get(word, word) for word in _WORD.findall(folded(heading))]
    phones = [word for word in words if word == _PHONE]
    return " ".join([*(word for word in words if word != _PHONE), *phones[:1]])


def definition(field: Field) -> dict[str, Any]:
    """Return a field as JSON."""
    return asdict(field)


def field_from(definition: Mapping[str, Any]) -> Field:
    """Return the field that `definition` wrote."""
    texts = {name: Texts(*definition[name]) for name in ("title", "heading", "help", "hint", "example")}
    return Field(**{**definition, **texts, **{name: tuple(definition[name]) for name in ("headings", "vcard_also")}})


def _names(field: Field) -> set[str]:
    """Return the names that a field takes, also of what stands beside it in JSON."""
    return {field.name, field.column, field.option, f"{field.name}_id", f"{field.name}_name"}


def _getter(field: Field) -> Callable[[Any], Any]:
    """Return what gets the field's value of a contact or a draft."""
    if field.stored == "extra":
        return lambda card: value_from_json(field.kind, card.extra.get(field.name))
    return attrgetter(field.name)


def _column(get: Callable[[Any], Any], write: Callable[[Any], str]) -> ColumnWriter:
    if write is str:  # texts already
        return lambda cards: list(map(get, cards))
    return lambda cards: list(map(write, map(get, cards)))


def _typed(field: Field, value: Json) -> Value:
    """Return the value from its kept form. Raises InvalidInputError for what is no date."""
    try:
        return value_from_json(field.kind, value)
    except ValueError as error:
        raise InvalidInputError(field.name, _("not a date: {text}").format(text=value)) from error
