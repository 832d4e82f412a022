"""Requests made from the OpenAPI document by schemathesis: nothing but what the document says may come back.

A smoke of it here; the long run, with every check and every kind of asker, in `make soak`.
"""

from __future__ import annotations

import asyncio
import json
import time
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple, get_args

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.openapi.checks import IgnoredAuth
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import positive_data_acceptance

from pbxd.actor import Actor
from pbxd.api import RESOURCES
from pbxd.api.openapi import document
from pbxd.book.employees import Employee
from pbxd.calls.events import SnapshotEnded
from pbxd.http.session_cookies import PLAIN_NAME
from pbxd.roles import ROLES, Role
from pbxd.scopes import Scope
from pbxd.storage.access.tokens import Tokens
from pbxd.storage.book.employees import Employees
from tests.actors import acting_token
from tests.api.crm import ALL, COMPANIES, IGOR, crm
from tests.api.test_sessions import let_in
from tests.http.conftest import House

STREAMS: dict[str, list[dict[str, Any]]] = {  # they go on, so that only their refusals are asked for
    "follow_call": [{"path_parameters": {"id": "01KB6V6ZJ5X2W7Q3M8N4C0T9RD"}}],
    "follow_events": [
        {"query": query}
        for query in ({"kinds": "call.rang"}, {"after": "-1"}, {"after": "x"}, {"mine": "perhaps"}, {"queues": "sales"})
    ],
}
# Data that fit the schema may be refused all the same: numbers that nobody can dial, cursors of another list.
LEFT_OUT: list[Any] = [positive_data_acceptance]
OPERATIONS = tuple(operation for resource in RESOURCES for operation in resource.operations)


SCOPES: tuple[Scope, ...] = get_args(Scope)
ASKERS: dict[str, Actor] = {
    "employee": acting_token("fuzz", "101", scopes=ALL),
    "any": acting_token("fuzz", acts_for_any=True, scopes=ALL),
    "nobody": acting_token("fuzz", scopes=ALL),
    "administrator": acting_token("fuzz", scopes=frozenset(SCOPES)),
    **{scope: acting_token("fuzz", "101", scopes=frozenset({scope})) for scope in SCOPES},
}


SESSIONS: dict[str, tuple[Role, str]] = {  # role, and what the browser says of where a request comes from
    **{f"session of an {role}".replace("an s", "a s"): (role, "same-origin") for role in ROLES},
    "session, from another site": ("administrator", "cross-site"),
}


class Credentials(NamedTuple):
    """What a request says of who asks."""

    headers: dict[str, str]
    cookies: dict[str, str]


def described() -> dict[str, Any]:
    """Return the document; over plain HTTP the session's cookie has another name than it says."""
    found: dict[str, Any] = json.loads(document(OPERATIONS).encoded())
    found["components"]["securitySchemes"]["session"]["name"] = PLAIN_NAME
    return found


def ask_everything(base: str, credentials_for: Callable[[int], Credentials], examples: int) -> Counter[int]:
    """Ask every operation so many times; return how often each status came. Raises what schemathesis finds.

    `credentials_for` returns those of who asks the operation of this number.
    """
    schema = schemathesis.openapi.from_dict(described())
    schema.config.update(base_url=base)
    schema.config.generation.with_security_parameters = False  # made-up tokens would beat the cookie
    number, statuses = 0, Counter[int]()
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        statuses.update(ask_operation(found.ok(), credentials_for(number), examples))
        number += 1
    assert number == len(OPERATIONS)
    return statuses


def ask_operation(operation: APIOperation[Any, Any, Any, Any], credentials: Credentials, examples: int) -> list[int]:
    """Ask an operation so many times; return the statuses."""
    if refused := STREAMS.get(operation.definition.raw["operationId"]):
        return [ask_one(operation.Case(**values), credentials) for values in refused]
    statuses = list[int]()

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=examples < 10,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case: schemathesis.Case[Any]) -> None:
        statuses.append(ask_one(case, credentials))

    ask()
    return statuses


def ask_one(case: schemathesis.Case[Any], credentials: Credentials) -> int:
    """Ask once; return the status.

    Again where a busy machine could not tell within two seconds whether a token is known, which is 503.
    """
    for last in (False, False, True):
        try:
            headers, cookies = credentials
            return case.call_and_validate(
                headers=headers, cookies=cookies, excluded_checks=LEFT_OUT, timeout=30
            ).status_code
        except FailureGroup as found:
            busy = all(isinstance(each, IgnoredAuth) and "got `503" in each.message for each in found.exceptions)
            if last or not busy:
                raise
            time.sleep(2)
    raise AssertionError("unreachable")


async def fuzz(pbxd: House, credentials_for: Callable[[int], Credentials], examples: int) -> None:
    pbxd.click_to_call.feed(SnapshotEnded(1))  # there are no calls of an earlier process
    async with crm(pbxd, "101") as client:
        await client.add({**IGOR, "company": "Ромашка", "external": {"crm": "1"}})
        await client.add({"name": "Ромашка 2"}, COMPANIES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries between schemathesis and us
        base = f"http://127.0.0.1:{pbxd.server.port}"
        statuses = await asyncio.to_thread(ask_everything, base, credentials_for, examples)
    assert statuses[401] * 10 < statuses.total(), "the asker is nobody known"


async def with_tokens(pbxd: House, asker: str) -> Callable[[int], Credentials]:
    """Create another token for each operation, since one of them revokes tokens."""
    loop = asyncio.get_running_loop()

    def credentials_for(_operation: int) -> Credentials:
        creating = Tokens(pbxd.database).create("fuzz", ASKERS[asker])
        _id, plain = asyncio.run_coroutine_threadsafe(creating, loop).result()
        return Credentials({"Authorization": f"Bearer {plain}"}, {})

    return credentials_for


async def with_sessions(pbxd: House, role: Role, site: str) -> Callable[[int], Credentials]:
    """Sign somebody else in for each operation, since some of them end sessions and block users."""
    people = [Employee(str(201 + number), f"Сотрудник {number}") for number in range(len(OPERATIONS))]
    await Employees(pbxd.database).upsert(people, source="list")
    await pbxd.directory.load()
    loop = asyncio.get_running_loop()

    def credentials_for(operation: int) -> Credentials:
        signing_in = let_in(pbxd, people[operation].extension, role)
        cookie = asyncio.run_coroutine_threadsafe(signing_in, loop).result()
        return Credentials({"Sec-Fetch-Site": site}, {PLAIN_NAME: cookie})

    return credentials_for


async def test_nothing_but_what_the_document_says_comes_back(pbxd: House) -> None:
    await fuzz(pbxd, await with_tokens(pbxd, "employee"), 2)


@pytest.mark.soak
@pytest.mark.both_databases
@pytest.mark.parametrize("asker", [*ASKERS, *SESSIONS])
async def test_nothing_else_comes_back_for_long_on_both_databases(asker: str, pbxd: House) -> None:
    in_session = asker in SESSIONS
    asking = with_sessions(pbxd, *SESSIONS[asker]) if in_session else with_tokens(pbxd, asker)
    await fuzz(pbxd, await asking, 30)
