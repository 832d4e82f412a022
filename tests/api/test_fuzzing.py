"""Requests made from the OpenAPI document by schemathesis: nothing but what the document says may come back.

A smoke of it here; the long run, with every check and every kind of asker, in `make soak`.
"""

from __future__ import annotations

import asyncio
import json
import time
import warnings
from pathlib import Path
from typing import Any, get_args

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.openapi.checks import IgnoredAuth
from schemathesis.specs.openapi.checks import positive_data_acceptance

from pbxd.actor import Actor
from pbxd.api import RESOURCES
from pbxd.api.openapi import document
from pbxd.scopes import Scope
from pbxd.storage.access.tokens import Tokens
from tests.actors import acting_token
from tests.api.crm import ALL, COMPANIES, IGOR, crm
from tests.databases import Cluster
from tests.http.conftest import House, house

STREAMS = {"follow_call", "follow_events"}  # they go on
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


def described() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(document(OPERATIONS).encoded())
    return found


def ask_everything(base: str, headers: dict[str, str], examples: int) -> int:
    """Ask every operation so many times; return how many there are. Raises what schemathesis finds."""
    schema = schemathesis.openapi.from_dict(described())
    schema.config.update(base_url=base)
    asked = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        if operation.definition.raw["operationId"] in STREAMS:
            continue

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
            ask_one(case, headers)

        ask()
        asked += 1
    return asked


def ask_one(case: schemathesis.Case[Any], headers: dict[str, str]) -> None:
    """Ask once; again where a busy machine could not tell within two seconds whether a token is known, which is 503."""
    for last in (False, False, True):
        try:
            case.call_and_validate(headers=headers, excluded_checks=LEFT_OUT, timeout=30)
        except FailureGroup as found:
            busy = all(isinstance(each, IgnoredAuth) and "got `503" in each.message for each in found.exceptions)
            if last or not busy:
                raise
            time.sleep(2)
        else:
            return


async def fuzz(pbxd: House, actor: Actor, examples: int) -> None:
    async with crm(pbxd, "101") as client:
        await client.add({**IGOR, "company": "Ромашка", "external": {"crm": "1"}})
        await client.add({"name": "Ромашка 2"}, COMPANIES)
    _id, plain = await Tokens(pbxd.database).create("fuzz", actor)
    headers = {"Authorization": f"Bearer {plain}"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries between schemathesis and us
        base = f"http://127.0.0.1:{pbxd.server.port}"
        asked = await asyncio.to_thread(ask_everything, base, headers, examples)
    assert asked > 40


async def test_nothing_but_what_the_document_says_comes_back(pbxd: House) -> None:
    await fuzz(pbxd, ASKERS["employee"], 2)


@pytest.mark.soak
@pytest.mark.parametrize("asker", ASKERS)
async def test_nothing_else_comes_back_for_long_on_both_databases(
    asker: str, backend: str, request: pytest.FixtureRequest, tmp_path: Path, empty_book: Path
) -> None:
    url = "sqlite+aiosqlite:///book.db"
    if backend == "postgresql":
        running: Cluster = request.getfixturevalue("postgresql")
        url = await running.ready()
    async with house(tmp_path, empty_book, url=url) as built:
        await fuzz(built, ASKERS[asker], 30)
