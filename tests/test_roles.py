"""The one table of rights, and the page that shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pbxd import rights
from pbxd.actor import Actor
from pbxd.errors import RefusedError
from pbxd.roles import ROLES, TABLE, Role, Sights, role_needed, scopes_of
from pbxd.scopes import ALL, Scope
from tests.actors import acting_token

PAGE = Path(__file__).parents[1] / "docs/rights.md"


def user(role: Role, extension: str = "101") -> Actor:
    return Actor.signed_in(1, "101", role, scopes_of(role), extension, 1 if extension else None)


def test_the_page_shows_the_table() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    begin = lines.index(f"| may | scope | {' | '.join(ROLES)} |") + 2
    shown = [
        tuple(cell.strip(" `") for cell in line.strip("|").split("|")) for line in lines[begin : begin + len(TABLE)]
    ]
    assert shown == [(act, *row) for act, row in TABLE.items()]
    assert not lines[begin + len(TABLE)].startswith("|")


def test_every_scope_stands_in_the_table_and_roles_grow() -> None:
    assert {row.scope for row in TABLE.values()} == ALL
    agent, supervisor, administrator = map(scopes_of, ROLES)
    assert agent < supervisor < administrator == ALL
    assert supervisor - agent == {"queues:move"}
    assert administrator - supervisor == {"admin", "metrics"}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("scope", sorted(ALL))
def test_a_role_opens_what_the_table_says(role: Role, scope: Scope) -> None:
    """For a session, and for a token that has every scope."""
    may = any(row.scope == scope and row.of(role) != "nothing" for row in TABLE.values())
    for actor in (user(role), Actor.token("crm", "101", 1, scopes=ALL, role=role)):
        if may:
            rights.check_scope(actor, scope)
            continue
        with pytest.raises(RefusedError) as refused:
            rights.check_scope(actor, scope)
        assert refused.value.reason == f"not-{role_needed(scope)}"
    with pytest.raises(rights.ScopeError):
        rights.check_scope(Actor.token("crm", "101", 1, scopes=ALL - {scope}, role=role), scope)


def test_a_token_of_nobody_goes_by_its_scopes() -> None:
    for scope in ALL:
        rights.check_scope(acting_token("crm", scopes=frozenset({scope})), scope)


def test_what_agents_see_is_set() -> None:
    sights = Sights("own", "department")
    for actor in (user("agent"), Actor.agent("101", "cli"), acting_token("crm", acts_for_any=True).acting_for("101")):
        limited = actor.seeing(sights)
        assert (rights.calls_seen(limited), rights.contacts_seen(limited)) == ("own", "department")
        assert (rights.calls_seen(actor), rights.contacts_seen(actor)) == ("all", "all")
    for actor in (user("supervisor"), user("administrator"), acting_token("crm")):
        limited = actor.seeing(sights)
        assert (rights.calls_seen(limited), rights.contacts_seen(limited)) == ("all", "all")


def test_others_calls_are_for_overseers() -> None:
    for role in ROLES:
        rights.check_call_of(user(role), "101", "a call")
        assert rights.calling_for(user(role), "101", rings=True).extension == "101"
    for role in ("supervisor", "administrator"):
        rights.check_call_of(user(role), "102", "a call")
        rights.check_call_of(user(role, ""), "102", "a call")
        assert rights.calling_for(user(role), "102", rings=False).extension == "102"
        with pytest.raises(RefusedError):
            rights.calling_for(user(role), "102", rings=True)
    for actor in (user("agent"), Actor.token("crm", "101", 1, scopes=ALL), acting_token("crm", scopes=ALL)):
        with pytest.raises(RefusedError):
            rights.check_call_of(actor, "102", "a call")
        with pytest.raises(RefusedError):
            rights.calling_for(actor, "102", rings=False)


def test_nobody_without_an_extension_calls() -> None:
    with pytest.raises(RefusedError) as refused:
        rights.calling_for(user("administrator", ""), None, rings=True)
    assert refused.value.reason == "no-employee"


def test_an_administrator_sees_nobodys_personal_contacts() -> None:
    for role in ROLES:
        assert rights.sees(user(role), 1)
        assert not rights.sees(user(role), 2)
        assert not rights.sees(user(role, ""), 1)
        with pytest.raises(RefusedError):
            rights.acting_for(user(role), "102", "as")
