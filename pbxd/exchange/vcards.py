"""Write contacts as vCards 3.0 (RFC 2426), with every field."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from vobject.vcard import Name

from pbxd.book.card_marks import card_mark
from pbxd.book.contacts import Contact, ContactNumber
from pbxd.book.fields import Field, Fields
from pbxd.exchange import cells
from pbxd.exchange.vcard_lines import CardLines

PRODUCT: Final = "-//pbxd//EN"  # in PRODID of our own cards: their labels and dates mean what they say
OWNER_PROPERTY: Final = "x-pbxd-owner"  # whose personal contact it is
ID_PROPERTY: Final = "x-pbxd-id"  # which card of the book it is
_LISTS: Final = {"org", "categories"}  # properties of several values


def write_card(contact: Contact, fields: Fields) -> str:
    """Write a contact as a vCard 3.0."""
    card = CardLines()
    card.add("prodid").value = PRODUCT
    for field in fields.exported:
        if value := fields.value(contact, field):
            _add(card, field, value)
    if contact.owner:
        card.add(OWNER_PROPERTY).value = contact.owner
    if contact.created:
        card.add(ID_PROPERTY).value = card_mark(contact.id, contact.created)
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
