"""A contact as the fields of a form, and back: what people type becomes what the service takes. Pure.

A form has a row for each number: `number-0`, `extension-0`, `label-0`; `main` is the row of the main one. `was` marks
each field's value as the form first showed it, so that two people's changes can be told apart later.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from pbxd.book.contacts import Contact, ContactNumber
from pbxd.book.dates import read_date, write_date
from pbxd.book.employees import Employee
from pbxd.errors import InvalidInputError
from pbxd.i18n import N_, _
from pbxd.numbers import NumberRules, display
from pbxd.services.calls.card_text import number_text
from pbxd.services.contact_edits import Typed, TypedNumber
from pbxd.services.number_input import contact_number

Values = dict[str, str]
FIELDS = {
    "name": N_("Full name"),
    "numbers": N_("Phone numbers"),
    "emails": N_("E-mail address"),
    "company": N_("Company"),
    "position": N_("Position"),
    "manager": N_("Manager"),
    "vip": N_("VIP client"),
    "tags": N_("Tags"),
    "birth_date": N_("Date of birth"),
    "comment": N_("Comment"),
    "visibility": N_("Who sees it"),
}
_PLAIN = ("name", "company", "position", "birth_date", "comment")
_MARK = 10  # hexadecimal digits of a field's mark


@dataclass(frozen=True, slots=True)
class Reader:
    """How texts of a form are read."""

    rules: NumberRules
    people: Mapping[int, Employee]

    def number(self, number: str, extension: str, label: str, *, main: bool) -> str:
        """Write a number as it would be kept, so that two notations of it are the same."""
        try:
            read = contact_number(number, self.rules)
        except InvalidInputError:
            read = ContactNumber(number.strip())
        kept = ContactNumber(read.number, extension=extension.strip() or read.extension, label=label.strip())
        text = number_text(kept)
        return _("{number} (main)").format(number=text) if main else text

    def manager(self, key: str) -> str:
        """Name an employee."""
        return next((employee_text(each) for each in self.people.values() if str(each.id) == key), "")


def employee_text(person: Employee) -> str:
    """Name an employee for people: their name, and their extension if they have one."""
    return " · ".join(filter(None, (person.name, person.extension)))


def of_contact(contact: Contact, rules: NumberRules) -> Values:
    """Return a contact as a form shows it."""
    values = {
        "name": contact.name,
        "company": contact.company,
        "position": contact.position,
        "manager": str(contact.manager_id or ""),
        "vip": "1" if contact.vip else "",
        "tags": tags_text(contact.tags),
        "birth_date": write_date(contact.birth_date) if contact.birth_date else "",
        "comment": contact.comment,
        "visibility": contact.visibility,
        "main": "0",
    }
    for row, number in enumerate(contact.numbers):
        shown = {"number": _readable(number.number, rules), "extension": number.extension, "label": number.label}
        values |= {f"{name}-{row}": text for name, text in shown.items()}
        if number.main:
            values["main"] = str(row)
    return values | {f"email-{row}": email for row, email in enumerate(contact.emails)}


def _readable(number: str, rules: NumberRules) -> str:
    """Group the digits of a number if it is still read as the same number then."""
    try:
        return display(number) if contact_number(display(number), rules).number == number else number
    except InvalidInputError:
        return number


def rows(values: Mapping[str, str], name: str) -> list[int]:
    """Return the rows of the numbers (`number`) or the e-mails (`email`) in a form, in their order."""
    found = (re.fullmatch(rf"{name}-(0|[1-9][0-9]{{0,2}})", each) for each in values)
    return sorted(int(each[1]) for each in found if each)


def numbers_of(values: Mapping[str, str]) -> list[tuple[int, str, str, str, bool]]:
    """Return the numbers that a form has: row, number, extension, label, whether it is the main one."""
    found = []
    for row in rows(values, "number"):
        number, extension, label = (values.get(f"{name}-{row}", "") for name in ("number", "extension", "label"))
        if any(map(str.strip, (number, extension, label))):
            found.append((row, number, extension, label, values.get("main") == str(row)))
    return found


def emails_of(values: Mapping[str, str]) -> list[tuple[int, str]]:
    """Return the e-mails that a form has: row and text."""
    found = ((row, values[f"email-{row}"].strip()) for row in rows(values, "email"))
    return [(row, text) for row, text in found if text]


def tags_text(tags: Sequence[str]) -> str:
    """Write tags in a line, separated by commas; by semicolons if a tag has a comma itself."""
    if any("," in tag for tag in tags):
        return "; ".join(tags) + (";" if len(tags) == 1 else "")
    return ", ".join(tags)


def tags_of(text: str) -> tuple[str, ...]:
    """Read tags as people type them."""
    return tuple(filter(None, map(str.strip, text.split(";" if ";" in text else ","))))


def typed(values: Mapping[str, str], people: Mapping[int, Employee], names: Iterable[str] = FIELDS) -> dict[str, Typed]:
    """Return fields of a form as the service takes them. Raises InvalidInputError for a manager whom nobody knows."""
    found: dict[str, Typed] = {}
    for name in names:
        if name == "numbers":
            found[name] = tuple(
                TypedNumber(number, extension.strip() or None, label, main)
                for _row, number, extension, label, main in numbers_of(values)
            )
        elif name == "emails":
            found[name] = tuple(text for _row, text in emails_of(values))
        elif name == "tags":
            found[name] = tags_of(values.get(name, ""))
        elif name == "vip":
            found[name] = bool(values.get(name))
        elif name == "manager":
            found[name] = _manager(values.get(name, ""), people)
        elif name == "visibility":
            found[name] = values.get(name) or "shared"
        else:
            found[name] = values.get(name, "").strip() if name != "comment" else values.get(name, "")
    return found


def _manager(key: str, people: Mapping[int, Employee]) -> str:
    if not key:
        return ""
    person = next((each for each in people.values() if str(each.id) == key), None)
    if person is None:
        raise InvalidInputError("manager", _("this employee is not in the list any more"))
    return person.extension or person.name


def errors_of(error: InvalidInputError, values: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong, by the field of the form beside which it is said; the first of several at one field."""
    places = {"numbers": [each[0] for each in numbers_of(values)], "emails": [each[0] for each in emails_of(values)]}
    found: dict[str, str] = {}
    for each in error.mistakes:
        name, message = each.field, str(each).removeprefix(f"{each.field}: ")
        if name in places:
            at = each.at[0] if each.at and isinstance(each.at[0], int) else 0
            row = places[name][at] if at < len(places[name]) else next(iter(rows(values, name[:-1])), 0)
            name = f"{name[:-1]}-{row}"
        found.setdefault("visibility" if name == "owner" else name, message[:1].upper() + message[1:])
    return found


def texts(values: Mapping[str, str], reader: Reader) -> dict[str, str]:
    """Return every field of a form as a text for people; the same value in two notations is the same text."""
    found = {name: values.get(name, "").replace("\r\n", "\n").strip() for name in _PLAIN}
    try:
        day = read_date("birth_date", found["birth_date"])
        found["birth_date"] = write_date(day) if day else ""
    except InvalidInputError:
        pass
    numbers = numbers_of(values)
    alone = len(numbers) <= 1
    lines = [reader.number(*each[1:4], main=each[4] and not alone) for each in numbers]
    found["numbers"] = "\n".join(lines)
    found["emails"] = "\n".join(text for _row, text in emails_of(values))
    found["manager"] = reader.manager(values.get("manager", ""))
    found["vip"] = _("yes") if values.get("vip") else _("no")
    found["tags"] = tags_text(tags_of(values.get("tags", "")))
    found["visibility"] = access_text(values.get("visibility") or "shared")
    return {name: found[name] for name in FIELDS}


def access_text(visibility: str) -> str:
    """Say who sees a contact."""
    return _("Only me") if visibility == "personal" else _("All employees")


def marks_of(values: Mapping[str, str], reader: Reader) -> str:
    """Return a mark of each field's value, for `changed`."""
    return " ".join(f"{name}:{mark(text)}" for name, text in texts(values, reader).items())


def changed(values: Mapping[str, str], marks: str, reader: Reader) -> set[str]:
    """Return the fields whose value differs from what was marked. A field without a mark counts as changed."""
    known = dict(each.split(":", 1) for each in marks.split() if ":" in each)
    return {name for name, text in texts(values, reader).items() if known.get(name) != mark(text)}


def mark(text: str) -> str:
    """Return a short mark of a text, by which two states of a field are told apart."""
    return sha256(text.encode()).hexdigest()[:_MARK]


def taken(values: Mapping[str, str], other: Mapping[str, str], names: Iterable[str]) -> Values:
    """Return the values with these fields as the other ones have them."""
    found = dict(values)
    for name in names:
        mine = _inputs(found, name)
        for each in mine:
            found.pop(each)
        found |= {each: other[each] for each in _inputs(other, name)}
    return found


def _inputs(values: Mapping[str, str], name: str) -> list[str]:
    if name == "numbers":
        rowed = [f"{kind}-{row}" for kind in ("number", "extension", "label") for row in rows(values, kind)]
        return [*(["main"] if "main" in values else []), *rowed]
    if name == "emails":
        return [f"email-{row}" for row in rows(values, "email")]
    return [name] if name in values else []
