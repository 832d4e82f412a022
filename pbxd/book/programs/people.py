"""The headings of tables that people make by hand. Pure."""

from __future__ import annotations

from typing import Final

from pbxd.book.programs.program import CORRECTION, FAX, Program

PEOPLE: Final = Program(
    "tables that people make by hand",
    "",
    {
        "name": (
            "name", "full name", "contact", "contact name",
            "фио", "ф.и.о.", "имя", "полное имя", "имя и фамилия", "контакт", "контактное лицо", "клиент",
            "имя клиента", "contact person", "client", "заказчик",
        ),
        "last_name": ("surname",),
        "number": (
            "number", "numbers", "phone", "phones", "phone number", "phone numbers", "telephone", "tel", "main phone",
            "телефон", "телефоны", "номер", "номера", "номер телефона", "номера телефонов", "телефон(ы)", "тел",
            "контактный телефон", "контактные телефоны", "основной телефон", "дополнительный телефон", "другой телефон",
            "telephone number", "phone no",
        ),
        "mobile": (
            "mobile", "cell", "cell phone", "mobile number", "мобильный", "мобильный телефон",
            "сотовый", "сотовый телефон", "мобильный номер", "сотовый номер",
        ),
        "work": ("work phone", "office phone", "рабочий", "рабочий телефон", "городской", "городской телефон"),
        "home": ("home phone", "домашний", "домашний телефон"),
        "label": ("phone label", "подпись телефона"),
        "extension": ("extension", "ext", "добавочный", "добавочный номер", "доб"),
        "email": (
            "email", "emails", "e-mail", "e-mails", "mail", "email address",
            "почта", "эл. почта", "электронная почта", "адрес электронной почты",
        ),
        "company": (
            "company name", "organization", "компания", "фирма", "название компании", "наименование", "контрагент",
            "организация", "предприятие", "название организации", "наименование организации", "юр. лицо",
        ),
        "position": ("position", "job title", "должность"),
        "manager": ("manager", "responsible", "менеджер", "ответственный", "ответственный менеджер"),
        "vip": ("vip", "вип"),
        "comment": (
            "comment", "comments", "note", "notes", "remark", "заметка", "заметки", "комментарий", "комментарии",
            "примечание",
        ),
        "tags": ("tag", "tags", "labels", "groups", "тег", "теги", "метка", "метки", "группа", "группы"),
        "birth_date": (
            "birth date", "birth_date", "date of birth", "birthday", "дата рождения", "день рождения",
            "д.р.", "др",
        ),
        "birth_year": ("birth year", "год рождения"),
        "birth_month": ("birth month", "месяц рождения"),
        "birth_day": ("birth day",),
        FAX: ("fax", "fax number", "факс", "номер факса", "business fax", "home fax", "other fax"),
        CORRECTION: ("what to correct", "что исправить"),
    },
)  # fmt: skip
