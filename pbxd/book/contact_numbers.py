"""The numbers of a contact, and what may stand in them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pbxd import notation
from pbxd.book.texts import NUMBERS_LIMIT, TYPED_LIMIT, checked_e164, checked_line
from pbxd.errors import InvalidInputError
from pbxd.i18n import _

LABEL_LIMIT = 50  # characters


@dataclass(frozen=True, slots=True)
class ContactNumber:
    """One number of a contact."""

    number: str  # E.164 with the plus
    typed: str = ""  # as it was entered
    extension: str = ""  # the client's extension behind a company's main number: digits, *, #, w, W
    label: str = ""
    main: bool = False


def checked_numbers(numbers: Sequence[ContactNumber]) -> tuple[ContactNumber, ...]:
    """Check each number, join repeated ones, and make exactly one the main one: the first unless one is flagged.

    Raises InvalidInputError for a number that is not E.164, and for more than one main number.
    """
    kept: dict[tuple[str, str], ContactNumber] = {}
    for number in map(_checked, numbers):
        key = number.number, number.extension
        earlier = kept.setdefault(key, number)
        if earlier is not number:
            kept[key] = replace(earlier, label=earlier.label or number.label, main=earlier.main or number.main)
    if len(kept) > NUMBERS_LIMIT:
        raise InvalidInputError("numbers", _("{field}: more than {limit}").format(field="numbers", limit=NUMBERS_LIMIT))
    flagged = [key for key, number in kept.items() if number.main]
    if len(flagged) > 1:
        raise InvalidInputError("numbers", _("only one number can be the main one"))
    main = flagged[0] if flagged else next(iter(kept), None)
    if main and not kept[main].main:
        kept[main] = replace(kept[main], main=True)
    return tuple(kept.values())


def _checked(number: ContactNumber) -> ContactNumber:
    if number.extension and not notation.EXTENSION.fullmatch(number.extension):
        raise InvalidInputError(
            "numbers",
            _("an extension may have up to 32 of the characters 0-9 * # A-D w W: {text}").format(
                text=ascii(number.extension[:TYPED_LIMIT])
            ),
        )
    return ContactNumber(
        checked_e164("numbers", number.number),
        checked_line("numbers", number.typed, TYPED_LIMIT),
        number.extension,
        checked_line("numbers", number.label, LABEL_LIMIT),
        number.main,
    )
