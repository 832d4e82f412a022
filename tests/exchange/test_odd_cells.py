"""Cells of other programs' tables that say nothing, and labels of numbers in columns of their own."""

from __future__ import annotations

import re

import pytest

from pbxd.book.contacts import ContactDraft
from pbxd.book.fields import BUILT_IN
from pbxd.exchange.columns import Headings
from pbxd.exchange.row_drafts import Read, RowReader
from pbxd.numbers import NumberRules

RULES = NumberRules("RU", "", re.compile(r"^\d{2,5}$"))


def read(heads: str, texts: str) -> Read:
    columns = Headings().columns(heads.split(","), 0)
    found = RowReader(columns, RULES, BUILT_IN).read(2, texts.split(","))
    assert isinstance(found, Read), found
    return found


@pytest.mark.parametrize("nothing", ["нет почты", "Нет", "-", "—", "нет данных", "N/A"])
def test_a_cell_that_says_nothing_is_empty(nothing: str) -> None:
    heads = "ФИО,Телефон,E-mail,Компания,Должность,Менеджер,Комментарий,Теги,Дата рождения,Отчество"
    found = read(heads, ",".join(["Анна", "89161234567", *[nothing] * 8]))
    assert found.given == {"name", "numbers"}
    assert found.draft == ContactDraft("Анна", numbers=found.draft.numbers)


def test_a_person_may_be_called_so() -> None:
    assert read("Фамилия,Имя,Телефон", "No,Kim,89161234567").draft.name == "Kim No"


@pytest.mark.parametrize(
    ("heads", "texts", "labels"),
    [
        # The label of an empty number is no other number's.
        ("Phone 1 - Label,Phone 1 - Value,Phone 2 - Value", "Дача,,89161234567", [""]),
        ("Phone 1 - Label,Phone 1 - Value,Phone 2 - Label,Phone 2 - Value", "Дача,,,89161234567", [""]),
        # Columns that somebody has moved.
        (
            "Phone 1 - Value,Phone 1 - Label,Phone 2 - Value,Phone 2 - Label",
            "89161234567,Дача,89161234568,Склад",
            ["Дача", "Склад"],
        ),
        (
            "Phone 1 - Label,Phone 2 - Label,Phone 1 - Value,Phone 2 - Value",
            "Дача,Склад,89161234567,89161234568",
            ["Дача", "Склад"],
        ),
        ("Подпись телефона,Телефон,Телефон 2", "Дача,89161234567,89161234568", ["Дача", ""]),
        ("Телефон,Подпись телефона,Телефон 2", "89161234567,Дача,89161234568", ["", "Дача"]),
    ],
)
def test_a_label_belongs_to_the_number_with_its_heading(heads: str, texts: str, labels: list[str]) -> None:
    found = read(f"First Name,{heads}", f"Анна,{texts}")
    assert [number.label for number in found.draft.numbers] == labels
