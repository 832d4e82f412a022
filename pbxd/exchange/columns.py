"""What the columns of a table of contacts mean. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Self

from pbxd.book.dates import DateOrder
from pbxd.book.field_registry import heading_keys
from pbxd.book.fields import BUILT_IN, Fields
from pbxd.book.headings import (
    CORRECTION,
    FAX,
    IGNORE,
    LEFT_OUT,
    OWN_ID,
    OWN_ID_HEADINGS,
    OWNER,
    OWNER_HEADINGS,
    PARTS,
    PROGRAMS,
    Program,
)
from pbxd.book.texts import folded
from pbxd.errors import InvalidInputError
from pbxd.i18n import Texts, _

SHEET: Final = "Контакты"
NOT_IMPORTED: Final = frozenset({"", CORRECTION, FAX, IGNORE})
_CORRECTION: Final = Texts("What to correct", "Что исправить")
_CUSTOM: Final = "custom:"  # `--map` may have it before the name of a field that the company defined
_PART_TITLES: Final[Mapping[str, Texts]] = {  # headings of our error workbook; each means the same without `--map`
    "first_name": Texts("First name", "Имя"),
    "middle_name": Texts("Middle name", "Отчество"),
    "last_name": Texts("Last name", "Фамилия"),
    "mobile": Texts("Mobile", "Мобильный"),
    "work": Texts("Work phone", "Рабочий телефон"),
    "home": Texts("Home phone", "Домашний телефон"),
    "label": Texts("Phone label", "Подпись телефона"),
    "extension": Texts("Extension", "Добавочный"),
    OWNER: OWNER_HEADINGS,
    OWN_ID: OWN_ID_HEADINGS,
    LEFT_OUT: Texts("Not imported", "Не импортировано"),
}
_MAP_WORDS: Final = {  # what `--map` takes beside the names and titles of fields
    "patronymic": "middle_name", "surname": "last_name",
    "имя": "first_name", "фамилия": "last_name", "отчество": "middle_name",
    "добавочный": "extension", "подпись": "label", "пропустить": IGNORE, "не импортировать": IGNORE,
}  # fmt: skip
_LEAST_KNOWN = 4  # headings by which a program is recognised


@dataclass(frozen=True, slots=True)
class Columns:
    """The header of a table, and how its cells are read.

    `fields` are import columns of `book.headings`; empty where a heading means nothing.
    """

    heads: tuple[str, ...]
    fields: tuple[str, ...]
    first_row: int  # the index of the first row of data among the rows in which the header was found
    joined: tuple[str, ...] = ()  # import columns that have several columns on purpose: their texts are joined
    order: DateOrder = ""  # of dates such as 3/4/1980
    foreign: bool = False  # another program's file: texts may have HTML, faxes are left out
    above: tuple[tuple[int, str], ...] = ()  # rows before the header, such as titles

    @property
    def ignored(self) -> list[str]:
        """The headings of columns that are not imported."""
        pairs = zip(self.heads, self.fields, strict=True)
        return [head for head, field in pairs if head and field in NOT_IMPORTED - {CORRECTION}]

    @property
    def whole(self) -> frozenset[str]:
        """The import columns that the table has, also where it has only parts of them."""
        return frozenset(PARTS.get(field, field) for field in self.fields)

    @property
    def known(self) -> int:
        """How many headings are known."""
        return sum(map(bool, self.fields))

    def to_json(self) -> dict[str, Any]:
        """Return the columns as JSON."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """Return the columns that `to_json` wrote."""
        tuples = {name: tuple(found[name]) for name in ("heads", "fields", "joined")}
        return cls(**{**found, **tuples, "above": tuple((row, text) for row, text in found["above"])})


class Headings(NamedTuple):
    """What headings mean: to a registry of fields, and to the person who imports."""

    fields: Fields = BUILT_IN
    mapped: Mapping[str, str] = MappingProxyType({})  # folded heading -> import column
    programs: Sequence[Program] = PROGRAMS
    written_by: Program | None = None  # where the kind of file says it; else the headings do

    def column(self, heading: str) -> str:
        """Return the import column that a heading means; empty where nobody knows it."""
        return self.mapped.get(folded(heading)) or self.fields.column_of(heading)

    def columns(self, heads: Sequence[str], first_row: int) -> Columns:
        """Return the columns of a header, read as the program that wrote it means them."""
        program = self.written_by or program_of(heads, self.programs)
        own = {key: column for column, key in _keys(program.only if program else {})}
        fields = [self._column(head, own) for head in heads]
        if ("last_name" in fields or "middle_name" in fields) and "first_name" not in fields:
            fields = ["first_name" if _is_first_name(*pair) else pair[1] for pair in zip(heads, fields, strict=True)]
        if "name" not in fields and _has_two_companies(heads, fields):
            fields = ["name" if _is_title(*pair) else pair[1] for pair in zip(heads, fields, strict=True)]
        if {"birth_year", "birth_month"} <= set(fields) and "birth_day" not in fields:
            fields = ["birth_day" if field == "birth_date" else field for field in fields]
        return Columns(
            tuple(heads),
            tuple(fields),
            first_row,
            joined=self._joined(heads, fields),
            foreign=not self._is_ours(heads),
        )

    def without_map(self, heading: str) -> str:
        """Return a heading that is known without `--map`."""
        column = self.mapped.get(folded(heading))
        return self.title(column) if column and column != IGNORE else heading

    def title(self, column: str) -> str:
        """Return the heading that our own tables have for an import column; every language's is recognised."""
        part = _PART_TITLES.get(column)
        return str(part or self.fields.by_column[PARTS.get(column, column)].heading)

    def _column(self, head: str, own: Mapping[str, str]) -> str:
        mapped = self.mapped.get(folded(head))
        found = mapped or next((own[key] for key in heading_keys(head) if key in own), "")
        return found or self.fields.column_of(head)

    def _joined(self, heads: Sequence[str], fields: Sequence[str]) -> tuple[str, ...]:
        """Return the import columns that `--map` or equal headings give several columns."""
        names: dict[str, list[str]] = {}
        for head, field in zip(heads, fields, strict=True):
            names.setdefault(field, []).append(folded(head))
        return tuple(
            field
            for field, found in names.items()
            if field not in NOT_IMPORTED
            and (len(set(found)) < len(found) or sum(name in self.mapped for name in found) > 1)
        )

    def _is_ours(self, heads: Sequence[str]) -> bool:
        """Tell whether our own export wrote the header; what it wrote is read back as it was."""
        there = {folded(head) for head in heads}
        return all(
            any(folded(text) in there for text in (*field.heading, *field.headings)) for field in self.fields.exported
        )


def program_of(heads: Sequence[str], programs: Sequence[Program] = PROGRAMS) -> Program | None:
    """Return the program whose headings these are: at least four of them, and more than half; else None."""
    there = {heading_keys(head)[0] for head in heads if head.strip()} - {""}
    best, most = None, 0
    for program in programs:
        if not program.source:  # tables made by hand
            continue
        known = {key for _column, key in _keys(program.columns)} | {key for _column, key in _keys(program.only)}
        known |= {key for heading in program.ignored for key in heading_keys(heading)}
        found = len({head for head in there if head in known or heading_keys(head)[1] in known})
        if found > most and found >= _LEAST_KNOWN and found * 2 > len(there):
            best, most = program, found
    return best


def correction() -> str:
    """Return the heading of the column that says what to correct. It is not imported."""
    return str(_CORRECTION)


def mapping(texts: Sequence[str], fields: Fields) -> dict[str, str]:
    """Read `Column=field` of the command line: folded heading -> import column. Raises InvalidInputError."""
    found: dict[str, str] = {}
    for text in texts:
        head, equals, name = (part.strip() for part in text.rpartition("="))
        if not equals or not head:
            raise InvalidInputError("map", _("--map {text}: write it as “Column=field”").format(text=text))
        column = _mapped_column(name, fields)
        if not column:
            message = _("--map {text}: the fields are {fields}").format(
                text=text, fields=", ".join([*fields.by_column, *PARTS, FAX, IGNORE])
            )
            raise InvalidInputError("map", message)
        found[folded(head)] = column
    return found


def missing(columns: Columns, mapped: Mapping[str, str]) -> list[str]:
    """Return the headings of `--map` that the table does not have."""
    there = {folded(head) for head in columns.heads}
    return [head for head in mapped if head not in there]


def _mapped_column(name: str, fields: Fields) -> str:
    """Return the import column that a name in `--map` means; empty where it means none."""
    custom = name.removeprefix(_CUSTOM)
    if custom != name:
        return custom if custom in {field.column for field in fields.defined} else ""
    if name in fields.by_column or name in PARTS or name in {FAX, IGNORE}:
        return name
    word = folded(name)
    if word in _MAP_WORDS:
        return _MAP_WORDS[word]
    titles = (
        (folded(text), field.column)
        for field in fields.exported
        for text in (*field.title, *field.heading, *field.headings)
    )
    return next((column for title, column in titles if title == word), "")


def _is_first_name(head: str, field: str) -> bool:
    """Tell whether a column of names has first names, because another column has surnames or patronymics."""
    return field == "name" and heading_keys(head)[1] in {"имя", "name"}


def _is_title(head: str, field: str) -> bool:
    """Tell whether a column has the names of whatever a list is about: companies in one list, people in another."""
    return field == "company" and heading_keys(head)[1] in {"наименование", "название"}


def _has_two_companies(heads: Sequence[str], fields: Sequence[str]) -> bool:
    """Tell whether a list of titles has a column with companies beside them, as lists of people have."""
    titles = {_is_title(*pair) for pair in zip(heads, fields, strict=True) if pair[1] == "company"}
    return len(titles) > 1


def _keys(columns: Mapping[str, Iterable[str]]) -> set[tuple[str, str]]:
    return {(column, key) for column, heads in columns.items() for head in heads for key in heading_keys(head)}
