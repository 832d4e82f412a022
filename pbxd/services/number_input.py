"""Numbers as people type them."""

from __future__ import annotations

from pbxd.book.contacts import ContactNumber
from pbxd.errors import InvalidInputError
from pbxd.i18n import _
from pbxd.numbers import NumberRules, parse, why_unreadable


def contact_number(text: str, rules: NumberRules) -> ContactNumber:
    """Read a client's number, with or without an extension: `84951234567 доб. 123`. Raises InvalidInputError."""
    parsed = parse(text, rules)
    if parsed.kind != "e164":
        raise InvalidInputError("number", why_unreadable(text, parsed))
    return ContactNumber(parsed.value, typed=text, extension=parsed.extension)


def company_number(text: str, rules: NumberRules) -> str:
    """Read a company's own number, which has no extension. Raises InvalidInputError."""
    number = contact_number(text, rules)
    if number.extension:
        message = _("a company's number has no extension: {text}; give it to a contact")
        raise InvalidInputError("number", message.format(text=text))
    return number.number
