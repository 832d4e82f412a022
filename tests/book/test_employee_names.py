"""Whether a name is another person's."""

from __future__ import annotations

import pytest

from pbxd.book.employee_names import CommonWords, is_another_person, is_placeholder, says_as_much


@pytest.mark.parametrize(
    "name",
    [
        "",
        "101",
        "Agent 101",
        "Сотрудник 101",
        "SIP/101",
        "оператор №5",
        "Ext. 101",
        " ",
        *(
            "Unknown",
            "none",
            "Vacant",
            "Free",
            "Reserved",
            "New user",
            "Phone of 101",
            "101-web",
            "asterisk",
            "anonymous",
        ),
        *("Свободен", "Свободно", "Резерв", "Без имени", "Стажёр", "Рабочее место 5", "РМ-101", "кабинет 12"),
        *(
            "Касса 1",
            "Отдел продаж",
            "Sales 2",
            "Front Desk",
            "Reception",
            "Queue agent",
            "Менеджер 2",
            "Новый сотрудник",
        ),
    ],
)
def test_what_says_nothing_about_a_person(name: str) -> None:
    assert is_placeholder(name)
    assert not is_another_person(["Анна Белова"], name)
    assert not is_another_person([name], "Анна Белова")


@pytest.mark.parametrize(
    ("known", "told"),
    [
        ("Иван Петров", "Мария Сидорова"),
        ("Иванов И.", "Петров И."),
        ("Оператор Иванов", "Оператор Петрова"),
        ("Ivan Petrov", "Анна Белова"),
        ("Анна", "Вера"),
    ],
)
def test_no_word_in_common_is_another_person(known: str, told: str) -> None:
    assert is_another_person([known], told)
    assert is_another_person(["", known, "Agent 101"], told)
    assert is_another_person([told], known)


@pytest.mark.parametrize(
    ("known", "told"),
    [
        ("Иван Петров", "Иван Сидоров"),
        ("Анна Ёлкина", "ЕЛКИНА"),
        ("Иван Петров", "Ivan Petrov"),
        ("Юрий Щукин", "Iurii Shchukin"),
        ("Хрущёв", "Khrushchev"),
        ("Ксения Цой", "Xenia Tsoy"),
        ("Мария Иванова", "Мария Петрова (Иванова)"),
    ],
)
def test_a_word_in_common_is_the_same_person(known: str, told: str) -> None:
    assert not is_another_person([known], told)
    assert not is_another_person(["Олег Белов", known], told)


def test_a_shared_word_that_is_no_name_is_no_word_in_common() -> None:
    assert is_another_person(["Отдел продаж Иванов"], "Отдел продаж Петров")
    assert is_another_person(["Sales Anna"], "Sales Boris")
    people = [("Анна Белова", ""), ("", "Anna Orlova"), ("Анна Зимина", "Anna Zimina"), ("Вера Юдина", "")]
    common = CommonWords(people)
    shared = common.beside(people[0], "Ромашка")
    assert is_another_person(people[0], "Анна Петрова", common=shared)
    assert is_another_person(["Ромашка Белова"], "Ромашка Петрова", common=shared)
    for told in ("Анна", "Белова Анна", "Белова Анна Олеговна", "Ромашка Белова"):
        assert not is_another_person(people[0], told, common=shared)
    assert not is_another_person(people[3], "Вера Петрова", common=common.beside(people[3]))


def test_who_has_left_is_known_again_by_all_words() -> None:
    assert is_another_person(["Анна Белова"], "Анна Петрова", left=True)
    assert is_another_person(["Анна Белова"], "Анна", left=True)
    assert not is_another_person(["Анна Белова"], "Belova Anna", left=True)


def test_a_completed_name_is_no_renaming() -> None:
    assert says_as_much("anna", "Анна Ёлкина")
    assert says_as_much("Agent 101", "Анна")
    assert not says_as_much("Анна Ёлкина", "Анна")
