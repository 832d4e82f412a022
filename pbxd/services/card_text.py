"""A contact's main data as text, to send to somebody."""

from __future__ import annotations

from pbxd.book.contacts import Contact, ContactNumber
from pbxd.i18n import _
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
