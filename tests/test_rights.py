"""The rules themselves (S2.14, S2.16)."""

from __future__ import annotations

import pytest

from pbxd import rights
from pbxd.errors import RefusedError


def test_who_sees() -> None:
    assert all(rights.sees(actor, rights.SHARED) for actor in (rights.ADMINISTRATOR, "101", "102"))
    assert rights.sees("101", "101")
    assert not any(rights.sees(actor, "101") for actor in (rights.ADMINISTRATOR, "102", "10"))


@pytest.mark.parametrize(
    ("actor", "owner", "creator", "may"),
    [
        (rights.ADMINISTRATOR, rights.SHARED, "101", True),
        ("101", rights.SHARED, "101", True),
        ("102", rights.SHARED, "101", False),
        ("102", rights.SHARED, "", False),
        ("101", "101", "102", True),
    ],
)
def test_who_deletes(actor: str, owner: str, creator: str, *, may: bool) -> None:
    if may:
        rights.check_delete(actor, owner, creator)
    else:
        with pytest.raises(RefusedError):
            rights.check_delete(actor, owner, creator)


@pytest.mark.parametrize("actor", [rights.Actor(), rights.Actor("101")])
def test_what_is_of_an_unknown_employee_is_for_those_alone_who_act_for_any(actor: rights.Actor) -> None:
    with pytest.raises(RefusedError, match=r"call X: it isn't known whose it is; .* made with --as-any$"):
        actor.check_acts_for("", "call X")
    rights.Actor(as_any=True).check_acts_for("", "call X")
    rights.ADMINISTRATORS.check_acts_for("", "call X")


def test_nobody_makes_personal_contacts_of_others() -> None:
    assert rights.owner_of_personal("101", "") == rights.owner_of_personal("", "101") == "101"
    with pytest.raises(RefusedError):
        rights.owner_of_personal("101", "102")
    with pytest.raises(RefusedError):
        rights.check_take_away("101", "102")
    rights.check_take_away("", "102")
