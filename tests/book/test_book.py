from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxd.book.contacts import ContactDraft, ContactNumber, checked
from pbxd.book.employees import Employee, checked_employee
from pbxd.book.texts import folded, number_matches
from pbxd.errors import InvalidInputError

NUMBER = ContactNumber("+79161234567")
GOOD = ContactDraft("Фронкин Игорь", numbers=(NUMBER,))


def refused(draft: ContactDraft) -> str:
    with pytest.raises(InvalidInputError) as caught:
        checked(draft)
    assert str(caught.value)
    assert "\n" not in str(caught.value)
    return caught.value.field


def test_a_good_draft_is_trimmed_and_gets_a_main_number() -> None:
    draft = ContactDraft("  Игорь\t", company=" Ромашка ", numbers=(NUMBER,), emails=(" a@b.ru ",), tags=("", " VIP "))
    good = checked(draft)
    assert (good.name, good.company, good.emails, good.tags) == ("Игорь", "Ромашка", ("a@b.ru",), ("VIP",))
    assert good.numbers == (replace(NUMBER, main=True),)
    assert checked(good) == good


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": " \t"}, "name"),
        ({"name": "я" * 201}, "name"),
        ({"name": "а\nб"}, "name"),
        ({"name": "а\0б"}, "name"),
        ({"name": "а\x1b[31mб"}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"company": "а\rб"}, "company"),
        ({"position": "я" * 201}, "position"),
        ({"comment": "а\0"}, "comment"),
        ({"comment": "а\rб"}, "comment"),
        ({"comment": "я" * 10_001}, "comment"),
        ({"manager": "1 0"}, "manager"),
        ({"manager": "٣"}, "manager"),
        ({"emails": ("нет",)}, "emails"),
        ({"emails": ("a@b",)}, "emails"),
        ({"emails": ("a b@c.ru",)}, "emails"),
        ({"emails": ("a@b@c.ru",)}, "emails"),
        ({"emails": ("a@b.ru\nBcc: c@d.ru",)}, "emails"),
        ({"emails": ("a@" + "b" * 250 + ".ru",)}, "emails"),
        ({"emails": tuple(f"a{number}@b.ru" for number in range(21))}, "emails"),
        ({"tags": ("я" * 51,)}, "tags"),
        ({"tags": tuple(f"{number}" for number in range(51))}, "tags"),
        ({"visibility": "secret"}, "visibility"),
        ({"visibility": "personal"}, "owner"),
        ({"owner": "101"}, "owner"),
        ({"visibility": "personal", "owner": "x y"}, "owner"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], field: str) -> None:
    assert refused(replace(GOOD, **changes)) == field


@pytest.mark.parametrize("extension", ["12a", "1,2", "1;2", "1 2", "1\n", "٣", "D123E", "1" * 33, "${X}", ")"])
def test_extensions_that_no_telephone_can_dial(extension: str) -> None:
    assert refused(replace(GOOD, numbers=(replace(NUMBER, extension=extension),))) == "numbers"


@pytest.mark.parametrize("extension", ["", "123", "w1W2", "*#ABCD", "1" * 32])
def test_extensions_that_can_be_dialled(extension: str) -> None:
    assert checked(replace(GOOD, numbers=(replace(NUMBER, extension=extension),))).numbers[0].extension == extension


@pytest.mark.parametrize(
    "number", ["89161234567", "79161234567", "+", "+0123456", "+7916123456789012", "+7916\n", "+٧"]
)
def test_numbers_that_arent_e164(number: str) -> None:
    assert refused(replace(GOOD, numbers=(ContactNumber(number),))) == "numbers"


def test_exactly_one_main_number() -> None:
    first, second = NUMBER, ContactNumber("+79161234568")
    assert [each.main for each in checked(replace(GOOD, numbers=(first, second))).numbers] == [True, False]
    flagged = checked(replace(GOOD, numbers=(first, replace(second, main=True)))).numbers
    assert [each.main for each in flagged] == [False, True]
    assert refused(replace(GOOD, numbers=(replace(first, main=True), replace(second, main=True)))) == "numbers"
    assert checked(replace(GOOD, numbers=())).numbers == ()


def test_a_number_given_twice_is_one() -> None:
    twice = (NUMBER, replace(NUMBER, extension="1"), replace(NUMBER, label="офис", main=True))
    kept = checked(replace(GOOD, numbers=twice)).numbers
    assert [(each.extension, each.label, each.main) for each in kept] == [("", "офис", True), ("1", "", False)]


def test_too_many_numbers() -> None:
    many = tuple(ContactNumber(f"+7916{number:07}") for number in range(51))
    assert refused(replace(GOOD, numbers=many)) == "numbers"
    assert len(checked(replace(GOOD, numbers=many[:50])).numbers) == 50


def test_repeated_emails_and_tags_are_one() -> None:
    draft = replace(GOOD, emails=("A@b.ru", "a@B.ru"), tags=("Опт", "ОПТ", "опт "))
    assert (checked(draft).emails, checked(draft).tags) == (("A@b.ru",), ("Опт",))


def test_a_comment_has_lines() -> None:
    assert checked(replace(GOOD, comment="раз\r\nдва\n\tтри\n")).comment == "раз\nдва\n\tтри"


def test_folding() -> None:
    assert folded("  ЁЛКА \n Зелёная ") == "елка зеленая"
    assert folded("Straße ＡＢＣ") == "strasse abc"
    assert folded("и\u0306") == folded("Й")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("8 916", True), ("+7 (916)", True), ("7916", True), ("4567", True), ("916 123-45-67", True),
        ("89161234567", True),
        ("810 7 916", True), ("007916", True), ("0916", True), ("+916", False), ("8 917", False), ("+4567", False),
        ("анна", False), ("", False), ("+", False), ("8", False),
    ],
)  # fmt: skip
def test_a_number_is_found_by_a_fragment_in_any_notation(text: str, *, found: bool) -> None:
    assert number_matches("+79161234567", text) is found


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    assert folded(folded(text)) == folded(text)


@given(st.builds(ContactDraft, st.text(), st.text(), comment=st.text(), tags=st.lists(st.text()).map(tuple)))
def test_what_is_accepted_is_clean_and_stays_accepted(draft: ContactDraft) -> None:
    try:
        good = checked(draft)
    except InvalidInputError:
        return
    assert good.name == good.name.strip() != ""
    assert checked(good) == good
    for text in (good.name, good.company, *good.tags):
        assert text.isprintable() or not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in text)
    assert "\0" not in good.comment


def test_employees() -> None:
    full = Employee("101", " Анна ", "+79161112233", "+74951234567", "a@b.ru", "Продажи")
    assert checked_employee(full) == replace(full, name="Анна")
    for bad, field in (
        (Employee(""), "extension"),
        (Employee("1 2"), "extension"),
        (Employee("101", "а\n\0б"), "name"),
        (Employee("101", mobile="8916"), "mobile"),
        (Employee("101", did="0"), "did"),
        (Employee("101", department="я" * 201), "department"),
    ):
        with pytest.raises(InvalidInputError) as caught:
            checked_employee(bad)
        assert caught.value.field == field
