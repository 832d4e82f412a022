"""Cells: what we write is read back as it was, and what people write is understood."""

import re
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxd.book.contacts import ContactDraft, ContactNumber, checked
from pbxd.book.fields import BUILT_IN
from pbxd.errors import InvalidInputError
from pbxd.exchange import cells
from pbxd.exchange.cells import BadRow
from pbxd.exchange.columns import Columns
from pbxd.exchange.phone_cells import PhoneReader
from pbxd.exchange.row_drafts import How, LeftOut, Read, ReadCompany, RowReader
from pbxd.numbers import NumberRules

RULES = NumberRules("RU", "", re.compile(r"^\d{2,5}$"))
LINES = st.text(st.characters(exclude_categories=("C", "Z")) | st.sampled_from(" ;\",:'=+"), min_size=1, max_size=12)
NUMBERS = st.builds(
    ContactNumber,
    st.integers(79_000_000_000, 79_999_999_999).map(lambda number: f"+{number}"),
    extension=st.from_regex(r"[0-9*#A-DwW]{0,6}", fullmatch=True),
    label=LINES.map(str.strip),
)


@given(st.lists(LINES.map(str.strip).filter(bool)))
def test_several_values_in_a_cell_come_back(values: list[str]) -> None:
    assert cells.split_values(cells.join_values(values)) == values


@given(st.lists(NUMBERS, min_size=1, max_size=4, unique_by=lambda each: (each.number, each.extension)), st.data())
def test_numbers_in_a_cell_come_back_with_label_extension_and_main(
    numbers: list[ContactNumber], data: st.DataObject
) -> None:
    main = data.draw(st.integers(0, len(numbers) - 1))
    flagged = [ContactNumber(n.number, "", n.extension, n.label, place == main) for place, n in enumerate(numbers)]
    kept = checked(ContactDraft("A", numbers=tuple(flagged))).numbers
    read = PhoneReader(RULES).read(cells.write_numbers(kept)).numbers
    again = checked(ContactDraft("A", numbers=tuple(read))).numbers
    assert [(n.number, n.extension, n.label, n.main) for n in again] == [
        (n.number, n.extension, n.label, n.main) for n in kept
    ]


@given(st.text())
def test_the_guard_comes_off_as_it_went_on(text: str) -> None:
    guarded = cells.guard_formula(text)
    assert cells.unguard_formula(guarded) == text
    assert not re.match(r"[=+\-@\t\r]", guarded) or re.fullmatch(r"\+[1-9][0-9]{1,14}", guarded)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("8 (495) 123-45-67 доб. 123", [("+74951234567", "123", "")]),
        ("84951234567 ext 12", [("+74951234567", "12", "")]),
        ("84951234567#12", [("+74951234567", "12", "")]),
        ("84951234567,12", [("+74951234567", "12", "")]),
        ("89161234567, 89161234568", [("+79161234567", "", ""), ("+79161234568", "", "")]),
        ("89161234567; 89161234568", [("+79161234567", "", ""), ("+79161234568", "", "")]),
        ("89161234567\n89161234568", [("+79161234567", "", ""), ("+79161234568", "", "")]),
        ("89161234567 ::: 89161234568", [("+79161234567", "", ""), ("+79161234568", "", "")]),
        ("моб: 8 916 123-45-67", [("+79161234567", "", "mobile")]),
        ("79161234567.0", [("+79161234567", "", "")]),
        ("", []),
    ],
)  # fmt: skip
def test_numbers_as_people_write_them(text: str, read: list[tuple[str, str, str]]) -> None:
    assert [(each.number, each.extension, each.label) for each in PhoneReader(RULES).read(text).numbers] == read


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("84951234567/123", "not a"),
        ("84951234567/68 доб. 5", "not a"),
        ("7,9E+10", "shortened"),
        ("7.9161E+10", "shortened"),
        ("101", "not a phone"),
        ("x", "not"),
    ],
)
def test_what_is_no_number_is_said_so(text: str, why: str) -> None:
    with pytest.raises(InvalidInputError, match=why):
        PhoneReader(RULES).read(text)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("31.12.1980", date(1980, 12, 31)), ("1980-12-31", date(1980, 12, 31)), ("19801231", date(1980, 12, 31)),
        ("12/31/1980", date(1980, 12, 31)), ("31/12/1980", date(1980, 12, 31)),
        ("1980-12-31T00:00:00", date(1980, 12, 31)),
        ("", None), ("0/0/00", None), ("--12-31", None),
    ],
)  # fmt: skip
def test_dates(text: str, read: date | None) -> None:
    assert cells.read_day("birth_date", text) == read


@pytest.mark.parametrize("text", ["01/02/1980", "31.13.1980", "вчера"])
def test_dates_that_are_none_or_could_be_two(text: str) -> None:
    with pytest.raises(InvalidInputError, match=r"not a date|two ways"):
        cells.read_day("birth_date", text)


def test_everything_wrong_in_a_row_is_told_at_once() -> None:
    columns = Columns(("a", "b", "c", "d", "e"), ("name", "number", "vip", "birth_date", "email"), 1)
    bad = RowReader(columns, RULES, BUILT_IN).read(7, ["", "x", "может быть", "вчера", "belov@"])
    assert isinstance(bad, BadRow)
    assert (bad.row, bad.field) == (7, "name")
    wrong = ("a name is needed", "not a phone number", "neither yes", "not a date", "not an e-mail address")
    assert all(part in bad.message for part in wrong)


def test_a_row_says_only_what_its_cells_say() -> None:
    columns = Columns(("a", "b", "c", "d"), ("name", "number", "vip", "comment"), 1)
    read = RowReader(columns, RULES, BUILT_IN).read(2, ["Анна", "89161234567", "нет", ""])
    assert isinstance(read, Read)
    assert read.given == {"name", "numbers", "vip"}


@pytest.mark.parametrize(
    ("text", "read", "left"),
    [
        ("8 916 201-00-01/8 916 201-00-02", ["+79162010001", "+79162010002"], 0),
        ("тел. 84951234567", ["+74951234567"], 0),
        ("8 916 123-45-67 (Анна)", ["Анна: +79161234567"], 0),
        ("моб. 89161234567, раб. 84951234567", ["mobile: +79161234567", "work: +74951234567"], 0),
        ("(495) 214-00-01, 214-00-02", ["+74952140001", "+74952140002"], 0),
        ("(4852) 21-40-01, 21-40-02", ["+74852214001", "+74852214002"], 0),
        ("тел.: +7 (495) 214-00-04; факс: 214-00-05", ["+74952140004"], 1),
        ("тел/факс: 84951234567", ["+74951234567"], 0),
        ("8 (495) 123-45-67/68", ["+74951234567", "+74951234568"], 0),
        ("(495) 123-45-67 / 68 / 70-01 (склад)", [f"склад: +7495123{last}" for last in ("4567", "4568", "7001")], 0),
        ("8 495 123-45-67 (офис) доб. 5", ["офис: +74951234567 доб. 5"], 0),
        ("8 495 123-45-67 - склад, доб. 12", ["склад: +74951234567 доб. 12"], 0),
        ("8 (495) 123-45-67 доб. 123 (Анна)", ["Анна: +74951234567 доб. 123"], 0),
        ("8 916 201-00-01 8 916 201-00-02", ["+79162010001", "+79162010002"], 0),
        ("нет", [], 0),
    ],
)  # fmt: skip
def test_phones_as_other_programs_and_people_write_them(text: str, read: list[str], left: int) -> None:
    found = PhoneReader(RULES, foreign=True).read(text)
    assert [cells.write_numbers([number]) for number in found.numbers] == read
    assert len(found.left_out) == left


@pytest.mark.parametrize(
    "text", ["12 марта 1985", "12 мар. 1985 г.", "March 12, 1985", "12-Mar-1985", "31118", "12.03.85"]
)
def test_dates_in_words_and_as_spreadsheets_count_them(text: str) -> None:
    assert cells.read_day("birth_date", text) == date(1985, 3, 12)


def test_a_lenient_reader_names_what_it_leaves_out() -> None:
    columns = Columns(("ФИО", "Тел", "Почта", "ДР"), ("name", "number", "email", "birth_date"), 1, foreign=True)
    texts = ["Анна", "x; 89161234567", "неверная", "01.01.2030"]
    today = date(2026, 11, 29)
    strict = RowReader(columns, RULES, BUILT_IN, how=How(today=today)).read(2, texts)
    assert isinstance(strict, BadRow)
    assert all(part in strict.message for part in ("Тел: not a phone number: x", "ДР: a date of birth in the future"))
    read = RowReader(columns, RULES, BUILT_IN, how=How(lenient=True, today=today)).read(2, texts)
    assert isinstance(read, Read)
    assert [number.number for number in read.draft.numbers] == ["+79161234567"]
    assert (read.draft.emails, read.draft.birth_date) == ((), None)
    assert sorted(each.field for each in read.left_out) == ["birth_date", "email", "number"]


@pytest.mark.parametrize(
    ("fields", "texts", "name"),
    [
        ("first_name last_name middle_name", ["Лев", "Толстой", "Николаевич"], "Толстой Лев Николаевич"),
        ("middle_name first_name", ["Николаевич", "Лев"], "Лев Николаевич"),
        ("last_name name", ["Толстой", "Лев"], "Толстой Лев"),
        ("name last_name", ["Лев Толстой", "Толстой"], "Лев Толстой"),
        ("last_name", ["Толстой", ""], "Толстой"),
        ("first_name last_name", ["John", "Smith"], "John Smith"),
    ],
)  # fmt: skip
def test_names_from_parts_in_any_order_and_subset(fields: str, texts: list[str], name: str) -> None:
    parts = (*fields.split(), "number")
    read = RowReader(Columns(parts, parts, 1), RULES, BUILT_IN).read(2, [*texts[: len(parts) - 1], "89161234567"])
    assert isinstance(read, Read)
    assert read.draft.name == name


@pytest.mark.parametrize("nothing", ["-", "—", "--"])
def test_dashes_and_words_for_nothing_are_no_values(nothing: str) -> None:
    parts = ("name", "last_name", "number", "company", "position", "tags", "manager", "comment")
    columns = Columns(parts, parts, 1, foreign=True)
    row = ["Анна", nothing, "89161234567", *[nothing] * 5]
    expected = checked(ContactDraft("Анна", numbers=(ContactNumber("+79161234567", main=True),)))
    for texts in (row, [*row[:3], "не указано", "", "", "нет", ""]):
        read = RowReader(columns, RULES, BUILT_IN).read(2, texts)
        assert isinstance(read, Read)
        assert replace(read.draft, numbers=()) == replace(expected, numbers=())
        assert not read.given & {"tags", "position"}


def test_comments_and_styles_of_a_web_page_are_no_text() -> None:
    text = "<!-- Word --><style>p {color: red}</style><h1>Звонить</h1><p>после <sup>11</sup></p>"
    assert cells.without_markup(text).split() == ["Звонить", "после", "11"]


def test_a_company_names_the_extensions_that_it_does_not_take() -> None:
    columns = Columns(("Компания", "Телефон"), ("company", "number"), 1, foreign=True)
    read = RowReader(columns, RULES, BUILT_IN).read(2, ["Волна", "84951234567 доб. 5; 84951234568"])
    assert isinstance(read, ReadCompany)
    assert read.company.numbers == ("+74951234567", "+74951234568")
    assert [each.message for each in read.left_out] == ["a company has no extensions: 84951234567 доб. 5"]


def test_a_company_called_total_is_no_total() -> None:
    columns = Columns(("Компания", "Телефон"), ("company", "number"), 1, foreign=True)
    reader = RowReader(columns, RULES, BUILT_IN)
    assert isinstance(reader.read(2, ["Total Oil", "8 (495) 123-45-67"]), ReadCompany)
    assert isinstance(reader.read(3, ["Итого: 4", "4"]), LeftOut)
