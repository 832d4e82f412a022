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


def test_nobody_makes_personal_contacts_of_others() -> None:
    assert rights.owner_of_personal("101", "") == rights.owner_of_personal("", "101") == "101"
    with pytest.raises(RefusedError):
        rights.owner_of_personal("101", "102")
    with pytest.raises(RefusedError):
        rights.check_take_away("101", "102")
    rights.check_take_away("", "102")
