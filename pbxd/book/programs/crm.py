"""The headings of programs that keep clients: CRM and 1C. Pure."""

from __future__ import annotations

from typing import Final

from pbxd.book.programs.program import FAX, Program

BITRIX24: Final = Program(
    "Bitrix24, contacts",
    "public programs that read its exports name the whole header: ID, Обращение, Имя, Фамилия, Отчество … Рабочий "
    "телефон … Телефон для рассылок … Другой e-mail; its REST reference has the same titles (phoneMailing). "
    "tests/exchange/programs/bitrix24.csv is made after them; a file of a running Bitrix24 was not at hand",
    {
        "middle_name": ("Отчество",),
        "last_name": ("Фамилия",),
        "company": ("Компания",),
        "position": ("Должность",),
        "work": ("Рабочий телефон",),
        "home": ("Домашний телефон",),
        "mobile": ("Мобильный телефон",),
        "number": ("Другой телефон",),
        "titled_number": ("Номер пейджера", "Телефон для рассылок"),
        FAX: ("Номер факса",),
        "email": ("Рабочий e-mail", "Частный e-mail", "E-mail для рассылок", "Другой e-mail"),
        "birth_date": ("Дата рождения",),
        "comment": ("Комментарий",),
        "manager": ("Ответственный",),
    },
    ignored=("Обращение", "Экспорт контакта", "Тип контакта", "Дополнительно об источнике"),
)
AMOCRM: Final = Program(
    "amoCRM (Kommo), contacts and leads",
    "headings that public programs read from its exports: Полное имя контакта, Рабочий прямой телефон, Личный email",
    {
        "name": ("Полное имя контакта",),
        "last_name": ("Фамилия",),
        "company": ("Название компании", "Компания контакта"),
        "position": ("Должность",),
        "work": ("Рабочий телефон", "Рабочий прямой телефон"),
        "home": ("Домашний телефон",),
        "mobile": ("Мобильный телефон",),
        "number": ("Другой телефон",),
        FAX: ("Факс",),
        "email": ("Рабочий email", "Личный email", "Другой email"),
        "comment": ("Примечание",),
        "tags": ("Теги",),
        "manager": ("Ответственный", "Ответственный за контакт"),
    },
    ignored=("Кем создан контакт", "Дата создания контакта", "Сделки", "Кем редактирован"),
)
ONE_C: Final = Program(
    "1C, list of counterparties",
    "the list that 1С:Бухгалтерия saves as a table (Наименование в программе, Вид контрагента)",
    {
        "company": ("Наименование в программе",),
        "number": ("Телефон",),
    },
    ignored=("Полное наименование", "Вид контрагента", "ИНН", "КПП", "Основной менеджер"),
)
ODOO: Final = Program(
    "Odoo, contacts",
    "odoo/odoo, odoo/addons/base: the labels of the partner model's fields",
    {
        "company": ("Related Company", "Company Name"),
        "position": ("Job Position",),
        "mobile": ("Mobile",),
        "number": ("Phone",),
        "email": ("Email",),
        "tags": ("Tags",),
        "comment": ("Notes",),
    },
    only={"name": ("Name", "Complete Name")},
)
HUBSPOT: Final = Program(
    "HubSpot, contacts",
    "the export of contacts with the properties' labels (Record ID, Mobile Phone Number, Associated Company)",
    {
        "first_name": ("First Name",),
        "last_name": ("Last Name",),
        "company": ("Company Name", "Associated Company"),
        "position": ("Job Title",),
        "mobile": ("Mobile Phone Number",),
        "number": ("Phone Number",),
        "email": ("Email",),
        "birth_date": ("Date of Birth",),
    },
    ignored=("Record ID", "Contact owner", "Lead Status", "Create Date"),
)
PIPEDRIVE: Final = Program(
    "Pipedrive, people",
    "the headings that public programs read from its exports: Person - Name, Person - Phone - Work, Person - Labels",
    {
        "name": ("Person - Name",),
        "first_name": ("Person - First name",),
        "last_name": ("Person - Last name",),
        "company": ("Person - Organization",),
        "position": ("Person - Job title",),
        "work": ("Person - Phone - Work", "Person - Phone (Work)"),
        "home": ("Person - Phone - Home", "Person - Phone (Home)"),
        "mobile": ("Person - Phone - Mobile", "Person - Phone (Mobile)"),
        "number": ("Person - Phone", "Person - Phone - Other", "Person - Phone (Other)"),
        "email": (
            "Person - Email", "Person - Email - Work", "Person - Email - Home", "Person - Email - Other",
            "Person - Email (Work)", "Person - Email (Home)", "Person - Email (Other)",
        ),
        "tags": ("Person - Labels", "Person - Label"),
    },
)  # fmt: skip
SALESFORCE: Final = Program(
    "Salesforce, contacts: a report, or Data Loader",
    "Salesforce Object Reference, Contact: names of the fields, and the labels that differ from them (Business Fax, "
    "Asst. Phone, Contact Description); the other labels stand in FieldAx's help, page Contact Fields, and in guides "
    "to its import (Business Phone). A file of a running Salesforce was not at hand",
    {
        "first_name": ("First Name", "FirstName"),
        "last_name": ("Last Name", "LastName"),
        "company": ("Account Name",),
        "mobile": ("Mobile", "MobilePhone"),
        "home": ("Home Phone", "HomePhone"),
        "work": ("Business Phone",),
        "number": ("Phone", "Other Phone", "OtherPhone"),
        "titled_number": ("Asst. Phone", "AssistantPhone"),
        FAX: ("Fax", "Business Fax"),
        "email": ("Email",),
        "birth_date": ("Birthdate",),
    },
    only={"position": ("Title",), "comment": ("Description", "Contact Description")},
    ignored=("Salutation", "Mailing Street", "Mailing City", "Mailing State/Province", "Mailing Zip/Postal Code"),
)
ZOHO: Final = Program(
    "Zoho CRM, contacts",
    "the export of contacts (Contact Id or Record Id, Account Name, Secondary Email, Tag), also in public programs",
    {
        "first_name": ("First Name",),
        "last_name": ("Last Name",),
        "company": ("Account Name",),
        "mobile": ("Mobile",),
        "home": ("Home Phone",),
        "number": ("Phone", "Other Phone"),
        FAX: ("Fax",),
        "email": ("Email", "Secondary Email"),
        "birth_date": ("Date of Birth",),
        "tags": ("Tag",),
    },
    only={"position": ("Title",), "comment": ("Description",)},
    ignored=("Contact Id", "Record Id", "Contact Owner", "Account Name.id", "Lead Source", "Vendor Name"),
)
