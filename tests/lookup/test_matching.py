from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxd.book.companies import Company
from pbxd.book.contacts import Contact, ContactNumber
from pbxd.book.employees import Employee
from pbxd.lookup.matching import Book, Match, Rival, phone_text
from pbxd.numbers import NumberRules, parse
from tests.actors import acting

RULES = NumberRules("RU", "", re.compile(r"^\d{2,5}$"))
MAIN_LINE = "+74951234567"
MOBILE = "+79161234567"
OTHER = "+79037654321"


def card(contact_id: int, name: str, *numbers: str, **more: object) -> Contact:
    listed = tuple(ContactNumber(number, main=place == 0) for place, number in enumerate(numbers))
    return replace(Contact(contact_id, name, numbers=listed), **more)  # type: ignore[arg-type]


def personal(contact_id: int, name: str, number: str, owner: str, **more: object) -> Contact:
    return card(contact_id, name, number, visibility="personal", owner_id=int(owner or 0), **more)


def book_of(contacts: Iterable[Contact], companies: Iterable[Company] = (), employees: Iterable[Employee] = ()) -> Book:
    """Return a book in which 101 and 102 are known by their extensions, and others as well."""
    others = [Employee(extension, id=int(extension), listed=False) for extension in ("101", "102")]
    return Book.of(contacts, companies, [*others, *employees])


def look(book: Book, text: str, viewer: str = "") -> Match:
    return book.lookup(parse(text, RULES), acting(viewer))


def test_an_exact_number_of_one_contact_is_found_in_any_notation() -> None:
    book = book_of([card(7, "Фронкин Игорь", OTHER, MOBILE, company="Ромашка", vip=True, manager_id=101)])
    for text in ("89161234567", "79161234567", "+7 916 123-45-67", "810 7 916 123-45-67"):
        match = look(book, text)
        assert (match.status, match.number, match.name, match.company) == ("found", MOBILE, "Фронкин Игорь", "Ромашка")
        assert (match.contact, match.vip, match.manager, match.rivals) == (7, True, "101", ())
    assert look(book, "89161234567").rule == "national-8"


@pytest.mark.parametrize("text", ["9161234560", "1234567", "+19161234567", "8495123456", "89161234566"])
def test_nothing_is_matched_by_its_tail(text: str) -> None:
    """B3."""
    book = book_of([card(1, "Фронкин", MOBILE)])
    assert look(book, text).status in {"unknown", "unreadable"}


def test_one_company_is_shown_with_the_count() -> None:
    """B3."""
    three = [
        card(1, "Анна", MAIN_LINE, company="Ромашка", manager_id=101),
        card(2, "Борис", OTHER, MAIN_LINE, company="ромашка ", manager_id=101, vip=True),
        card(3, "Вера", MAIN_LINE, company="Ромашка", manager_id=101),
    ]
    match = look(book_of(three), MAIN_LINE)
    assert (match.status, match.name, match.company) == ("shared", "Ромашка (3)", "Ромашка")
    assert (match.contact, match.vip, match.manager) == (None, True, "101")
    assert [rival.key for rival in match.rivals] == [1, 3, 2]
    assert phone_text(match) == "Ромашка (3)"


def test_several_companies_show_the_first_whose_main_number_it_is() -> None:
    book = book_of(
        [
            card(1, "Анна", OTHER, MAIN_LINE, company="Ромашка", manager_id=101),
            card(3, "Вера", MAIN_LINE, company="Лютик"),
            card(2, "Борис", MAIN_LINE, company="Василёк"),
        ]
    )
    match = look(book, MAIN_LINE)
    assert (match.status, match.name, match.company, match.contact) == ("shared", "Борис", "Василёк", None)
    assert (match.vip, match.manager) == (False, "")
    assert [rival.key for rival in match.rivals] == [3, 1]
    assert phone_text(match) == "Борис"


def test_one_company_in_several_spellings_is_shown_with_the_count() -> None:
    book = book_of([
        card(1, "Анна", MAIN_LINE, company="Ромашка"),
        card(2, "Борис", MAIN_LINE, company="ООО «РОМАШКА»"),
        card(3, "Вера", MAIN_LINE, company='"Ромашка", АО'),
    ])  # fmt: skip
    match = look(book, MAIN_LINE)
    assert (match.status, match.name, match.company) == ("shared", "Ромашка (3)", "Ромашка")
    trader = book_of([
        card(1, "Анна", MAIN_LINE, company="Иванов"), card(2, "Борис", MAIN_LINE, company="ИП Иванов")
    ])  # fmt: skip
    assert look(trader, MAIN_LINE).name == "Анна"


def test_contacts_without_a_company_show_the_first() -> None:
    match = look(book_of([card(2, "Борис", MAIN_LINE), card(1, "Анна", MAIN_LINE)]), MAIN_LINE)
    assert (match.status, match.name) == ("shared", "Анна")
    assert match.rivals == (Rival("contact", 2, "Борис"),)


def test_one_contact_with_two_extensions_behind_one_number_is_no_rival_of_itself() -> None:
    numbers = (ContactNumber(MAIN_LINE, extension="12", main=True), ContactNumber(MAIN_LINE, extension="13"))
    match = look(book_of([Contact(1, "Анна", numbers=numbers)]), MAIN_LINE)
    assert (match.status, match.name) == ("found", "Анна")


def test_personal_contacts_name_a_call_for_their_owner_alone() -> None:
    book = book_of([personal(1, "Мама", MOBILE, "101", vip=True, manager_id=101, company="Дом")])
    assert look(book, MOBILE, "101").name == "Мама"
    for viewer in ("", "102"):
        assert look(book, MOBILE, viewer) == Match("unknown", MOBILE, rule="e164")


def test_personal_contacts_do_not_count_for_others() -> None:
    book = book_of(
        [
            personal(1, "Игорёк", MOBILE, "101", company="Дом", vip=True),
            card(2, "Фронкин", MOBILE, company="Ромашка"),
            personal(3, "Гарик", MOBILE, "102"),
        ]
    )
    assert look(book, MOBILE) == Match("found", MOBILE, "Фронкин", "Ромашка", 2, rule="e164")
    assert look(book, MOBILE, "103") == look(book, MOBILE)
    own = look(book, MOBILE, "101")
    assert (own.status, own.name, own.contact, own.vip) == ("found", "Игорёк", 1, True)
    assert own.rivals == (Rival("contact", 2, "Фронкин", "Ромашка"),)


def test_several_personal_contacts_are_shared_among_themselves() -> None:
    book = book_of([personal(1, "А", MOBILE, "101"), personal(2, "Б", MOBILE, "101"), card(3, "В", MOBILE)])
    match = look(book, MOBILE, "101")
    assert (match.status, match.name, [rival.key for rival in match.rivals]) == ("shared", "А", [2, 3])


def test_a_personal_contact_without_an_owner_is_nobodys() -> None:
    assert look(book_of([personal(1, "А", MOBILE, "")]), MOBILE, "").status == "unknown"


def test_a_contact_goes_before_a_company_and_that_before_an_employee() -> None:
    contact, company = card(1, "Анна", MAIN_LINE), Company(5, "Ромашка", (MAIN_LINE,))
    colleague = Employee("101", "Иванов", mobile=MAIN_LINE)
    everybody = look(book_of([contact], [company], [colleague]), MAIN_LINE)
    assert (everybody.status, everybody.name) == ("found", "Анна")
    assert everybody.rivals == (Rival("company", 5, "Ромашка", "Ромашка"), Rival("employee", "101", "Иванов"))
    without_contact = look(book_of([], [company], [colleague]), MAIN_LINE)
    assert (without_contact.status, without_contact.name, without_contact.company) == ("company", "Ромашка", "Ромашка")
    assert without_contact.contact is None
    assert without_contact.rivals == (Rival("employee", "101", "Иванов"),)
    alone = look(book_of([], [], [colleague]), MAIN_LINE)
    assert (alone.status, alone.name, alone.employee, alone.rivals) == ("employee", "Иванов", "101", ())


@pytest.mark.parametrize(
    ("text", "status", "name", "employee"),
    [
        ("101", "employee", "Иванов", "101"),
        ("89161234567", "employee", "Иванов", "101"),
        ("84951234567", "unknown", "", ""),
        ("89037654321", "employee", "Петров", "102"),
        ("103", "unknown", "", ""),
        ("89160000000", "unknown", "", ""),
        ("199", "unknown", "", ""),
    ],
)
def test_employees(text: str, status: str, name: str, employee: str) -> None:
    book = book_of(
        [],
        [],
        [
            Employee("101", "Иванов", mobile=MOBILE, did=MAIN_LINE),
            Employee("102", "Петров", did=MAIN_LINE, mobile=OTHER),
            Employee("104", "Одиночка", did=OTHER),
            Employee("103", "Уволенный", mobile="+79160000000", active=False),
        ],
    )
    match = look(book, text)
    assert (match.status, match.name, match.employee) == (status, name, employee)


def test_a_number_of_several_employees_lists_them_and_names_none() -> None:
    book = book_of([], [], [Employee("101", "Иванов", did=MAIN_LINE), Employee("102", "Петров", did=MAIN_LINE)])
    match = look(book, MAIN_LINE)
    assert match.status == "unknown"
    assert [rival.key for rival in match.rivals] == ["101", "102"]
    assert phone_text(match) == ""


@pytest.mark.parametrize(("text", "status"), [("anonymous", "withheld"), ("alice", "unreadable"), ("", "withheld")])
def test_what_is_no_number_names_nobody(text: str, status: str) -> None:
    match = look(book_of([card(1, "Анна", MAIN_LINE)]), text)
    assert (match.status, match.number, match.name) == (status, None, "")
    assert match.rule


@pytest.mark.parametrize(
    ("match", "shown"),
    [
        (Match("found", MOBILE, 'Иван "Гром"', 'ООО "Ромашка"'), "Иван «Гром»"),
        (Match("found", MOBILE, "Иван", ""), "Иван"),
        (Match("company", MOBILE, "Ромашка", "Ромашка"), "Ромашка"),
        (Match("employee", "101", "Иванов"), "Иванов"),
        (Match("employee", "101", ""), ""),
        (Match("unknown", MOBILE), ""),
        (Match("withheld"), ""),
        (Match("error"), ""),
    ],
)
def test_phone_text(match: Match, shown: str) -> None:
    assert phone_text(match) == shown


def test_a_replaced_card_leaves_nothing_behind() -> None:
    book = book_of([card(1, "Анна", MOBILE, MAIN_LINE), card(2, "Борис", MAIN_LINE)])
    assert look(book, MAIN_LINE).status == "shared"
    book.put_contact(card(1, "Анна Новая", OTHER))
    assert look(book, MOBILE).status == "unknown"
    assert (look(book, MAIN_LINE).status, look(book, MAIN_LINE).name) == ("found", "Борис")
    assert look(book, OTHER).name == "Анна Новая"
    book.drop_contact(2)
    book.drop_contact(2)
    assert look(book, MAIN_LINE).status == "unknown"
    book.put_company(Company(5, "Ромашка", (MOBILE,)))
    book.put_company(Company(5, "Ромашка", (MAIN_LINE,)))
    assert (look(book, MOBILE).status, look(book, MAIN_LINE).status) == ("unknown", "company")
    book.drop_company(5)
    book.put_employee(Employee("101", "Иванов", mobile=MOBILE, did=MOBILE))
    book.put_employee(Employee("101", "Иванов", mobile=MAIN_LINE))
    assert (look(book, MOBILE).status, look(book, MAIN_LINE).status) == ("unknown", "employee")
    book.drop_employee("101")
    assert look(book, MAIN_LINE).status == "unknown"
    assert len(book) == 1


def test_a_number_that_is_not_e164_does_not_harm_the_index() -> None:
    book = book_of([card(1, "Анна", "8495", MOBILE)], [Company(1, "К", ("", "+"))], [Employee("101", did="x")])
    assert look(book, MOBILE).name == "Анна"


SOME_NUMBERS = st.sampled_from([MOBILE, MAIN_LINE, OTHER])
SOME_CARDS = st.builds(
    lambda contact_id, numbers, company, owner: card(
        contact_id,
        f"К{contact_id}",
        *numbers,
        company=company,
        owner_id=int(owner or 0),
        visibility="personal" if owner else "shared",
    ),
    st.integers(1, 5),
    st.lists(SOME_NUMBERS, max_size=3, unique=True),
    st.sampled_from(["", "Ромашка", "Лютик"]),
    st.sampled_from(["", "", "101", "102"]),
)


@given(changes=st.lists(st.one_of(SOME_CARDS, st.integers(1, 5)), max_size=30), viewer=st.sampled_from(["", "101"]))
def test_changes_one_by_one_give_the_same_book_as_building_it_anew(changes: list[Contact | int], viewer: str) -> None:
    book, left = book_of([]), dict[int, Contact]()
    for change in changes:
        if isinstance(change, int):
            book.drop_contact(change)
            left.pop(change, None)
        else:
            book.put_contact(change)
            left[change.id] = change
    anew = book_of(left.values())
    for number in (MOBILE, MAIN_LINE, OTHER):
        match = look(book, number, viewer)
        assert match == look(anew, number, viewer)
        visible = [
            held
            for held in left.values()
            if held.owner_id in {0, int(viewer or 0)} and number in {n.number for n in held.numbers}
        ]
        assert (match.status == "unknown") == (not visible)
        keys = {rival.key for rival in match.rivals} | ({match.contact} if match.contact else set())
        assert keys <= {held.id for held in visible}
    assert len(book) == len(left)
