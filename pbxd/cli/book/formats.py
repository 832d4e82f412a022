"""How contacts, their changes and duplicates are written for people and programs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date

from pbxd.book.contacts import Contact
from pbxd.book.field_kinds import Value
from pbxd.book.fields import Fields
from pbxd.cli.output import mark
from pbxd.i18n import _, local_day, local_time
from pbxd.numbers import display
from pbxd.services.calls.card_text import change_text, number_text
from pbxd.storage.book.changes import Change
from pbxd.storage.book.duplicates import Duplicate


def lines(contact: Contact, fields: Fields) -> Iterable[tuple[str, str]]:
    """Yield a card line by line: what it is, and the value; empty ones too."""
    yield _("Id"), str(contact.id)
    for field in fields:
        if field.kind == "numbers":
            for number in contact.numbers:
                yield (_("Main number") if number.main else str(field.title)), number_text(number)
        elif field.kind != "visibility":  # the owner says it
            manager = field.name == "manager" and _manager(contact)
            yield str(field.title), manager or _text(fields.value(contact, field))
    yield _("Created by"), _person(contact.created_by, contact.created_by_name)
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
        _manager(contact),
    ]


def changed_cells(change: Change, fields: Fields) -> Iterator[list[str]]:
    """Yield a line of the table for each field that was changed."""
    who = change.actor or _("administrator")
    for name, (before, after) in change.fields.items():
        title = str(fields[name].title) if name in fields else name  # a field may be gone since
        kind = fields[name].kind if name in fields else "text"
        yield [
            str(change.version),
            local_time(change.at),
            who,
            title,
            change_text(before, kind),
            change_text(after, kind),
        ]


def duplicate_line(duplicate: Duplicate) -> str:
    """Write that warning; it names the first few."""
    shown = display(duplicate.value) if duplicate.field == "number" else duplicate.value
    names = ", ".join(f"{other.id}: {other.name}" for other in duplicate.contacts)
    more = ", …" if duplicate.total > len(duplicate.contacts) else ""
    said = _("warning: {value} is used by {count} more: {names}")
    return said.format(value=shown, count=duplicate.total, names=names + more)


def _manager(contact: Contact) -> str:
    """Name the manager: by extension and name, as far as they have them."""
    return _person(contact.manager, contact.manager_name)


def _person(extension: str, name: str) -> str:
    return " ".join(filter(None, (extension, name)))


def _text(value: Value) -> str:
    match value:
        case bool():
            return mark(value)
        case tuple():
            return ", ".join(map(str, value))
        case date():
            return local_day(value)
        case _:
            return value or ""
