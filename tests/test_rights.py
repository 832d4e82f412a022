"""The rules themselves (S2.14, S2.16)."""

from __future__ import annotations

import pytest

from pbxd import rights
from pbxd.actor import Actor
from pbxd.errors import RefusedError
from tests.actors import ADMINISTRATOR, acting_token


def agent(employee: int) -> Actor:
    return Actor.agent(str(employee), "test", employee)


NOBODY, ANYBODY = acting_token("crm"), acting_token("crm", acts_for_any=True)
STRANGERS = (ADMINISTRATOR, NOBODY, ANYBODY, agent(102), agent(10))


def test_who_sees() -> None:
    assert all(rights.sees(actor, rights.SHARED) for actor in (*STRANGERS, agent(101)))
    assert rights.sees(agent(101), 101)
    assert not any(rights.sees(actor, 101) for actor in STRANGERS)
    assert not any(rights.sees_personal(actor, rights.SHARED) for actor in STRANGERS)


@pytest.mark.parametrize(
    ("actor", "owner", "creator", "may"),
    [
        (ADMINISTRATOR, rights.SHARED, 101, True),
        (agent(101), rights.SHARED, 101, True),
        (agent(102), rights.SHARED, 101, False),
        (agent(102), rights.SHARED, 0, False),
        (agent(101), 101, 102, True),
        (NOBODY, rights.SHARED, 101, False),
        (NOBODY, rights.SHARED, 0, False),
        (ANYBODY, rights.SHARED, 0, False),
    ],
)
def test_who_deletes(actor: Actor, owner: int, creator: int, *, may: bool) -> None:
    if may:
        rights.check_delete(actor, owner, creator)
    else:
        with pytest.raises(RefusedError):
            rights.check_delete(actor, owner, creator)


@pytest.mark.parametrize("actor", [NOBODY, acting_token("crm", "101", 101)])
def test_what_is_of_an_unknown_employee_is_for_those_alone_who_act_for_any(actor: Actor) -> None:
    with pytest.raises(RefusedError, match=r"call X: it isn't known whose it is; .* made with --as-any$"):
        rights.check_acts_for(actor, "", "call X")
    rights.check_acts_for(ANYBODY, "", "call X")
    rights.check_acts_for(ADMINISTRATOR, "", "call X")


@pytest.mark.parametrize("actor", [ADMINISTRATOR, ANYBODY])
def test_whoever_acts_for_an_employee_has_that_employee_s_rights_and_no_others(actor: Actor) -> None:
    acting = rights.acting_for(actor, "101", "as")
    assert (acting.role, acting.extension, acting.acts_for_any) == ("agent", "101", False)
    assert acting.source == actor.source
    assert rights.acting_for(actor, "", "as") is actor
    with pytest.raises(RefusedError, match="102"):
        rights.acting_for(acting, "102", "as")


@pytest.mark.parametrize("actor", [ADMINISTRATOR, ANYBODY, NOBODY])
def test_favourites_are_an_employee_s(actor: Actor) -> None:
    rights.check_favourites(agent(101))
    with pytest.raises(RefusedError):
        rights.check_favourites(actor)


def test_an_upload_of_personal_contacts_is_its_uploader_s_alone() -> None:
    for personal in (False, True):
        rights.check_commit(agent(101), 101, personal=personal, same_program=False)
        rights.check_commit(NOBODY, 101, personal=personal, same_program=True)
        for actor, importer in ((agent(102), 101), (NOBODY, 101), (NOBODY, 0), (ANYBODY, 0)):
            with pytest.raises(RefusedError):
                rights.check_commit(actor, importer, personal=personal, same_program=False)
    rights.check_commit(ADMINISTRATOR, 101, personal=False, same_program=False)
    with pytest.raises(RefusedError, match="personal"):
        rights.check_commit(ADMINISTRATOR, 101, personal=True, same_program=False)
    rights.check_undo(ADMINISTRATOR, 101)


def test_nobody_makes_personal_contacts_of_others() -> None:
    assert rights.owner_of_personal(agent(101), 0) == rights.owner_of_personal(ADMINISTRATOR, 101) == 101
    for actor in (agent(101), NOBODY, ANYBODY):
        with pytest.raises(RefusedError):
            rights.owner_of_personal(actor, 102)
        with pytest.raises(RefusedError):
            rights.check_take_away(actor, 102)
        with pytest.raises(RefusedError):
            rights.check_take_away(actor, 0)
        with pytest.raises(RefusedError):
            rights.check_undo(actor, 0)
    rights.check_take_away(ADMINISTRATOR, 102)
