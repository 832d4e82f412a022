"""Tables keep every letter, and fit a terminal that has room for them."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from pbxd.cli.tables import columns, lay_out

CELL = st.text(st.characters(categories=["L", "N", "P", "Zs", "So", "Mn"]), max_size=60)
TABLE = st.integers(1, 6).flatmap(
    lambda width: st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=1, max_size=6)
)


@given(TABLE, st.none() | st.integers(1, 200))
def test_no_letter_is_lost(rows: list[list[str]], width: int | None) -> None:
    shown = "".join(lay_out(rows, width))
    assert letters(shown) == letters("".join(map("".join, rows)))


def letters(text: str) -> list[str]:
    return sorted(letter for letter in text if not letter.isspace())


@given(TABLE, st.integers(20, 200))
def test_a_table_fits_where_there_is_room_for_its_columns(rows: list[list[str]], width: int) -> None:
    if width >= 10 * len(rows[0]):
        assert all(columns(line) <= width for line in lay_out(rows, width, ruled=True))


def test_columns_stand_below_each_other_whatever_the_script() -> None:
    lines = lay_out(
        [["Id", "Name", "Number"], ["1", "Фронкин", "+7"], ["2", "日本語", "+81"], ["3", "Ёж e\u0301", "+49"]], None
    )
    assert {columns(line[: line.index("+")]) for line in lines[1:]} == {columns(lines[0][: lines[0].index("Number")])}


def test_long_texts_fold_between_words_and_are_ruled_below_the_headings() -> None:
    lines = lay_out([["Name", "Comment"], ["Анна", "звонить только по утрам"]], 21, ruled=True)
    assert lines == ["Name  Comment", "─" * 21, "Анна  звонить только", "      по утрам"]


def test_a_pipe_gets_whole_lines() -> None:
    assert lay_out([["a" * 500, "b"]], None) == ["a" * 500 + "  b"]


HEADS = ["Ид", "Имя", "Номер", "Компания", "Начало"]
LONG = ["7", "Константинопольский Константин Константинович", "+7 777 785-99-54 доб. 123 (рабочий)",
        "ООО «Ромашка и сыновья, поставки цветов»", "29.11.2026 14:05:33"]  # fmt: skip


@given(st.integers(40, 120), st.booleans())
def test_numbers_dates_and_ids_are_never_broken(width: int, cut: bool) -> None:
    lines = lay_out([HEADS, LONG], width, ruled=True, cut=cut)
    assert all(columns(line) <= width for line in lines)
    assert any("+7 777 785-99-54" in line for line in lines)
    assert any("29.11.2026" in line for line in lines)


def test_a_list_cuts_long_names_and_stays_one_line_a_row() -> None:
    lines = lay_out(
        [["Имя", "Номер"], ["Константинопольский Константин", "+7 777 785-99-54"]], 40, ruled=True, cut=True
    )
    assert len(lines) == 3
    assert re.fullmatch(r"Константинополь\S* ?\S*…  \+7 777 785-99-54", lines[2])
    assert columns(lines[2]) <= 40


def test_a_list_of_numbers_is_cut_between_numbers() -> None:
    (line,) = lay_out([["Лютик", ", ".join(["+7 777 785-99-54"] * 4)]], 50, cut=True)
    assert line == "Лютик  +7 777 785-99-54, +7 777 785-99-54, …"
