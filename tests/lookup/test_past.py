"""S2.2: what a call of the past is called, and whose calls it is among; B9: for whose eyes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxd.actor import Actor
from pbxd.book.companies import Company
from pbxd.book.employees import Employee
from pbxd.calls.record import CallRecord, Party
from pbxd.numbers import NumberRules
from pbxd.services.past_names import contacts_in, holders_at, name_calls, numbers_in, spans_of
from pbxd.storage.book.extension_ownership import Ownership
from pbxd.storage.book.number_ownership import Card, Holding, Past
from tests.actors import ADMINISTRATOR

RULES = NumberRules("RU", "", re.compile(r"^\d{2,5}$"))
NUMBER = "+79160000001"
BEGAN = datetime(2026, 3, 1, 9, tzinfo=UTC)


def day(number: int) -> datetime:
    return BEGAN + timedelta(days=number)


def held(contact: int, since: int, until: int | None = None, **more: object) -> Holding:
    defaults: dict[str, object] = {"name": f"K{contact}"}
    return Holding(NUMBER, contact, day(since), None if until is None else day(until), **(defaults | more))  # type: ignore[arg-type]  # any field


def had(extension: str, employee: int, since: int, until: int | None = None) -> Ownership:
    return Ownership(extension, employee, day(since), None if until is None else day(until), f"E{employee}")


def named(past: Past, at: int, *, viewer: str = "", **shown: object) -> dict[str, object]:
    record = CallRecord("A", "pbx", "1.1", day(at), caller=Party(NUMBER, **shown))  # type: ignore[arg-type]  # any field
    call = record.to_json()
    assert numbers_in([call]) == {NUMBER}
    assert contacts_in([call]) == ({shown["contact"]} if "contact" in shown else set())
    name_calls([call], past, RULES, Actor.agent(viewer, "test", int(viewer)) if viewer else ADMINISTRATOR)
    caller: dict[str, object] = call["caller"]
    return caller


HISTORY = [held(1, 2, 5), held(2, 5, 8), held(3, 10)]


@pytest.mark.parametrize(
    ("at", "name"),
    [(0, "K1"), (2, "K1"), (4, "K1"), (5, "K2"), (8, "K3"), (9, "K3"), (10, "K3"), (99, "K3")],
)
def test_who_had_it_then_else_who_had_it_first_later(at: int, name: str) -> None:
    caller = named(Past({NUMBER: HISTORY}), at, name="as it was", company="Then", contact=9)
    assert (caller["name"], caller["contact"], caller["shown_name"]) == (name, int(name[1:]), "as it was")


def test_a_holder_whose_card_is_gone_leaves_the_name_of_then_and_nobody_inherits_his_calls() -> None:
    past = Past({NUMBER: [held(1, 2, 5, name=None), held(2, 5)]})
    assert named(past, 3, name="Иван", contact=1)["name"] == "Иван"
    assert named(past, 3)["name"] is None
    assert named(past, 6, name="Иван")["name"] == "K2"
    assert named(Past({NUMBER: [held(1, 2, name=None)]}), 1)["name"] is None, "nor are calls of before his"


def test_several_holders_are_their_company_with_the_count() -> None:
    past = Past({NUMBER: [held(1, 0, company="Ромашка"), held(2, 3, company="ромашка", main=True)]})
    assert named(past, 1)["name"] == "K1"
    shared = named(past, 4)
    assert (shared["name"], shared["company"], shared["contact"]) == ("ромашка (2)", "ромашка", None)


def test_one_s_own_name_for_a_number_wins_for_him() -> None:
    past = Past({NUMBER: [held(1, 0), held(2, 0, owner=101)]})  # storage gives it to nobody but 101
    assert named(past, 1, viewer="101")["name"] == "K2"


def test_what_became_personal_is_hidden_also_as_it_was_shown() -> None:
    past = Past(cards={1: Card("Новое имя", "", seen=False)})
    caller = named(past, 1, name="Тайна", company="Тайная", contact=1)
    assert [caller[key] for key in ("name", "company", "contact", "shown_name")] == [None] * 4
    past.cards[1] = Card("Новое имя", "Фирма", seen=True)
    caller = named(past, 1, name="Старое имя", contact=1)
    assert [caller[key] for key in ("name", "company", "contact", "shown_name")] == [
        "Новое имя",
        "Фирма",
        1,
        "Старое имя",
    ]


def test_companies_and_colleagues_name_what_no_contact_ever_had() -> None:
    firm = Company(4, "Лютик", (NUMBER,))
    assert named(Past(firms=[firm]), 1)["name"] == "Лютик"
    assert named(Past({NUMBER: [held(1, 5)]}, firms=[firm]), 1)["name"] == "K1"
    assert named(Past(people=[Employee("101", "Анна", mobile=NUMBER)]), 1)["name"] == "Анна"
    assert named(Past(firms=[firm]), 1, name="Как было")["name"] == "Как было"


def test_a_colleague_has_his_present_name_by_his_extension() -> None:
    call = CallRecord("A", "pbx", "1.1", BEGAN, caller=Party("101", name="Анна", extension="101")).to_json()
    call["callee"]["number"] = "102"  # whoever sends it from outside is no colleague
    past = Past(extensions={"101": [Ownership("101", 1, day(3), None, "Анна Новая")], "102": [had("102", 2, 0)]})
    name_calls([call], past, RULES, ADMINISTRATOR)
    assert (call["caller"]["name"], call["caller"]["shown_name"]) == ("Анна Новая", "Анна")
    assert call["callee"]["name"] is None


def test_a_colleague_is_who_had_the_extension_then() -> None:
    past = Past(extensions={"101": [had("101", 1, 2, 5), had("101", 2, 5, 8), had("101", 3, 9)]})
    names = []
    for at in (0, 2, 4, 5, 8, 9):
        call = CallRecord("A", "pbx", "1.1", day(at), caller=Party("101", extension="101")).to_json()
        name_calls([call], past, RULES, ADMINISTRATOR)
        names.append(call["caller"]["name"])
    assert names == ["E1", "E1", "E1", "E2", "E3", "E3"], "the first one also before, the next one when nobody had it"


def test_spans_of_one_contact() -> None:
    spans = [(span.since, span.until) for span in spans_of(NUMBER, HISTORY, {1})]
    assert spans == [(None, day(5))]
    assert [(span.since, span.until) for span in spans_of(NUMBER, HISTORY, {3})] == [(day(8), None)]
    assert [(span.since, span.until) for span in spans_of(NUMBER, HISTORY, {1, 2, 3})] == [(None, None)]
    assert spans_of(NUMBER, HISTORY, {4}) == []
    assert spans_of(NUMBER, [], {1}) == []


holdings = st.lists(
    st.builds(
        lambda contact, since, length, name: held(contact, since, since + length if length else None, name=name),
        st.integers(1, 3),
        st.integers(0, 9),
        st.integers(0, 5),
        st.sampled_from(["A", None]),
    ),
    max_size=6,
)


@given(holdings, st.sets(st.integers(1, 3)), st.integers(-2, 20))
def test_a_call_is_found_under_whom_it_is_named_for(history: list[Holding], contacts: set[int], at: int) -> None:
    spans = spans_of(NUMBER, history, contacts)
    inside = [span for span in spans if span.holds(day(at))]
    assert bool(inside) == any(each.contact in contacts for each in holders_at(history, day(at)))
    assert len(inside) <= 1, "no call twice"
