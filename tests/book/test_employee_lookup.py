"""Whom a text means: an extension, or a full name."""

from __future__ import annotations

import pytest

from pbxd import i18n
from pbxd.book.employee_lookup import EmployeeLookup
from pbxd.book.employees import Employee
from pbxd.errors import InvalidInputError

STAFF = EmployeeLookup(
    [
        Employee("101", "Сидорова Мария Петровна"),
        Employee("102", "Иванова Анна Сергеевна"),
        Employee("103", "Иванова Анна Олеговна"),
        Employee("104", "Артём Орлов"),
        Employee("", "Котов Борис", active=False, id=7),
        Employee("106", "Котов Борис"),
        Employee("107", "Лосева Вера", active=False),
        Employee("108", listed=False),
        Employee("109", "Анна"),
    ]
)


@pytest.mark.parametrize(
    ("text", "extension"),
    [
        ("101", "101"),
        (" 101.0 ", "101"),
        ("Сидорова Мария Петровна", "101"),
        ("мария петровна СИДОРОВА", "101"),
        ("Мария Сидорова", "101"),  # as programs without patronymics have it
        ("Сидорова, Мария", "101"),
        ("Артем Орлов", "104"),
        ("Орлов Артём Игоревич", "104"),
        ("Котов Борис", "106"),  # who works here comes before who has left
        ("Лосева Вера", "107"),
        ("108", "108"),  # known by extension only
        ("Анна", "109"),
        ("Иванова Анна Олеговна", "103"),
        ("102 Иванова Анна", "102"),
        ("Иванова Анна (103)", "103"),
        ("Сидорова М.П.", "101"),
        ("Сидорова М. П.", "101"),
        ("М.П. Сидорова", "101"),
        ("сидорова м", "101"),
        ("Иванова А.О.", "103"),
        ("102 Иванова А.С.", "102"),
        ("Орлов А.И.", "104"),  # the book has no patronymic
        ("Котов Б.", "106"),
    ],
)
def test_an_extension_or_a_full_name_finds_one_employee(text: str, extension: str) -> None:
    assert STAFF.find("manager", text).extension == extension


@pytest.mark.parametrize(
    "text",
    [
        "999",
        "Сидорова",
        "Мария",
        "Пётр Первый",
        "",
        "101 Иванова Анна",
        "Мария Петровна И.",
        "Сидорова О.П.",
        "М.П.",
        "103 Иванова А.С.",
    ],
)
def test_an_unknown_one_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        STAFF.find("manager", text)
    assert refused.value.field == "manager"
    assert text in str(refused.value)


def test_a_name_of_several_says_who_they_are() -> None:
    i18n.use("ru")
    with pytest.raises(InvalidInputError) as refused:
        STAFF.find("manager", "Анна Иванова")
    assert str(refused.value) == (
        "сотрудников с именем «Анна Иванова» несколько: 102 Иванова Анна Сергеевна, 103 Иванова Анна Олеговна; "
        "укажите внутренний номер"
    )


def test_initials_that_several_have_are_refused_with_the_candidates() -> None:
    with pytest.raises(InvalidInputError, match=r"102 Иванова Анна Сергеевна, 103 Иванова Анна Олеговна"):
        STAFF.find("manager", "Иванова А.")
