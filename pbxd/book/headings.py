"""The headings of tables of contacts: which column means what, in the files of which program. Pure.

Adding a program: one more `Program` below, its headings by import column as the program writes them, and the source
they come from. Case, surrounding `*:.` and a number inside (`Phone 2`, `Телефон 3`) make no difference. A heading that
two programs use with different meanings stands in `only`: it has that meaning in files of this program alone.

Import columns are the columns of the fields (`Field.column`), the parts below, and `FAX` and `IGNORE`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from pbxd.book.dates import DateOrder
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
OWN_ID: Final = "id"  # which card of the book a row is: `book.card_marks` in a column of our own exports
OWN_ID_HEADINGS: Final = Texts("pbxd ID", "ID в pbxd")
FAX: Final = "fax"  # known, but never a contact's number
IGNORE: Final = "ignore"  # known, and nothing to import
CORRECTION: Final = "correction"  # says what to correct in a row; nothing is imported from it


class Program(NamedTuple):
    """A program that writes such tables, and its headings."""

    name: str
    source: str  # where the headings are documented or seen
    columns: Mapping[str, tuple[str, ...]]  # import column -> headings
    only: Mapping[str, tuple[str, ...]] = MappingProxyType({})  # the same, in files of this program alone
    ignored: tuple[str, ...] = ()  # headings by which the program is recognised; nothing is imported from them
    dates: DateOrder = ""  # of 3/4/1980; empty where that depends on the computer that wrote the file


GOOGLE: Final = Program(
    "Google Contacts, CSV",
    "exported files before and since 2024, as public code that reads and writes them has them",
    {
        "name": ("Name", "Display Name"),
        "first_name": ("First Name", "Given Name"),
        "middle_name": ("Middle Name", "Additional Name"),
        "last_name": ("Last Name", "Family Name"),
        "company": ("Organization Name", "Organization 1 - Name"),
        "position": ("Organization Title", "Organization 1 - Title"),
        "birth_date": ("Birthday",),
        "comment": ("Notes",),
        "tags": ("Labels", "Group Membership"),
        "email": ("E-mail 1 - Value",),
        "label": ("Phone 1 - Label", "Phone 1 - Type"),
        "number": ("Phone 1 - Value",),
    },
)
OUTLOOK: Final = Program(
    "Microsoft Outlook, CSV in English",
    "support.microsoft.com: Create or edit CSV files to import into Outlook",
    {
        "first_name": ("First Name",),
        "middle_name": ("Middle Name",),
        "last_name": ("Last Name",),
        "company": ("Company",),
        "position": ("Job Title",),
        "work": ("Business Phone", "Company Main Phone"),
        "home": ("Home Phone",),
        "mobile": ("Mobile Phone",),
        "number": ("Primary Phone", "Other Phone"),
        "email": ("E-mail Address", "E-mail 2 Address"),
        "birth_date": ("Birthday",),
        "comment": ("Notes",),
        "tags": ("Categories",),
    },
)
OUTLOOK_RUSSIAN: Final = Program(
    "Microsoft Outlook, CSV in Russian",
    "exported files, as public code that reads them has them",
    {
        "middle_name": ("Отчество",),
        "last_name": ("Фамилия",),
        "company": ("Организация",),
        "position": ("Должность",),
        "work": ("Рабочий телефон", "Телефон раб. 2", "Основной телефон организации"),
        "home": ("Домашний телефон", "Телефон дом. 2"),
        "mobile": ("Телефон переносной",),
        "number": ("Основной телефон", "Другой телефон"),
        "email": ("Адрес эл. почты", "Адрес 2 эл. почты"),
        "birth_date": ("День рождения",),
        "comment": ("Заметки",),
        "tags": ("Категории",),
    },
)
PEOPLE: Final = Program(
    "tables that people make by hand",
    "",
    {
        "name": (
            "name", "full name", "contact", "contact name",
            "фио", "ф.и.о.", "имя", "полное имя", "имя и фамилия", "контакт", "контактное лицо", "клиент",
            "имя клиента",
        ),
        "last_name": ("surname",),
        "number": (
            "number", "numbers", "phone", "phones", "phone number", "phone numbers", "telephone", "tel", "main phone",
            "телефон", "телефоны", "номер", "номера", "номер телефона", "номера телефонов", "телефон(ы)", "тел",
            "контактный телефон",
        ),
        "mobile": ("mobile", "мобильный", "мобильный телефон", "сотовый", "сотовый телефон"),
        "work": ("work phone", "рабочий", "городской телефон"),
        "home": ("домашний",),
        "label": ("phone label", "подпись телефона"),
        "extension": ("extension", "ext", "добавочный", "добавочный номер", "доб"),
        "email": (
            "email", "emails", "e-mail", "e-mails", "mail", "email address",
            "почта", "эл. почта", "электронная почта", "адрес электронной почты",
        ),
        "company": ("company name", "organization", "компания", "фирма", "название компании"),
        "position": ("position",),
        "manager": ("manager", "responsible", "менеджер", "ответственный", "ответственный менеджер"),
        "vip": ("vip", "вип"),
        "comment": ("comment", "comments", "note", "комментарий", "комментарии", "примечание"),
        "tags": ("tags", "теги", "метки", "группы"),
        "birth_date": ("birth date", "birth_date", "date of birth", "дата рождения"),
        "birth_year": ("birth year", "год рождения"),
        "birth_month": ("birth month", "месяц рождения"),
        "birth_day": ("birth day",),
        FAX: ("fax", "fax number", "факс", "номер факса", "business fax", "home fax", "other fax"),
        CORRECTION: ("what to correct", "что исправить"),
    },
)  # fmt: skip
PROGRAMS: Final = (GOOGLE, OUTLOOK, OUTLOOK_RUSSIAN, PEOPLE)


def all_headings(programs: Iterable[Program] = PROGRAMS) -> Iterator[tuple[str, str]]:
    """Yield every heading as it is written, with its import column."""
    for program in programs:
        for column, headings in program.columns.items():
            for heading in headings:
                yield heading, column
