"""A contact's main data as text, to send to somebody, and values of its history in words. Pure."""

from __future__ import annotations

from datetime import date
from typing import Any

from pbxd.book.contacts import Contact, ContactNumber
from pbxd.book.field_kinds import Kind
from pbxd.i18n import _, local_day
from pbxd.numbers import display


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


def change_text(value: object, kind: Kind) -> str:
    """Write a value as the history of changes keeps it; no value is an empty text."""
    match value:
        case str() if value and kind == "date":
            return local_day(date.fromisoformat(value))
        case bool():
            return _("yes") if value else _("no")
        case list():
            return ", ".join(_kept_number(each) if isinstance(each, dict) else str(each) for each in value)
        case _:
            return "" if value is None else str(value)


def _kept_number(kept: dict[str, Any]) -> str:
    """Write a number of a change so that two that differ look so: with extension and label, the main one marked."""
    text = number_text(ContactNumber(**kept))
    return _("{number} (main)").format(number=text) if kept["main"] else text
