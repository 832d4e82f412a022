"""Tables as people bring them, each of which once went wrong: what is read of every row, and what is named as left out.

People and numbers are invented; the headings are those of the programs' exports.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

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


def contacts(name: str, *, lenient: bool = False) -> list[ContactDraft]:
    found = read(name, lenient=lenient)[1]
    assert all(isinstance(each, Read) for each in found), found
    return [each.draft for each in found if isinstance(each, Read)]


def numbers(draft: ContactDraft) -> list[str]:
    return [number.number + (f" доб. {number.extension}" if number.extension else "") for number in draft.numbers]


def test_30_the_first_row_is_no_second_row_of_headings() -> None:
    assert [each.name for each in contacts("30-first-row-lost.csv")] == ["Иванов Пётр", "Сидоров Олег"]
    assert read("30-first-row-lost.csv")[0].ignored == ["Статус"]


def test_32_three_contacts_share_a_number() -> None:
    assert [each.name for each in contacts("32-shared-main-number.csv")] == [
        "Анна Ильина",
        "Борис Котов",
        "Вера Лосева",
    ]


@pytest.mark.parametrize(
    ("name", "whole"),
    [("38-name-surname.csv", "Толстой Лев"), ("38-imya-otchestvo.csv", "Лев Николаевич")],
)
def test_38_a_name_has_all_its_parts(name: str, whole: str) -> None:
    assert [each.name for each in contacts(name)] == [whole]


def test_39_a_birthday_from_three_columns() -> None:
    [olga] = contacts("39-thunderbird-ru-bday.csv")
    assert (olga.name, olga.birth_date) == ("Громова Ольга", date(1985, 3, 12))


def test_41_a_line_break_in_a_name_is_a_space() -> None:
    assert [each.name for each in contacts("41-alt-enter-name.csv")] == ["Иванов Пётр"]


def test_01_bitrix24() -> None:
    anna, oleg, mail, vera = contacts("01-bitrix24.csv")
    assert (anna.name, anna.company, anna.position) == (
        "Берёзкина Анна Павловна",
        "ООО «Берёза»".replace("«", '"').replace("»", '"'),
        "Директор",
    )
    assert anna.comment == 'Звонить после 11\nЛюбит "кофе"'
    assert anna.birth_date == date(1985, 3, 12)
    assert set(numbers(anna)) >= {"+74952010001", "+74952010002", "+79162010003"}
    assert "+74952010009" not in numbers(anna)
    assert {"anna@beryoza.example", "ab@mail.example", "anna2@mail.example"} == set(anna.emails)
    assert numbers(oleg) == ["+79162010005 доб. 12"]
    assert (mail.name, mail.numbers, mail.emails) == ("Без телефона", (), ("no@phone.example",))
    assert vera.name == "Ким Вера"


def test_06_outlook() -> None:
    _columns, [john, peter, company] = read("06-outlook-en.csv")
    assert isinstance(john, Read)
    assert isinstance(peter, Read)
    assert isinstance(company, ReadCompany)
    assert (john.draft.name, john.draft.birth_date) == ("John Smith", date(1980, 3, 4))
    assert john.draft.comment == "line1\nline2"
    assert set(john.draft.tags) == {"Key", "VIP"}
    assert "+74952060002" not in numbers(john.draft)
    assert "+74952060003 доб. 12" in numbers(john.draft)
    assert (peter.draft.name, peter.draft.birth_date) == ("Великий Пётр", date(1980, 12, 25))
    assert (company.company.name, company.company.numbers) == ("Only Company Ltd", ("+74952060009",))


def test_07_hubspot_and_zoho() -> None:
    [anna] = contacts("07-hubspot.csv")
    assert (anna.name, anna.company, anna.emails) == ("Щукина Анна", "Щука", ("a@sh.example",))
    assert set(numbers(anna)) == {"+74952070004", "+79162070005"}
    [yan] = contacts("07-zoho.csv", lenient=True)
    assert (yan.name, yan.company, yan.position, yan.comment) == ("Ким Ян", "Ким и Ко", "Закупщик", "опис")
    assert (yan.tags, yan.emails) == (("опт", "юг"), ("y@kim.example", "y2@kim.example"))


def test_09_thunderbird() -> None:
    olga, mobile = contacts("09-thunderbird.csv")
    assert (olga.name, olga.birth_date, olga.comment) == ("Ольга Громова", date(1985, 3, 12), "заметка")
    assert (mobile.name, numbers(mobile)) == ("Только мобильный", ["+79162090005"])


def test_11_freepbx() -> None:
    pavel, other = contacts("11-freepbx.csv")
    assert (pavel.name, pavel.company, pavel.position) == ("Павел Рудин", "Рудник", "директор")
    assert numbers(pavel) == ["+74952110001 доб. 15", "+79162110002"]
    assert [number.label for number in pavel.numbers] == ["work", "mobile"]
    assert other.name == "Только имя"


def test_14_a_list_of_1c_without_its_titles_groups_and_totals() -> None:
    columns, rows = read("14-1c-list.xlsx")
    assert [text for _row, text in columns.above] == ["Контрагенты", 'Отбор: Группа Равно "Покупатели"']
    left = [each.why.message for each in rows if isinstance(each, LeftOut)]
    assert left == ["a heading of a group: Покупатели", "a total: Всего: 3"]
    found = [each for each in rows if isinstance(each, Read | ReadCompany)]
    phones = [each.company.numbers if isinstance(each, ReadCompany) else tuple(numbers(each.draft)) for each in found]
    assert phones == [("+74952140001", "+74952140002"), ("+79162140003",), ("+74952140004",)]
    assert "fax" in found[2].left_out[0].message
