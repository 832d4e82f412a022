"""What a row fills in, and what of it is not taken and therefore named, with the heading of its column."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from pbxd.book.employee_lookup import EmployeeLookup
from pbxd.book.employees import Employee
from pbxd.book.fields import BUILT_IN
from pbxd.exchange import tables
from pbxd.exchange.cells import BadRow
from pbxd.exchange.columns import Headings, mapping
from pbxd.exchange.row_drafts import How, LeftOut, Read, ReadCompany, RowReader
from pbxd.numbers import NumberRules

RULES = NumberRules("RU", "", re.compile(r"^\d{2,5}$"))
PEOPLE = EmployeeLookup([Employee("101", "Иванова Анна", id=7), Employee("102", "Петров Пётр", id=8)])
TODAY = date(2026, 11, 29)
NUMBER = "89161234567"


def read(heads: str, texts: str, *mapped: str, lenient: bool = False) -> Read | ReadCompany | LeftOut | BadRow:
    columns = Headings(mapped=mapping(mapped, BUILT_IN)).columns(heads.split(";"), 0)
    return RowReader(columns, RULES, BUILT_IN, PEOPLE, How(lenient, TODAY)).read(2, texts.split(";"))


def person(heads: str, texts: str, *mapped: str, lenient: bool = False) -> Read:
    found = read(heads, texts, *mapped, lenient=lenient)
    assert isinstance(found, Read), found
    return found


def named(found: Read | ReadCompany) -> list[str]:
    return [each.message for each in found.left_out]


@pytest.mark.parametrize(
    ("head", "text", "lenient"),
    [
        ("Дата рождения", "0/0/00", False),
        ("Дата рождения", "--03-12", False),
        ("Дата рождения", "вчера", True),
        ("Теги", "* myContacts", False),
        ("Теги", ", ,", False),
        ("Комментарий", "<br />", False),
        ("Рабочий телефон", "факс 84951234567", False),
        ("E-mail", "anna@", True),
        ("VIP", "может быть", True),
        ("VIP", "не указано", False),
        ("Менеджер", "Никто", True),
    ],
)
def test_a_cell_of_which_nothing_is_read_fills_in_nothing(head: str, text: str, lenient: bool) -> None:
    """An update changes what is given: what is known must not be lost to such a cell."""
    reachable, whom = ("E-mail", "a@x.ru") if "телефон" in head else ("Телефон", NUMBER)
    found = person(f"ФИО;{reachable};{head}", f"Анна;{whom};{text}", lenient=lenient)
    assert found.given == {"name", "emails" if "телефон" in head else "numbers"}


@pytest.mark.parametrize("no", ["нет", "No", "0", "false"])
def test_a_no_is_an_answer(no: str) -> None:
    found = person("ФИО;Телефон;VIP", f"Анна;{NUMBER};{no}")
    assert found.draft.vip is False
    assert found.given == {"name", "numbers", "vip"}


def test_a_company_loses_nothing_where_nothing_was_read() -> None:
    firm = read("ФИО;Компания;Телефон;Дата рождения;VIP", f";Лютик;{NUMBER};0/0/00;нет")
    assert isinstance(firm, ReadCompany)
    assert firm.lost == ()


@pytest.mark.parametrize(
    ("heads", "texts", "taken", "left"),
    [
        ("Ответственный;Менеджер", "Петров Пётр;101", ("manager", "102"), ["Ответственный: a second value: 101"]),
        ("Ответственный;Менеджер", "Петров Пётр;Никто", ("manager", "102"), ["Ответственный: a second value: Никто"]),
        ("Ответственный;Менеджер", "Иванова Анна;101", ("manager", "101"), []),
        ("Ответственный;Менеджер", "нет;101", ("manager", "101"), []),
        ("VIP;vip", "да;нет", ("vip", True), ["VIP: a second value: нет"]),
        ("VIP;vip", "нет;да", ("vip", False), ["VIP: a second value: да"]),
        ("Дата рождения;Birthday", "1.2.1980;3.4.1990", ("birth_date", date(1980, 2, 1)),
         ["Дата рождения: a second value: 3.4.1990"]),
        ("Дата рождения;Birthday", "0/0/00;3.4.1990", ("birth_date", date(1990, 4, 3)), []),
        ("Дата рождения;Birthday", "1.2.1980;1980-02-01", ("birth_date", date(1980, 2, 1)), []),
    ],
)  # fmt: skip
def test_a_second_value_is_named(heads: str, texts: str, taken: tuple[str, object], left: list[str]) -> None:
    found = person(f"ФИО;Телефон;{heads}", f"Анна;{NUMBER};{texts}")
    assert getattr(found.draft, taken[0]) == taken[1]
    assert named(found) == left


def test_what_cannot_be_read_is_named_before_the_next_value_is_taken() -> None:
    found = person("ФИО;Телефон;Ответственный;Менеджер", f"Анна;{NUMBER};Никто;101", lenient=True)
    assert (found.draft.manager, len(found.left_out)) == ("101", 1)
    assert "Никто" in found.left_out[0].message
    assert isinstance(read("ФИО;Телефон;Ответственный;Менеджер", f"Анна;{NUMBER};Никто;101"), BadRow)


@pytest.mark.parametrize(
    ("heads", "texts", "labels", "left"),
    [
        ("Телефон;Подпись телефона", f"{NUMBER};Дача", ["Дача"], []),
        ("Телефон;Подпись телефона;Телефон 2;Phone label", f"{NUMBER};Дача;89161234568;Склад", ["Дача", "Склад"], []),
        ("Подпись телефона;Телефон;Phone label", f"Дача;{NUMBER};Склад", ["Склад"],
         ["a label without a number: Дача"]),
        ("Мобильный;Подпись телефона", f"{NUMBER};Дача", ["mobile"], ["a label without a number: Дача"]),
        ("Мобильный;Подпись телефона", f"{NUMBER};сотовый", ["mobile"], []),
        ("Телефон;Телефон 2;Подпись телефона", f"{NUMBER};;Дача", [""], ["a label without a number: Дача"]),
        ("Телефон;Подпись телефона", f"{NUMBER};-", [""], []),
    ],
)  # fmt: skip
def test_a_label_is_that_of_a_number_or_is_named(heads: str, texts: str, labels: list[str], left: list[str]) -> None:
    found = person(f"ФИО;{heads}", f"Анна;{texts}")
    assert [number.label for number in found.draft.numbers] == labels
    assert [text.partition(": ")[2] for text in named(found)] == left


def test_mapped_columns_name_a_number_and_its_label() -> None:
    found = person("ФИО;D;E", f"Анна;{NUMBER};Дача", "D=number", "E=label")
    assert [number.label for number in found.draft.numbers] == ["Дача"]


@pytest.mark.parametrize(
    ("heads", "texts", "extensions", "left"),
    [
        ("Добавочный;Телефон", f"12;{NUMBER}", ["12"], []),
        ("Добавочный;Телефон", f"12;{NUMBER} доб. 5", ["5"], ["a second value: 12"]),
        ("E-mail;Добавочный", "a@x.ru;12", [], ["an extension without a number: 12"]),
        ("Телефон;Добавочный", f"{NUMBER};-", [""], []),
    ],
)
def test_an_extension_is_that_of_a_number_or_is_named(
    heads: str, texts: str, extensions: list[str], left: list[str]
) -> None:
    found = person(f"ФИО;{heads}", f"Анна;{texts}")
    assert [number.extension for number in found.draft.numbers] == extensions
    assert [text.partition(": ")[2] for text in named(found)] == left


def test_an_unreadable_extension_costs_no_number() -> None:
    found = person("ФИО;Телефон;Добавочный", f"Анна;{NUMBER};приёмная", lenient=True)
    assert [number.number for number in found.draft.numbers] == ["+79161234567"]
    assert named(found) == ["Телефон: not an extension: приёмная"]


def test_a_lenient_row_that_goes_back_says_what_was_left_out() -> None:
    bad = read("ФИО;Телефон;Дата рождения", "Минск;80293010047;вчера", lenient=True)
    assert isinstance(bad, BadRow)
    assert bad.message == (
        "Телефон: a contact needs a phone number or an e-mail; "
        "Телефон: not a number of this country: 80293010047; write it with its country code: +375 29 301-00-47; "
        "Дата рождения: not a date (write it as 31.12.1980): вчера"
    )


@pytest.mark.parametrize(
    ("heads", "texts", "message"),
    [
        ("ФИО;Телефон", f";{NUMBER}", "ФИО: a name is needed"),
        ("Фамилия;Имя;Телефон", f";;{NUMBER}", "Фамилия: a name is needed"),
        ("ФИО;Мобильный;Комментарий", "Анна;;x", "Мобильный: a contact needs a phone number or an e-mail"),
        ("ФИО;Почта;Комментарий", "Анна;;x", "Почта: a contact needs a phone number or an e-mail"),
    ],
)
def test_what_an_empty_cell_lacks_is_told_with_its_column(heads: str, texts: str, message: str) -> None:
    bad = read(heads, texts)
    assert isinstance(bad, BadRow)
    assert bad.message == message


def test_a_row_with_text_in_no_imported_column_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text(f"ФИО;Телефон;Статус;Что исправить\nАнна;{NUMBER};;\n;;Клиент без имени;\n;;;нет имени\n", "utf-8")
    table = tables.open_table(file, sheet="", headings=Headings(), low_memory=False)
    reader = RowReader(table.columns, RULES, BUILT_IN)
    anna, other = [reader.read(row, texts) for row, texts in table.rows]
    assert isinstance(anna, Read)
    assert other == LeftOut(BadRow(3, "", "nothing in the columns that are imported: Клиент без имени"))
