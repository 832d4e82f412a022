"""Plain rows: read with few steps, they are what they are when read with care."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxd.book.employee_lookup import EmployeeLookup
from pbxd.book.employees import Employee
from pbxd.book.fields import BUILT_IN, Field
from pbxd.exchange import row_kinds
from pbxd.exchange.columns import Columns
from pbxd.exchange.row_drafts import How, Read, RowReader
from pbxd.i18n import Texts
from pbxd.numbers import NumberRules

RULES = NumberRules("RU", "", re.compile(r"^\d{2,5}$"))
PEOPLE = EmployeeLookup([Employee("101", "Иванова Анна", id=7)])
REGISTRY = BUILT_IN.extended(Field("district", "text", Texts("District", "Район")))
TABLES = (
    ("name", "number", "email", "company", "position", "manager", "vip", "comment", "tags", "birth_date"),
    ("last_name", "first_name", "middle_name", "mobile", "work", "email", "email", "comment", "district", "id"),
    ("label", "number", "extension", "name", "titled_number", "owner", "", "birth_day", "birth_month", "birth_year"),
)
CELLS = st.sampled_from(
    (
        "", " ", "-", "Анна", " Анна  Иванова ", "Ёлкин", "A<br />B", "&quot;Лютик&quot;", "Лютик\nМак", "x" * 201,
        "\x07", "+79161234567", "89161234567", "8 (916) 123-45-67", "123456", "101", "+79161234567 доб. 5",
        "моб. 89161234567", "80291234567", "+4930123456", "89161234567; 89161234568", "a@example.org", "a@b",
        "A@Example.org ", "a@x.org, b@x.org", "почта@пример.рф", "да", "нет", "может быть", "опт; юг", "31.12.1980",
        "31.12.2180", "3/4/1980", "1980", "12", "январь", "Иванова Анна", "Никто", "Факс", "5", "нет почты", "—",
        "0/0/00", "* myContacts", ", ,",
    )
)  # fmt: skip


@given(
    st.sampled_from(TABLES),
    st.booleans(),
    st.booleans(),
    st.lists(st.lists(CELLS, min_size=1, max_size=10), min_size=1, max_size=5),
)
def test_every_row_is_read_as_with_care(
    fields: tuple[str, ...], foreign: bool, lenient: bool, rows: list[list[str]]
) -> None:
    heads = tuple(field or "Прочее" for field in fields)
    how = How(lenient, date(2026, 11, 29))
    columns = Columns(heads, fields, 0, foreign=foreign)
    reader = RowReader(columns, RULES, REGISTRY, PEOPLE, how)
    fresh = RowReader(columns, RULES, REGISTRY, PEOPLE, how)
    for row in [*rows, *rows]:  # the second time from memory
        if not row_kinds.no_contact(row, columns):
            assert reader.read(2, row) == fresh.read_with_care(2, row)


@pytest.mark.parametrize("number", ["+79161234567", "89161234567"])
def test_a_plain_row_is_a_contact(number: str) -> None:
    texts = ["Анна", number, "a@example.org", "Лютик", "директор", "101", "да", "Звонить", "опт; юг", "31.12.1980"]
    columns = Columns(TABLES[0], TABLES[0], 0, foreign=True)
    read = RowReader(columns, RULES, REGISTRY, PEOPLE).read(2, texts)
    assert isinstance(read, Read)
    assert (read.draft.numbers[0].number, read.draft.numbers[0].main) == ("+79161234567", True)
    assert (read.draft.manager, read.draft.manager_id, read.draft.tags) == ("101", 7, ("опт", "юг"))
    assert read.given == {
        "name", "numbers", "emails", "company", "position", "manager", "vip", "comment", "tags", "birth_date",
    }  # fmt: skip
