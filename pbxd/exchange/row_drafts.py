"""From a row of a table to a contact, with everything that is wrong in it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TypeVar

from pbxd import notation
from pbxd.book.contacts import ContactDraft, ContactNumber, checked
from pbxd.errors import InvalidInputError
from pbxd.exchange import cells
from pbxd.exchange.cells import BadRow
from pbxd.exchange.columns import Columns
from pbxd.i18n import _
from pbxd.numbers import NumberRules

_Value = TypeVar("_Value")
_LONGEST_COMPLAINT = 2000  # characters of a row's complaints
_SINGULAR = {"numbers": "number", "emails": "email"}
_GOOGLE_GROUPS = {"* myContacts", "* starred"}  # Google's own, of every contact
_DRAFT_FIELDS = frozenset(each.name for each in fields(ContactDraft))
_DRAFT_FIELD = (
    dict.fromkeys(("first_name", "middle_name", "last_name"), "name")
    | dict.fromkeys(("number", "mobile", "work", "home", "label", "extension"), "numbers")
    | {"email": "emails"}
)
_CYRILLIC = re.compile(r"[А-Яа-яЁё]")


@dataclass(slots=True)
class Drafting:
    """One row being read: its values by field, and the complaints."""

    values: dict[str, list[str]]
    complaints: list[InvalidInputError] = field(default_factory=list)

    def first(self, name: str) -> str:
        """Return the first value of a field that isn't empty."""
        return next((value for value in self.values.get(name, ()) if value), "")

    def attempt(self, read: Callable[[], _Value], otherwise: _Value) -> _Value:
        """Read something; a complaint is kept for the end of the row."""
        try:
            return read()
        except InvalidInputError as error:
            self.complaints.append(error)
            return otherwise


@dataclass(frozen=True, slots=True)
class Read:
    """A row read, and which of the draft's fields it says anything about."""

    draft: ContactDraft
    given: frozenset[str]


def read_row(row: int, columns: Columns, texts: Sequence[str], rules: NumberRules) -> Read | BadRow:
    """Read a row. A contact needs a name and a number; whatever else stands in it must be readable too."""
    values: dict[str, list[str]] = {}
    for name, text in zip(columns.fields, texts, strict=False):
        if name:
            values.setdefault(name, []).append(text.strip())
    work = Drafting(values)
    made = ContactDraft(
        name=work.attempt(lambda: _name(work), ""),
        numbers=work.attempt(lambda: _numbers(columns, texts, work, rules), ()),
        emails=tuple(email for text in values.get("email", ()) for email in _emails(text)),
        company=work.first("company"),
        position=work.first("position"),
        manager=work.first("manager"),
        vip=work.attempt(lambda: cells.flag(work.first("vip")), False),  # noqa: FBT003 - the flag is the value
        comment="\n".join(filter(None, values.get("comment", ()))),
        tags=tuple(tag for text in values.get("tags", ()) for tag in cells.split(text) if tag not in _GOOGLE_GROUPS),
        birth_date=work.attempt(lambda: cells.birth_date(work.first("birth_date")), None),
    )
    complaints = work.complaints
    if not complaints:
        made = work.attempt(lambda: checked(made), made)
    if not complaints:
        said = {_DRAFT_FIELD.get(name, name) for name, texts in values.items() if any(texts)}
        return Read(made, frozenset(said) & _DRAFT_FIELDS)
    first = complaints[0].field
    return BadRow(row, _SINGULAR.get(first, first), "; ".join(map(str, complaints))[:_LONGEST_COMPLAINT])


def _name(work: Drafting) -> str:
    if name := work.first("name"):
        return name
    first, middle, last = (work.first(part) for part in ("first_name", "middle_name", "last_name"))
    order = (last, first, middle) if _CYRILLIC.search(last + first) else (first, middle, last)
    name = " ".join(filter(None, order))
    if not name:
        raise InvalidInputError("name", _("a name is needed"))
    return name


def _numbers(columns: Columns, texts: Sequence[str], work: Drafting, rules: NumberRules) -> tuple[ContactNumber, ...]:
    found: list[ContactNumber] = []
    label = ""
    for name, text in zip(columns.fields, texts, strict=False):
        if name == "label":
            label = text.removeprefix("* ").strip()
        elif name in _LABELS and text.strip():
            found += cells.numbers(text, rules, label=_LABELS[name]() or label)
            label = ""
    if not found:
        raise InvalidInputError("number", _("a phone number is needed"))
    extension = work.first("extension")
    if extension and len(found) == 1 and not found[0].extension:
        found = [replace(found[0], extension=_extension(extension))]
    return tuple(found)


def _extension(text: str) -> str:
    text = text.removesuffix(".0")
    if not notation.EXTENSION.fullmatch(text):
        raise InvalidInputError("number", _("not an extension: {text}").format(text=text[:50]))
    return text


def _emails(text: str) -> list[str]:
    return [email for part in cells.split(text) for email in re.split(r"[,\s]+", part) if email]


_LABELS: dict[str, Callable[[], str]] = {
    "number": lambda: "",
    "mobile": lambda: _("mobile"),
    "work": lambda: _("work"),
    "home": lambda: _("home"),
}
