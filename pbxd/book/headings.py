"""The headings of tables of contacts: which column means what, in the files of which program. Pure.

Adding a program: one more `Program` in a module of `book.programs`, its headings by import column as the program writes
them, and the source they come from; then its line in `PROGRAMS` below, and a small file with its test in
`tests/exchange/programs`. Case, surrounding `*:.` and a number inside (`Phone 2`, `Телефон 3`) make no difference. A
heading that two programs use with different meanings stands in `only`: it has that meaning in files of this program
alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from pbxd.book.programs.address_books import (
    GOOGLE,
    GOOGLE_OLD,
    LDIF,
    OUTLOOK,
    OUTLOOK_RUSSIAN,
    THUNDERBIRD,
    THUNDERBIRD_RUSSIAN,
    YANDEX,
)
from pbxd.book.programs.crm import AMOCRM, BITRIX24, HUBSPOT, ODOO, ONE_C, PIPEDRIVE, SALESFORCE, ZOHO
from pbxd.book.programs.people import PEOPLE
from pbxd.book.programs.phone_systems import FREEPBX, MIKOPBX, PHONEBOOK_XML, THREE_CX, YEASTAR
from pbxd.book.programs.program import CORRECTION as CORRECTION
from pbxd.book.programs.program import FAX as FAX
from pbxd.book.programs.program import IGNORE as IGNORE
from pbxd.book.programs.program import OWN_ID as OWN_ID
from pbxd.book.programs.program import OWN_ID_HEADINGS as OWN_ID_HEADINGS
from pbxd.book.programs.program import PARTS as PARTS
from pbxd.book.programs.program import Program as Program

PROGRAMS: Final[tuple[Program, ...]] = (
    GOOGLE_OLD,
    GOOGLE,
    OUTLOOK,
    OUTLOOK_RUSSIAN,
    THUNDERBIRD,
    THUNDERBIRD_RUSSIAN,
    LDIF,
    YANDEX,
    BITRIX24,
    AMOCRM,
    ONE_C,
    ODOO,
    HUBSPOT,
    PIPEDRIVE,
    SALESFORCE,
    ZOHO,
    FREEPBX,
    YEASTAR,
    THREE_CX,
    MIKOPBX,
    PHONEBOOK_XML,
    PEOPLE,
)


def all_headings(programs: Iterable[Program] = PROGRAMS) -> Iterator[tuple[str, str]]:
    """Yield every heading as it is written, with its import column."""
    for program in programs:
        for column, headings in program.columns.items():
            for heading in headings:
                yield heading, column
