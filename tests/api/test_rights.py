"""Every operation × role × scope × owner, compared with the one table of rights (`pbxd.roles`)."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from pbxd.actor import Actor
from pbxd.api import RESOURCES
from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.book.employees import Employee
from pbxd.calls.record import Agent, CallRecord, Party
from pbxd.http.operations import Operation
from pbxd.http.session_cookies import PLAIN_NAME
from pbxd.roles import ROLES, TABLE, Role, Sights, role_needed
from pbxd.scopes import ALL, Scope, Scopes
from pbxd.storage.access.tokens import Tokens
from pbxd.storage.book.employees import Employees
from pbxd.storage.calls.calls import Calls
from tests.actors import ADMINISTRATOR, acting_token, agent
from tests.api.test_sessions import let_in
from tests.http.conftest import House, serving
from tests.services.test_sights import NOW

OPERATIONS = [each for resource in RESOURCES for each in resource.operations if each.scope not in {"open", "any"}]
OWNER = "101"
USERS: dict[Role, str] = {"agent": "102", "supervisor": "103", "administrator": "104"}
REFUSED = {"insufficient-scope", "not-supervisor", "not-administrator"}
Headers = Mapping[str, str]


class Client:
    """Sends requests that need no more than to be let in: nothing has their ids, and their bodies are empty."""

    def __init__(self, session: aiohttp.ClientSession, pbxd: House) -> None:
        self.session, self.pbxd = session, pbxd
        self.cookies: dict[str, Headers] = {}

    async def refusal(self, operation: Operation, headers: Headers) -> str:
        """Return why an operation refuses somebody at the door; empty: it lets them in."""
        path = re.sub(r"\{\w+\}", "999999", operation.address.replace("{format}", "xlsx"))
        status, told = await self.ask(operation.method, path, headers, {} if _has_body(operation) else None)
        assert status != 401
        assert status < 500, (operation.name, told)
        reason = str(told.get("reason", ""))
        if reason == "insufficient-scope":
            assert told["scope"] == operation.scope
        return reason if reason in REFUSED else ""

    async def ask(
        self, method: str, path: str, headers: Headers, body: object = None, **query: str
    ) -> tuple[int, dict[str, Any]]:
        """Return the status and, of a problem or an object, the JSON. A stream is left at once."""
        async with self.session.request(method, path, headers=headers, json=body, params=query) as answer:
            if "json" not in answer.content_type or "ndjson" in answer.content_type:
                return answer.status, {}
            return answer.status, await answer.json() if answer.status != 204 else {}

    async def token(self, actor: Actor) -> Headers:
        _id, plain = await Tokens(self.pbxd.database).create("x", actor)
        return {"Authorization": f"Bearer {plain}"}

    async def signed_in(self, who: str, role: Role = "agent") -> Headers:
        if who not in self.cookies:
            self.cookies[who] = {"Cookie": f"{PLAIN_NAME}={await let_in(self.pbxd, who, role)}"}
        return self.cookies[who]


def _has_body(operation: Operation) -> bool:
    return any(model.place == "pointer" for model in operation.inputs.values())


@pytest.fixture
async def client(pbxd: House) -> AsyncIterator[Client]:
    people = [Employee(each, f"Сотрудник {each}") for each in (OWNER, *USERS.values())]
    await Employees(pbxd.database).upsert(people, source="list")
    await pbxd.directory._refresh()
    async with aiohttp.ClientSession(
        f"http://127.0.0.1:{pbxd.server.port}", cookie_jar=aiohttp.DummyCookieJar()
    ) as one:
        made = Client(one, pbxd)
        for role, who in USERS.items():
            await made.signed_in(who, role)
        await made.signed_in(OWNER)
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
        body: object = {} if _has_body(operation) else None
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


@pytest.mark.parametrize("role", ROLES)
async def test_shared_contacts_are_deleted_by_who_made_them_or_an_administrator(client: Client, role: Role) -> None:
    reach = TABLE["delete shared contacts"].of(role)
    headers = await client.signed_in(USERS[role])
    for maker in (ADMINISTRATOR, agent(USERS[role])):
        card = await client.pbxd.contacts.add(
            ContactDraft("Общий", numbers=(ContactNumber("+79160000009"),)), actor=maker
        )
        path = f"/api/v1/contacts/{card.id}"
        assert (await client.ask("PATCH", path, dict(headers) | {"If-Match": "*"}, {"comment": "x"}))[0] == 200
        status, told = await client.ask("DELETE", path, headers)
        if maker is ADMINISTRATOR and reach == "own":
            assert (status, told["reason"]) == (403, "not-creator")
        else:
            assert status == 204


@pytest.mark.parametrize("role", ROLES)
async def test_calls_of_others_are_followed_and_ended_as_the_table_says(client: Client, role: Role) -> None:
    target = {"target": "+79160000009"}
    owner, other = await client.signed_in(OWNER), await client.signed_in(USERS[role])
    status, made = await client.ask("POST", "/api/v1/calls", owner, target)
    assert status == 202
    whole = TABLE["follow and end calls"].of(role) == "everything"
    assert TABLE["make calls"].of(role) == "own"
    asked = {
        "plan": await client.ask("POST", "/api/v1/calls/plan", other, target | {"agent": OWNER}),
        "states": await client.ask("GET", f"/api/v1/calls/{made['id']}/states", other),
        "hangup": await client.ask("POST", f"/api/v1/calls/{made['id']}/hangup", other),
    }
    for name, (status, told) in asked.items():
        assert (status < 300) == whole, (name, told)
        assert whole or told["reason"] == "other-employee"
    status, told = await client.ask("POST", "/api/v1/calls", other, target | {"agent": OWNER})
    assert (status, told["reason"]) == (403, "other-employee"), "nobody rings somebody else's phone"


@pytest.mark.parametrize("role", ROLES)
async def test_what_agents_see_is_set_for_agents_alone(client: Client, role: Role) -> None:
    pbxd = client.pbxd
    for manager in (OWNER, USERS[role]):
        await pbxd.contacts.add(ContactDraft(f"Клиент {manager}", manager=manager), actor=ADMINISTRATOR)
    record = CallRecord(
        id="01J00000000000000000000001", pbx="pbx", linkedid="1", started=NOW, ended=NOW, outcome="answered",
        caller=Party("+79160000009"), agents=[Agent(OWNER)], answered_by=[OWNER],
    )  # fmt: skip
    await Calls(pbxd.database).upsert([record])
    limited = replace(pbxd, services=replace(pbxd.services, sights=lambda: Sights("own", "own")))
    headers = await client.signed_in(USERS[role])
    async with (
        serving(limited) as server,
        aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session,
    ):
        here = Client(session, limited)
        found = (await here.ask("GET", "/api/v1/contacts", headers))[1]["total"]
        calls = (await here.ask("GET", "/api/v1/calls", headers))[1]["total"]
        status, _told = await here.ask("GET", f"/api/v1/calls/{record.id}", headers)
    few = TABLE["see calls"].of(role) == TABLE["see shared contacts"].of(role) == "as set"
    assert (found, calls, status) == ((1, 0, 404) if few else (2, 1, 200))
