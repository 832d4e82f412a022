"""Employees from files as real spreadsheets write them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxd.book.employees import Employee
from pbxd.errors import InvalidInputError
from pbxd.exchange.cells import BadRow
from pbxd.exchange.employees import SIZE_LIMIT, read_employees
from pbxd.numbers import NumberRules

RULES = NumberRules("RU", "", re.compile(r"^\d{2,5}$"))
IVANOVA = Employee("101", "Иванова Анна", "+79161234567", "+74951234567", "anna@example.com", "Продажи")
HEADS = "extension,name,mobile,did,email,department"
RUSSIAN = "Внутренний номер;ФИО;Мобильный;Городской номер;Почта;Отдел"
LINE = "101,Иванова Анна,8 916 123-45-67,+74951234567,anna@example.com,Продажи"


@pytest.mark.parametrize(
    "data",
    [
        f"{HEADS}\n{LINE}".encode(),
        f"{HEADS}\r\n{LINE}\r\n\r\n".encode("utf-8-sig"),
        f"{RUSSIAN}\r\n{LINE.replace(',', ';')}\r\n".encode("cp1251"),
        f"{RUSSIAN}\n{LINE.replace(',', ';')}".encode(),
        f"{RUSSIAN}\n{LINE}".replace(",", "\t").replace(";", "\t").encode("utf-16"),
        f"{HEADS}\n,,,,,\n{LINE}".encode(),
        f'EXTENSION , Name,mobile,did,email,department,Этаж\n101,"Иванова Анна",{LINE.split(",", 2)[2]},3'.encode(),
    ],
)
def test_every_usual_form_of_the_file(data: bytes) -> None:
    table = read_employees(data, RULES)
    assert table.employees == [IVANOVA]
    assert table.bad == []


def test_columns_nobody_asked_for_are_told() -> None:
    assert read_employees("extension,Этаж,\n101,3,".encode(), RULES).ignored == ["Этаж"]


def test_bad_rows_are_named_and_good_ones_kept() -> None:
    data = "extension,name,mobile,email\n101,A,,\n,B,,\n102,C,привет,\n101,D,,\n103,E,,не почта\n104,F\x00,,\n105,G"
    table = read_employees(data.encode(), RULES)
    assert [employee.extension for employee in table.employees] == ["101", "105"]
    assert [(bad.row, bad.field) for bad in table.bad] == [
        (3, "extension"),
        (4, "mobile"),
        (5, "extension"),
        (6, "emails"),
        (7, "name"),
    ]
    assert table.bad[2] == BadRow(5, "extension", "extension 101 stands in row 2 already")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no column"),
        (b"name,mobile\nA,1", "no column"),
        (b'extension,name\n101,"open', "not a CSV file"),
        (b"\x00\x01\x02PK", "no column"),
        (b"x" * (SIZE_LIMIT + 1), "longer than 10 MB"),
    ],
)
def test_what_is_no_such_file_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(InvalidInputError, match=why) as caught:
        read_employees(data, RULES)
    assert caught.value.field == "file"


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: f"extension,name,mobile\n{text}".encode()))
def test_any_bytes_give_a_table_or_a_refusal(data: bytes) -> None:
    try:
        table = read_employees(data, RULES)
    except InvalidInputError:
        return
    extensions = [employee.extension for employee in table.employees]
    assert len(extensions) == len(set(extensions))
    assert all(extensions)


@given(st.lists(st.from_regex(r"[0-9]{2,5}", fullmatch=True), unique=True), st.sampled_from(";,\t"))
def test_every_extension_written_is_read(extensions: list[str], separator: str) -> None:
    data = "\n".join(separator.join((each, f"Имя {each}")) for each in ["extension", *extensions])
    table = read_employees(data.replace("Имя extension", "name").encode(), RULES)
    assert table.employees == [Employee(each, f"Имя {each}") for each in extensions]
