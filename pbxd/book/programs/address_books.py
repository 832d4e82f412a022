"""The headings of address books: mail programs and phones. Pure."""

from __future__ import annotations

from typing import Final

from pbxd.book.programs.program import FAX, IGNORE, LEFT_OUT, Program

GOOGLE_OLD: Final = Program(
    "Google Contacts, CSV before 2024",
    "garywei944/icloud_vcf_contacts_to_google_csv_format, vcf_to_csv.py, and roundcube/roundcubemail, program/lib/"
    "Roundcube/rcube_csv2vcard.php (Group Membership): Name, Given Name, … Phone 1 - Type",
    {
        "name": ("Name", "Display Name"),
        "first_name": ("Given Name",),
        "middle_name": ("Additional Name",),
        "last_name": ("Family Name",),
        "company": ("Organization 1 - Name",),
        "position": ("Organization 1 - Title",),
        "birth_date": ("Birthday",),
        "comment": ("Notes",),
        "tags": ("Group Membership",),
        "email": ("E-mail 1 - Value",),
        "label": ("Phone 1 - Type",),
        "number": ("Phone 1 - Value",),
    },
)
GOOGLE: Final = Program(
    "Google Contacts, CSV since 2024",
    "alexKleider/BSC, get_fields.py: the header line of an export: First Name, … Phone 1 - Label, Phone 1 - Value",
    {
        "first_name": ("First Name",),
        "middle_name": ("Middle Name",),
        "last_name": ("Last Name",),
        "company": ("Organization Name",),
        "position": ("Organization Title",),
        "birth_date": ("Birthday",),
        "comment": ("Notes",),
        "tags": ("Labels",),
        "email": ("E-mail 1 - Value",),
        "label": ("Phone 1 - Label",),
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
        "titled_number": (
            "Assistant's Phone",
            "Callback",
            "Car Phone",
            "ISDN",
            "Pager",
            "Radio Phone",
            "TTY/TDD Phone",
        ),
        FAX: ("Business Fax", "Home Fax", "Other Fax"),
        "email": ("E-mail Address", "E-mail 2 Address"),
        "birth_date": ("Birthday",),
        "comment": ("Notes",),
        "tags": ("Categories",),
    },
    only={IGNORE: ("Title",)},  # Mr., Mrs.
)
OUTLOOK_RUSSIAN: Final = Program(
    "Microsoft Outlook, CSV in Russian",
    "Igor-Cherepanov/csv-to-vcf, app/Http/Controllers/ConvertController.php: the header line, Обращение, Имя, "
    "Отчество, … Телефон переносной; Sergii-Dudko/ContactsPhoneCsvTransform, PhoneContactMapFromCsv.cs has most of it",
    {
        "middle_name": ("Отчество",),
        "last_name": ("Фамилия",),
        "company": ("Организация",),
        "position": ("Должность",),
        "work": ("Рабочий телефон", "Телефон раб. 2", "Основной телефон организации"),
        "home": ("Домашний телефон", "Телефон дом. 2"),
        "mobile": ("Телефон переносной",),
        "number": ("Основной телефон", "Другой телефон"),
        "titled_number": (
            "Телефон помощника", "Обратный вызов", "Телефон в машине", "ISDN", "Пейджер", "Радиотелефон",
            "Телетайп/телефон с титрами",
        ),
        FAX: ("Рабочий факс", "Домашний факс", "Другой факс"),
        "email": ("Адрес эл. почты", "Адрес 2 эл. почты"),
        "comment": ("Заметки",),
        "tags": ("Категории",),
    },
    only={"birth_date": ("День рождения",)},
)  # fmt: skip
THUNDERBIRD: Final = Program(
    "Mozilla Thunderbird, CSV in English",
    "thunderbird/thunderbird-l10n, en-US importMsgs.properties, 2100–2136; cases/files/09-thunderbird.csv",
    {
        "name": ("Display Name",),
        "first_name": ("First Name",),
        "last_name": ("Last Name",),
        "company": ("Organization", "Organisation"),
        "position": ("Job Title",),
        "work": ("Work Phone",),
        "home": ("Home Phone",),
        "mobile": ("Mobile Number",),
        "titled_number": ("Pager Number",),
        FAX: ("Fax Number",),
        "email": ("Primary Email", "Secondary Email"),
        "birth_year": ("Birth Year",),
        "birth_month": ("Birth Month",),
        "birth_day": ("Birth Day",),
        "comment": ("Notes",),
    },
)
THUNDERBIRD_RUSSIAN: Final = Program(
    "Mozilla Thunderbird, CSV in Russian",
    "thunderbird/thunderbird-l10n, ru/mail/chrome/messenger/importMsgs.properties, 2100–2136",
    {
        "name": ("Отображаемое имя",),
        "last_name": ("Фамилия",),
        "company": ("Организация",),
        "position": ("Должность",),
        "work": ("Рабочий телефон",),
        "home": ("Домашний телефон",),
        "mobile": ("Номер мобильного телефона",),
        "titled_number": ("Номер пейджера",),
        FAX: ("Номер факса",),
        "email": ("Адрес электронной почты", "Альтернативный адрес электронной почты"),
        "birth_year": ("Год рождения",),
        "birth_month": ("Месяц рождения",),
        "comment": ("Заметки",),
    },
    only={"birth_day": ("День рождения",)},
)
LDIF_LEFT_OUT: Final = "left out"  # the column that says why an entry is not taken; no attribute has a space
LDIF: Final = Program(
    "LDIF, as Thunderbird and directories write it",
    "RFC 2849; the attributes of RFC 4519, RFC 2798 and Thunderbird's address book",
    {},
    only={
        "name": ("cn", "displayName"),
        "first_name": ("givenName",),
        "last_name": ("sn",),
        "company": ("o", "company"),
        "position": ("title",),
        "work": ("telephoneNumber",),
        "home": ("homePhone",),
        "mobile": ("mobile", "cell", "cellphone"),
        "titled_number": ("pager", "otherTelephone"),
        FAX: ("facsimileTelephoneNumber", "fax"),
        "email": ("mail", "mozillaSecondEmail"),
        "comment": ("description",),
        "birth_year": ("birthyear",),
        "birth_month": ("birthmonth",),
        "birth_day": ("birthday",),
        LEFT_OUT: (LDIF_LEFT_OUT,),
    },
)
YANDEX: Final = Program(
    "Yandex 360, external contacts, CSV",
    "yandex.com/support/yandex-360/business/admin: External contacts, the fields of the file",
    {
        "first_name": ("first_name",),
        "middle_name": ("middle_name",),
        "last_name": ("last_name",),
        "number": ("phone_number",),
    },
    only={"position": ("title",)},
    ignored=("is_main_phone_number", "phone_number_type", "department", "address"),
)
