"""The headings of programs that keep clients: CRM and 1C. Pure."""

from __future__ import annotations

from typing import Final

from pbxd.book.programs.program import FAX, Program

BITRIX24: Final = Program(
    "Bitrix24, contacts",
    "cases/files/01-bitrix24.csv; Bitrix24's own titles: avshatalov48/bitrix24-core-corp, modules/crm/lang/ru/classes/"
    "general/crm_field_multi.php (Телефон для рассылок, Частный e-mail) and crm_contact.php (Обращение, Отчество)",
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
    "hromov/jevelina, amoimport/contacts.go (contacts: Полное имя контакта, Рабочий прямой телефон, Личный email) and "
    "amoimport/leads.go (leads: Компания контакта, Ответственный за контакт)",
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
    "cases/files/14-1c-list.xlsx: the list that 1С:Бухгалтерия saves (Наименование в программе, Вид контрагента)",
    {
        "company": ("Наименование в программе",),
        "number": ("Телефон",),
    },
    ignored=("Полное наименование", "Вид контрагента", "ИНН", "КПП", "Основной менеджер"),
)
ODOO: Final = Program(
    "Odoo, contacts",
    "odoo/odoo, odoo/addons/base/models/res_partner.py: the labels of the partner model's fields",
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
    "cases/files/07-hubspot.csv; okikio/utils, packages/csv/fixtures/representative/hubspot/contacts-export.csv: the "
    "properties' labels (Record ID, Mobile Phone Number, Associated Company)",
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
    "okikio/utils, packages/csv/fixtures/official/pipedrive-sample-official.csv (Pipedrive's own sample, Person - "
    "Phone, Person - Email (Work)) and representative/pipedrive/people-export.csv (Job title, Label); "
    "Person - Phone - Work and Person - Labels stand in many public scripts that read its exports; none could be named",
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
    "okikio/utils, packages/csv/fixtures/representative/salesforce/contacts-report-details.csv and "
    "contacts-data-loader.csv. Salesforce Object Reference, Contact: the labels that differ from the names of the "
    "fields (Business Fax, Asst. Phone, Contact Description); FieldAx's help, Contact Fields: others (Business Phone)",
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
    "cases/files/07-zoho.csv; okikio/utils, packages/csv/fixtures/representative/zoho/contacts-export.csv (Account "
    "Name, Secondary Email, Tag); Record Id and Account Name.id stand in many scripts that read its exports",
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
