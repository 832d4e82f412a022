"""What a look-up tells about a caller: to everybody, to a contact's owner, and of a colleague only inside (C5)."""

from __future__ import annotations

import pytest

from pbxd.actor import Actor
from pbxd.book.contacts import Contact, ContactNumber
from pbxd.book.employees import Employee
from pbxd.lookup.matching import Book, Match
from pbxd.numbers import parse, rules_from
from pbxd.services.calls.caller_naming import CallerNaming
from pbxd.settings import Settings
from tests.actors import ADMINISTRATOR, acting, agent

MOBILE = "+79161234567"
CLIENT = "+74951234567"
RULES = rules_from(Settings())
BOOK = Book.of(
    [
        Contact(1, "Фронкин", numbers=(ContactNumber(CLIENT),)),
        Contact(2, "Мама", numbers=(ContactNumber(CLIENT),), visibility="personal", owner_id=101),
    ],
    employees=[Employee("101", "Анна", mobile=MOBILE, id=101), Employee("102", "Пётр", did=CLIENT, id=102)],
)


def lookup(number: str, actor: Actor) -> Match:
    return BOOK.lookup(parse(number, RULES), actor)


NAMING = CallerNaming(lookup)


@pytest.mark.parametrize("number", ["101", MOBILE])
def test_a_colleague_is_named_inside_alone(number: str) -> None:
    inside = NAMING.name(number, ADMINISTRATOR, inside=True)
    assert (inside.match.status, inside.display, inside.private) == ("employee", "Анна", "")
    for viewer in ("", "102"):
        outside = NAMING.name(number, acting(viewer), inside=False)
        assert (outside.match.status, outside.match.number, outside.display) == ("unknown", number, "")
        assert (outside.match.employee, outside.match.rivals) == ("", ())


def test_a_colleague_is_no_rival_of_an_outside_caller_s() -> None:
    inside = NAMING.name(CLIENT, ADMINISTRATOR, inside=True)
    assert [rival.kind for rival in inside.match.rivals] == ["employee"]
    assert NAMING.name(CLIENT, ADMINISTRATOR, inside=False).match.rivals == ()


def test_a_personal_name_is_for_its_owner_s_phone() -> None:
    caller = NAMING.name(CLIENT, agent("101"), inside=False)
    assert (caller.match.name, caller.display, caller.private) == ("Мама", "Фронкин", "Мама")
    for viewer in ("", "102"):
        caller = NAMING.name(CLIENT, acting(viewer), inside=False)
        assert (caller.match.name, caller.display, caller.private) == ("Фронкин", "Фронкин", "")
