from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxd.book.company_names import company_key

ROMASHKA = (
    "Ромашка", 'ООО "Ромашка"', "«Ромашка»", "РОМАШКА, ЗАО", 'ООО"Ромашка"', "ооо  “Ромашка”", "Ромашка (ПАО)",
    "Общество с ограниченной ответственностью «Ромашка»", "О.О.О. Ромашка", "„Ромашка“ АО", "OOO Ромашка",
    "ТОВ «Ромашка»", "ТАА «Ромашка»", "Ромашка, ЗАТ",
)  # fmt: skip


@pytest.mark.parametrize("name", ROMASHKA)
def test_quotes_legal_form_case_and_spaces_make_no_difference(name: str) -> None:
    assert company_key(name) == "ромашка"


@pytest.mark.parametrize("name", ["Acme", "ACME Inc.", "Acme, Inc", "Acme GmbH & Co. KG", "LLC Acme", "Acme S.A."])
def test_forms_of_other_countries_make_no_difference(name: str) -> None:
    assert company_key(name) == "acme"


@pytest.mark.parametrize("name", ["О’Нил", "ООО «О'Нил»", "О`Нил, АО", "ОНил"])
def test_an_apostrophe_makes_no_difference(name: str) -> None:
    assert company_key(name) == "онил"


def test_a_sole_trader_is_another_than_a_company_of_that_name() -> None:
    trader = {company_key(name) for name in ("ИП Иванов И. И.", "Иванов И.И. (ИП)", "Индивидуальный предприниматель Иванов И.И.")}  # fmt: skip # noqa: E501
    assert trader == {"ип иванов ии"}
    assert company_key("ООО «Иванов И.И.»") == "иванов ии"


@pytest.mark.parametrize(
    ("one", "other"),
    [("Ромашка", "Ромашка-2"), ("АО", "ООО"), ("AG Edwards", "Edwards"), ("Company of Heroes", "Of Heroes")],
)
def test_other_names_are_other_companies(one: str, other: str) -> None:
    assert company_key(one) != company_key(other)


def test_a_name_of_a_form_alone_is_kept() -> None:
    assert (company_key("ООО"), company_key("«Лимитед»"), company_key("«»")) == ("ооо", "лимитед", "«»")


@given(st.text(max_size=60))
def test_every_name_has_a_key_and_quotes_around_it_change_nothing(name: str) -> None:
    key = company_key(name)
    assert bool(key) == bool(name.strip()) or not key.strip()
    if any(character.isalnum() for character in name):
        assert company_key(f"«{name}»") == key
