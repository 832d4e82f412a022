"""The fields of a contact: every field stands here once. Pure.

Columns of files, headings, vCards, options and output of the command line, JSON, search and the history of changes
follow from its entry. Every field is in the JSON form, in the history of changes and in `privacy export`, and is erased
with its card: no entry can leave that out.

A field that needs a column of its own, because lists are sorted or filtered by it, also stands in `book.contacts`, in
`storage.tables` and in a migration. All other fields share one column (`stored="extra"`) and need their entry alone.
"""

from __future__ import annotations

from typing import Final

from pbxd.book.field_registry import Field as Field
from pbxd.book.field_registry import Fields as Fields
from pbxd.book.field_registry import definition as definition
from pbxd.book.field_registry import field_from as field_from
from pbxd.i18n import Texts

_MANY = Texts("Several are separated by “;”.", "Несколько — через «;».")

BUILT_IN: Final = Fields(
    (
        Field(
            "name",
            "name",
            Texts("Name", "Имя"),
            heading=Texts("Full name", "ФИО"),
            help=Texts("Full name.", "ФИО."),
            hint=Texts("Required.", "Обязательно."),
            example=Texts("Фронкин Игорь", "Фронкин Игорь"),
            vcard="fn",
            vcard_also=("nickname",),
            stored="column",
            sortable=True,
        ),
        Field(
            "numbers",
            "numbers",
            Texts("Number", "Номер"),
            heading=Texts("Phones", "Телефоны"),
            help=Texts(
                "A number, with the client's extension if there is one. May be repeated.",
                "Номер, при необходимости с добавочным клиента. Можно указать несколько раз.",
            ),
            hint=Texts(
                "A number or an e-mail is required. Several are separated by “;”, the first is the main one."
                " An extension stands after “доб.”.",
                "Обязателен номер или e-mail. Несколько — через «;», первый — основной. Добавочный — после «доб.».",
            ),
            example=Texts(
                "+7 916 123-45-67; 8 (495) 123-45-67 доб. 123", "+7 916 123-45-67; 8 (495) 123-45-67 доб. 123"
            ),
            column="number",
            option="number",
            vcard="tel",
            stored="rows",
            sortable=True,  # by the main one
        ),
        Field(
            "emails",
            "emails",
            Texts("E-mail", "E-mail"),
            headings=("Почта",),  # of our own files until step 9
            help=Texts("An e-mail address. May be repeated.", "Адрес e-mail. Можно указать несколько раз."),
            hint=Texts(
                "Several are separated by “;”, the first is the main one.", "Несколько — через «;», первый — основной."
            ),
            example=Texts("igor@example.org", "igor@example.org"),
            column="email",
            option="email",
            vcard="email",
            stored="rows",
        ),
        Field(
            "company",
            "company",
            Texts("Company", "Компания"),
            help=Texts(
                "Company. One that isn't known yet is created.", "Компания. Если такой ещё нет, она будет создана."
            ),
            hint=Texts("A new one is created.", "Если такой нет, она будет создана."),
            example=Texts("ООО «Ромашка»", "ООО «Ромашка»"),
            vcard="org",
            stored="company",
            sortable=True,
        ),
        Field(
            "position",
            "text",
            Texts("Position", "Должность"),
            help=Texts("Position in the company.", "Должность в компании."),
            example=Texts("директор", "директор"),
            vcard="title",
            vcard_also=("role",),
            stored="column",
            searchable=False,
            sortable=True,
        ),
        Field(
            "manager",
            "employee",
            Texts("Manager", "Менеджер"),
            help=Texts("Responsible employee.", "Ответственный менеджер."),
            hint=Texts(
                "Extension or full name of the responsible employee; whoever imports, if empty.",
                "Внутренний номер или ФИО ответственного менеджера; если пусто — тот, кто импортирует.",
            ),
            example=Texts("101", "101"),
            stored="employee",
            searchable=False,
            sortable=True,
        ),
        Field(
            "vip",
            "flag",
            Texts("VIP", "VIP"),
            help=Texts("VIP: goes to the head of every queue.", "VIP: ставится первым в любой очереди."),
            hint=Texts("“yes” goes to the head of every queue.", "«да» — VIP-клиент, попадает в начало очереди."),
            example=Texts("yes", "да"),
            stored="column",
            searchable=False,
            sortable=True,
        ),
        Field(
            "comment",
            "long-text",
            Texts("Comment", "Комментарий"),
            help=Texts("A comment.", "Комментарий."),
            vcard="note",
            stored="column",
        ),
        Field(
            "tags",
            "tags",
            Texts("Tags", "Теги"),
            headings=("Метки",),  # of our own files until step 9
            help=Texts("A tag. May be repeated.", "Тег. Можно указать несколько раз."),
            hint=_MANY,
            example=Texts("опт; юг", "опт; юг"),
            option="tag",
            vcard="categories",
            stored="rows",
        ),
        Field(
            "birth_date",
            "date",
            Texts("Date of birth", "Дата рождения"),
            help=Texts("Date of birth, such as 31.12.1980.", "Дата рождения, например 31.12.1980."),
            hint=Texts("Day, month, year.", "День, месяц, год."),
            example=Texts("31.12.1980", "31.12.1980"),
            vcard="bday",
            stored="column",
            searchable=False,
        ),
        Field(
            "visibility",
            "visibility",
            Texts("Visible to", "Кому виден"),
            stored="column",
            searchable=False,
            exported=False,
        ),
        Field(
            "owner",
            "employee",
            Texts("Personal contact of", "Личный контакт"),
            help=Texts(
                "Owner of a personal contact, with --personal.", "Владелец личного контакта; вместе с --personal."
            ),
            stored="employee",
            searchable=False,
            exported=False,
        ),
    )
)
