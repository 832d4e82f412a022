"""How contacts, their changes and duplicates are written for people and programs. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from pbxd.book.contacts import Contact, ContactNumber
from pbxd.cli.output import mark
from pbxd.i18n import _, local_time
from pbxd.numbers import display
from pbxd.storage.book.changes import Change
from pbxd.storage.book.duplicates import Duplicate


def lines(contact: Contact) -> Iterable[tuple[str, str]]:
    """Yield a card line by line: what it is, and the value."""
    yield _("Id"), str(contact.id)
    yield _("Name"), contact.name
    yield _("VIP"), mark(contact.vip)
    yield _("Company"), contact.company
    yield _("Position"), contact.position
    for number in contact.numbers:
        yield (_("Main number") if number.main else _("Number")), number_text(number)
    for email in contact.emails:
        yield _("E-mail"), email
    yield _("Manager"), contact.manager
    yield _("Tags"), ", ".join(contact.tags)
    yield _("Date of birth"), contact.birth_date.isoformat() if contact.birth_date else ""
    yield _("Comment"), contact.comment
    yield _("Personal contact of"), contact.owner
    yield _("Created by"), contact.created_by
    yield _("Version"), str(contact.version)


def cells(contact: Contact) -> list[str]:
    """Return a contact as a line of the table."""
    main = next((number for number in contact.numbers if number.main), None)
    return [
        str(contact.id),
        mark(contact.vip),
        contact.name,
        number_text(main) if main else "",
        contact.company,
        contact.position,
        contact.manager,
    ]


def main_lines(contact: Contact) -> list[str]:
    """Return the main data, to send to somebody (S2.19): name, numbers, company, position, e-mails."""
    numbers = sorted(contact.numbers, key=lambda number: not number.main)
    found = [contact.name, *map(number_text, numbers), contact.company, contact.position, *contact.emails]
    return [line for line in found if line]


def number_text(number: ContactNumber) -> str:
    """Write a number with its extension and label."""
    shown = display(number.number)
    if number.extension:
        shown = _("{number} ext. {extension}").format(number=shown, extension=number.extension)
    return f"{shown} ({number.label})" if number.label else shown


def changed_cells(change: Change) -> Iterator[list[str]]:
    """Yield a line of the table for each field that was changed."""
    who = change.actor or _("administrator")
    for field, (before, after) in change.fields.items():
        yield [str(change.version), local_time(change.at), who, field, _value(before), _value(after)]


def duplicate_json(duplicate: Duplicate) -> dict[str, Any]:
    """Return the public form of a warning that somebody else has a number or an e-mail too."""
    others = [{"id": other.id, "name": other.name, "company": other.company} for other in duplicate.contacts]
    return {"field": duplicate.field, "value": duplicate.value, "total": duplicate.total, "contacts": others}


def duplicate_line(duplicate: Duplicate) -> str:
    """Write that warning; it names the first few."""
    shown = display(duplicate.value) if duplicate.field == "number" else duplicate.value
    names = ", ".join(f"{other.id}: {other.name}" for other in duplicate.contacts)
    more = ", …" if duplicate.total > len(duplicate.contacts) else ""
    said = _("warning: {value} is used by {count} more: {names}")
    return said.format(value=shown, count=duplicate.total, names=names + more)


def _value(value: object) -> str:
    match value:
        case str():
            return value
        case list():
            return ", ".join(_number(each) if isinstance(each, dict) else str(each) for each in value)
        case _:
            return "" if value is None else json.dumps(value)


def _number(kept: dict[str, Any]) -> str:
    """Write a number of a change so that two that differ look so: with extension and label, the main one marked."""
    text = number_text(ContactNumber(**kept))
    return _("{number} (main)").format(number=text) if kept["main"] else text
