"""Every operation × role × scope × owner, compared with the one table of rights (`pbxd.roles`)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from pbxd.api import RESOURCES
from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.http.operations import Operation
from pbxd.http.session_cookies import PLAIN_NAME
from pbxd.roles import TABLE, Role, role_needed
from pbxd.scopes import ALL, Scope, Scopes
from tests.actors import ADMINISTRATOR, acting_token, agent
from tests.api.askers import OWNER, USERS, Client, asking, call_of, has_body
from tests.http.conftest import House

OPERATIONS = [each for resource in RESOURCES for each in resource.operations if each.scope not in {"open", "any"}]
STREAMS = {"follow_call", "follow_events"}  # they go on


@pytest.fixture
async def client(pbxd: House) -> AsyncIterator[Client]:
    async with asking(pbxd) as made:
        yield made


def may(role: Role, scope: Scope) -> bool:
    """What the table says."""
    return any(row.scope == scope and row.of(role) != "nothing" for row in TABLE.values())


async def test_a_session_opens_what_its_role_may(client: Client) -> None:
    for role, who in USERS.items():
        for operation in OPERATIONS:
            scope: Any = operation.scope
            refusal = await client.refusal(operation, await client.signed_in(who))
            assert refusal == ("" if may(role, scope) else f"not-{role_needed(scope)}"), (role, operation.name)


async def test_a_token_opens_what_its_scope_and_its_employees_role_allow(client: Client) -> None:
    for role, who in USERS.items():
        for scope in sorted(ALL):
            alone = await client.token(acting_token("x", who, scopes=frozenset({scope})))
            others = await client.token(acting_token("x", who, scopes=ALL - {scope}))
            for operation in _of(scope):
                expected = "" if may(role, scope) else f"not-{role_needed(scope)}"
                assert await client.refusal(operation, alone) == expected, (role, operation.name)
                assert await client.refusal(operation, others) == "insufficient-scope", (role, operation.name)


async def test_a_token_of_nobody_opens_what_its_scope_says(client: Client) -> None:
    for acts_for_any in (False, True):
        for scope in sorted(ALL):
            alone: Scopes = frozenset({scope})
            opened = await client.token(acting_token("x", acts_for_any=acts_for_any, scopes=alone))
            closed = await client.token(acting_token("x", acts_for_any=acts_for_any, scopes=ALL - alone))
            for operation in _of(scope):
                assert await client.refusal(operation, opened) == "", operation.name
                assert await client.refusal(operation, closed) == "insufficient-scope", operation.name


async def test_nobody_gets_in_without_token_or_session(client: Client) -> None:
    for operation in OPERATIONS:
        path = re.sub(r"\{\w+\}", "999999", operation.address.replace("{format}", "xlsx"))
        for headers in ({}, {"Cookie": f"{PLAIN_NAME}=x"}, {"Authorization": "Bearer x"}):
            assert (await client.ask(operation.method, path, headers))[0] == 401, operation.name


def _of(scope: Scope) -> Iterator[Operation]:
    return (each for each in OPERATIONS if each.scope == scope)


def test_the_table_has_every_scope_that_operations_want() -> None:
    assert {operation.scope for operation in OPERATIONS} <= {row.scope for row in TABLE.values()}


@pytest.mark.both_databases
async def test_a_personal_contact_is_its_owners_alone(client: Client, pbxd: House) -> None:
    """Whatever the role, the scopes, and whatever is done with it."""
    draft = ContactDraft("Тайна", numbers=(ContactNumber("+79160000009"),), visibility="personal", owner=OWNER)
    secret = (await pbxd.contacts.add(draft, actor=agent(OWNER))).id
    strangers = [await client.signed_in(who) for who in USERS.values()]
    strangers += [await client.token(acting_token("x", who, scopes=ALL)) for who in USERS.values()]
    strangers += [await client.token(acting_token("x", scopes=ALL, acts_for_any=each)) for each in (False, True)]
    own = [await client.signed_in(OWNER), await client.token(acting_token("x", OWNER, scopes=ALL))]
    operations = [each for each in OPERATIONS if each.address.startswith("/api/v1/contacts/{id}")]
    assert len(operations) > 7
    for operation in sorted(operations, key=lambda each: each.name == "delete_contact"):  # that one last
        path = operation.address.replace("{id}", str(secret))
        body: object = {} if has_body(operation) else None
        for headers in strangers:
            status, told = await client.ask(operation.method, path, dict(headers) | {"If-Match": "*"}, body)
            without_employee = operation.name.endswith("_favourite") and status == 403
            assert status == 404 or (without_employee and told["reason"] == "no-employee"), operation.name
        if operation.name != "delete_contact":
            status, _told = await client.ask(operation.method, path, dict(own[0]) | {"If-Match": "*"}, body)
            assert status < 300 or status == 422, operation.name
    for headers in strangers:
        for path in ("/api/v1/contacts", "/api/v1/contacts/duplicates"):
            _status, told = await client.ask("GET", path, headers, number="+79160000009")
            assert "Тайна" not in str(told)
        _status, told = await client.ask("GET", "/api/v1/lookup", headers, number="+79160000009")
        assert told["status"] == "unknown"
    for headers in own:
        assert (await client.ask("GET", "/api/v1/contacts", headers))[1]["total"] == 1
        assert (await client.ask("GET", f"/api/v1/contacts/{secret}", headers))[0] == 200
    for headers in strangers[:3]:
        assert (await client.ask("GET", "/api/v1/contacts", headers, **{"as": OWNER}))[0] == 403


@pytest.mark.both_databases
async def test_a_personal_contact_shows_in_nothing_that_others_read(client: Client, pbxd: House) -> None:
    """Lists, files, calls, queues and look-ups: every operation that reads, asked about what belongs to the owner."""
    own = await client.signed_in(OWNER)
    _status, company = await client.ask("POST", "/api/v1/companies", own, {"name": "Ромашка"})
    await client.pbxd.contacts.add(ContactDraft("Общий", company="Ромашка"), actor=ADMINISTRATOR)
    body = {"name": "Тайна", "company": "Ромашка", "manager": OWNER, "numbers": ["+74951234567"]}
    _status, secret = await client.ask("POST", "/api/v1/contacts", own, body | {"visibility": "personal"})
    path = await call_of(client, OWNER, "+74951234567")
    await pbxd.directory._refresh()
    owner = (await client.ask("GET", "/api/v1/employees", own, search=OWNER))[1]["items"][0]
    ids = {
        "contacts": secret["id"],
        "companies": company["id"],
        "employees": owner["id"],
        "calls": path.rpartition("/")[2],
    }
    read = [each for each in OPERATIONS if each.method == "GET" and each.name not in STREAMS]
    found = {}
    for who in (OWNER, *USERS.values()):
        headers, found[who] = await client.signed_in(who), set[str]()
        for operation in read:
            about = str(ids.get(operation.address.removeprefix("/api/v1/").partition("/")[0], 1))
            address = operation.address.replace("{id}", about).replace("{n}", "1").replace("{format}", "csv")
            query = {"number": "+74951234567"} if operation.name in {"look_up", "find_duplicates"} else {}
            async with client.session.get(address, headers=headers, params=query) as answer:
                assert answer.status < 500, operation.name
                text = (await answer.read()).decode(errors="replace")
            if "Тайна" in text:
                found[who].add(operation.name)
    shown = found.pop(OWNER)
    assert not any(found.values()), found
    assert shown >= {
        "export_calls", "export_contacts", "find_duplicates", "list_calls", "list_calls_of_contact",
        "list_clients_of_employee", "list_contacts", "list_contacts_of_company",
        "list_waiting_callers", "look_up", "show_call", "show_contact", "show_main_data", "show_vcard",
    }  # fmt: skip
