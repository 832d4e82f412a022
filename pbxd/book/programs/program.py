"""What is said of a program that writes tables of contacts. Pure.

Import columns are the columns of the fields (`Field.column`), the parts below, and `FAX` and `IGNORE`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from pbxd.i18n import Texts

# What is a part of a field in a file: import column -> the field's column.
PARTS: Final[Mapping[str, str]] = {
    "first_name": "name",
    "middle_name": "name",
    "last_name": "name",
    "mobile": "number",
    "work": "number",
    "home": "number",
    "label": "number",  # of the number in the next column
    "titled_number": "number",  # its heading is its label
    "extension": "number",  # of the number in the column before it, else of the next one
    "birth_year": "birth_date",
    "birth_month": "birth_date",
    "birth_day": "birth_date",
}
FAX: Final = "fax"  # known, but never a contact's number
IGNORE: Final = "ignore"  # known, and nothing to import
OWN_ID: Final = "id"  # which card of the book a row is: `book.card_marks` in a column of our own exports
OWN_ID_HEADINGS: Final = Texts("pbxd ID", "ID в pbxd")
OWNER: Final = "owner"  # whose personal contact a row is; in our own exports
OWNER_HEADINGS: Final = Texts("Personal contact of", "Личный контакт")
LEFT_OUT: Final = "left_out"  # says what of a vCard is not taken, a line each
CORRECTION: Final = "correction"  # says what to correct in a row; nothing is imported from it


class Program(NamedTuple):
    """A program that writes such tables, and its headings."""

    name: str
    source: str  # where the headings are documented or seen
    columns: Mapping[str, tuple[str, ...]]  # import column -> headings
    only: Mapping[str, tuple[str, ...]] = MappingProxyType({})  # the same, in files of this program alone
    ignored: tuple[str, ...] = ()  # headings by which the program is recognised; nothing is imported from them
