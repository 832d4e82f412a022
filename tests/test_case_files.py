"""Tables as people bring them, each of which once went wrong: what is read of every row, and what is named as left out.

People and numbers are invented; the headings are those of the programs' exports.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pbxd.book.contacts import ContactDraft
from pbxd.book.employee_lookup import EmployeeLookup
from pbxd.book.employees import Employee
from pbxd.book.fields import BUILT_IN
from pbxd.exchange import tables
from pbxd.exchange.cells import BadRow
from pbxd.exchange.columns import Columns, Headings
from pbxd.exchange.row_drafts import How, LeftOut, Read, ReadCompany, RowReader
from pbxd.numbers import NumberRules

FILES = Path(__file__).resolve().parent / "cases" / "files"
RULES = NumberRules("RU", "", re.compile(r"^\d{2,5}$"))
PEOPLE = EmployeeLookup([Employee("101", "Иванова Анна")])
TODAY = date(2026, 11, 29)
Result = Read | ReadCompany | LeftOut | BadRow


def read(name: str, *, lenient: bool = False) -> tuple[Columns, list[Result]]:
    table = tables.open_table(FILES / name, sheet="", headings=Headings(), low_memory=False)
    reader = RowReader(table.columns, RULES, BUILT_IN, PEOPLE, How(lenient, TODAY))
    return table.columns, [reader.read(row, texts) for row, texts in table.rows]


def whole(found: Result) -> dict[str, Any]:
    """Return all that is read of a row, without what is empty."""
    if isinstance(found, LeftOut):
        return {"left_out": [found.why.message]}
    assert isinstance(found, Read | ReadCompany), found
    if isinstance(found, ReadCompany):
        firm = found.company
        values: dict[str, Any] = {"firm": firm.name, "numbers": [*firm.numbers], "lost": [*found.lost]}
        values["emails"] = [*firm.emails]
    else:
        draft = found.draft
        values = {name: getattr(draft, name) for name in TEXTS}
        values["numbers"] = numbers(draft)
        values |= {"emails": [*draft.emails], "tags": [*draft.tags], "extra": draft.extra}
    values["left_out"] = [each.message for each in found.left_out]
    return {name: value for name, value in values.items() if value}


def numbers(draft: ContactDraft) -> list[str]:
    """Return the numbers with labels and extensions; the main one is the first."""
    assert [number.main for number in draft.numbers] == [place == 0 for place in range(len(draft.numbers))]
    return [" ".join(filter(None, (each.label, each.number, each.extension))) for each in draft.numbers]


TEXTS = ("name", "company", "position", "manager", "vip", "birth_date", "comment")
WHOLE: dict[str, list[dict[str, Any]]] = {
    "01-bitrix24.csv": [
        {
            "name": "Берёзкина Анна Павловна", "company": 'ООО "Берёза"', "position": "Директор",
            "birth_date": date(1985, 3, 12), "comment": 'Звонить после 11\nЛюбит "кофе"',
            "numbers": ["work +74952010001", "work +74952010002", "mobile +79162010003", "+79162010004"],
            "emails": ["anna@beryoza.example", "ab@mail.example", "anna2@mail.example"],
        },
        {"name": "Олег", "numbers": ["mobile +79162010005 12"]},
        {"name": "Без телефона", "emails": ["no@phone.example"]},
        {"name": "Ким Вера", "numbers": ["Телефон для рассылок +79162010006"]},
    ],
    "06-outlook-en.csv": [
        {
            "name": "John Smith", "company": "Acme", "position": "CEO", "birth_date": date(1980, 3, 4),
            "comment": "line1\nline2", "tags": ["Key", "VIP"], "emails": ["js@acme.example"],
            "numbers": [
                "Assistant's Phone +74952060001", "work +74952060003 12", "Car Phone +79162060004",
                "work +74952060005", "mobile +79162060006", "+442079460958", "Pager +79162060007",
            ],
        },
        {"name": "Великий Пётр", "birth_date": date(1980, 12, 25), "numbers": ["mobile +79162060008"]},
        {"firm": "Only Company Ltd", "numbers": ["+74952060009"]},
    ],
    "07-hubspot.csv": [
        {
            "name": "Щукина Анна", "company": "Щука", "position": "директор", "emails": ["a@sh.example"],
            "numbers": ["+74952070004", "mobile +79162070005"],
        },
    ],
    "07-zoho.csv": [
        {
            "name": "Ким Ян", "company": "Ким и Ко", "position": "Закупщик", "birth_date": date(1990, 1, 25),
            "comment": "опис", "tags": ["опт", "юг"], "emails": ["y@kim.example", "y2@kim.example"],
            "numbers": ["+74952070008", "mobile +79162070009"],
        },
    ],
    "09-thunderbird.csv": [
        {
            "name": "Ольга Громова", "company": "Гром", "position": "юрист", "birth_date": date(1985, 3, 12),
            "comment": "заметка", "emails": ["og@x.example", "og2@x.example"],
            "numbers": ["work +74952090001", "Pager Number +74952090003", "mobile +79162090004"],
        },
        {"name": "Только мобильный", "numbers": ["mobile +79162090005"]},
    ],
    "11-freepbx.csv": [
        {
            "name": "Павел Рудин", "company": "Рудник", "position": "директор", "tags": ["Клиенты"],
            "numbers": ["work +74952110001 15", "mobile +79162110002"], "emails": ["p@rud.example", "p2@rud.example"],
        },
        {"name": "Только имя", "tags": ["Клиенты"], "numbers": ["mobile +79162110003"]},
    ],
    "14-1c-list.xlsx": [
        {"left_out": ["a heading of a group: Покупатели"]},
        {"firm": "Ромашка ООО", "numbers": ["+74952140001", "+74952140002"]},
        {"firm": "Кузнецов ИП", "numbers": ["+79162140003"]},
        {
            "firm": "Ромашка-2", "numbers": ["+74952140004"],
            "left_out": ["Телефон: a fax isn't imported: факс: 214-00-05"],
        },
        {"left_out": ["a total: Всего: 3"]},
    ],
    "30-first-row-lost.csv": [
        {"name": "Иванов Пётр", "numbers": ["+79161230001"]},
        {"name": "Сидоров Олег", "numbers": ["+79161230002"]},
    ],
    "32-shared-main-number.csv": [
        {"name": "Анна Ильина", "company": "Дом", "numbers": ["work +74951112233", "mobile +79161112201"]},
        {"name": "Борис Котов", "company": "Дом", "numbers": ["work +74951112233", "mobile +79161112202"]},
        {"name": "Вера Лосева", "company": "Дом", "numbers": ["work +74951112233", "mobile +79161112203"]},
    ],
    "38-imya-otchestvo.csv": [{"name": "Лев Николаевич", "numbers": ["+79163200002"]}],
    "38-name-surname.csv": [{"name": "Толстой Лев", "numbers": ["+79163200001"]}],
    "39-thunderbird-ru-bday.csv": [
        {"name": "Громова Ольга", "birth_date": date(1985, 3, 12), "numbers": ["work +74952090001"]},
    ],
    "41-alt-enter-name.csv": [{"name": "Иванов Пётр", "numbers": ["+79163300011"]}],
}  # fmt: skip
IGNORED = {
    "01-bitrix24.csv": [
        "ID", "Обращение", "Фотография", "Тип контакта", "Источник", "Дополнительно об источнике", "Экспорт контакта",
        "Номер факса", "Корпоративный сайт", "Контакт Telegram", "Дата создания", "Кем создан", "Дата изменения",
    ],
    "06-outlook-en.csv": [
        "Title", "Suffix", "Department", "Business Street", "Business Fax", "Home Fax", "Other Fax", "Telex", "Account",
        "Anniversary", "Assistant's Name", "Billing Information", "Business Address PO Box", "Children", "E-mail Type",
        "E-mail Display Name", "E-mail 2 Type", "E-mail 2 Display Name", "Gender", "Keywords", "Language", "Location",
        "Manager's Name", "Priority", "Private", "Sensitivity", "Web Page",
    ],
    "07-hubspot.csv": ["Record ID", "Contact owner", "Lead Status", "Create Date"],
    "07-zoho.csv": ["Contact Id", "Contact Owner", "Lead Source", "Vendor Name", "Department", "Fax"],
    "09-thunderbird.csv": [
        "Nickname", "Screen Name", "Fax Number", "Home Address", "Home Address 2", "Home City", "Home State",
        "Home ZipCode", "Home Country", "Work Address", "Work Address 2", "Work City", "Work State", "Work ZipCode",
        "Work Country", "Department", "Web Page 1", "Web Page 2", "Custom 1", "Custom 2", "Custom 3", "Custom 4",
    ],
    "11-freepbx.csv": [
        "grouptype", "address", "phone_1_flags", "phone_1_speeddial", "phone_2_flags", "phone_2_speeddial",
    ],
    "14-1c-list.xlsx": ["ИНН", "Полное наименование", "Вид контрагента", "Основной менеджер"],
    "30-first-row-lost.csv": ["Статус"],
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("lenient", [False, True])
def test_every_row_comes_out_whole(name: str, lenient: bool) -> None:
    columns, rows = read(name, lenient=lenient)
    assert [whole(row) for row in rows] == WHOLE[name]
    assert columns.ignored == IGNORED.get(name, [])


def test_14_the_titles_of_a_list_of_1c_are_no_headings() -> None:
    columns, _rows = read("14-1c-list.xlsx")
    assert [text for _row, text in columns.above] == ["Контрагенты", 'Отбор: Группа Равно "Покупатели"']


def test_40_a_belarusian_number_is_no_russian_one() -> None:
    columns, [minsk] = read("40-belarus-80.csv")
    assert isinstance(minsk, BadRow)
    assert minsk.message.endswith("write it with its country code: +375 29 301-00-47")
    found = RowReader(columns, NumberRules("BY", "", RULES.internal), BUILT_IN).read(2, ["Минск", "80293010047"])
    assert isinstance(found, Read)
    assert whole(found) == {"name": "Минск", "numbers": ["+375293010047"]}
