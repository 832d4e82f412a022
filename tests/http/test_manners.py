"""How an operation on an object behaves: versions, merge patches, repeated requests, and the order of errors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from pbxd.errors import InvalidInputError, InvalidInputsError, NotFoundError, RefusedError, StaleError, UnavailableError
from pbxd.http.answers import Answer, Reply
from pbxd.http.context import Context
from pbxd.http.operations import Manners, Resource, serve
from pbxd.http.preconditions import etag
from pbxd.http.repetitions import RepeatableHeaders
from pbxd.http.requests import ActingQuery, Body, MergePatch, PathParameters, Query
from pbxd.storage.access.tokens import Tokens
from tests.actors import acting_token
from tests.http.conftest import House, serving, until

VERSION = 7


@dataclass
class Shelf:
    """What this test serves."""

    made: list[str] = field(default_factory=list)
    may_go_on: asyncio.Event = field(default_factory=asyncio.Event)
    failing: Exception | None = None


shelf = Shelf()
things = Resource("things", "Things that only this test has.")


class Thing(Answer):
    version: int
    colour: str = ""


class ThingPath(PathParameters):
    id: int


class ThingBody(Body):
    colour: str = ""
    sizes: tuple[int, ...] = ()


class ThingPatch(MergePatch):
    colour: str | None = None
    sizes: tuple[int, ...] = ()


class ThingQuery(ActingQuery):
    limit: int = 1


class PlainQuery(Query):
    after: str = ""


async def version_of(_context: Context, path: ThingPath) -> int:
    if path.id != 1:
        raise NotFoundError("there is no such thing")
    return VERSION


async def check(_context: Context, body: ThingPatch, _path: ThingPath) -> None:
    wrong = [InvalidInputError("colour", "no such colour", code="unknown")] if body.colour == "plaid" else []
    wrong += [InvalidInputError("sizes", "too big", at=(place,)) for place, size in enumerate(body.sizes) if size > 9]
    if wrong:
        raise InvalidInputsError(wrong)


@things.operation("PATCH", "/things/{id}", scope="lookup", manners=Manners(version_of, "needed", check))
async def change_thing(context: Context, path: ThingPath, query: ThingQuery, body: ThingPatch) -> Reply[Thing]:
    del query
    await check(context, body, path)
    if body.colour == "stale":
        raise StaleError("changed meanwhile")
    return Reply(Thing(version=context.pinned or 0, colour=body.colour or ""), headers=etag(VERSION + 1))


@things.operation(
    "DELETE", "/things/{id}", scope="lookup", status=HTTPStatus.NO_CONTENT, manners=Manners(version_of, "honoured")
)
async def delete_thing(context: Context, path: ThingPath) -> None:
    del context, path


@things.operation("POST", "/things", scope="lookup", status=HTTPStatus.CREATED)
async def make_thing(context: Context, headers: RepeatableHeaders, body: ThingBody) -> Reply[Thing]:
    del context, headers
    shelf.made.append(body.colour)
    if body.colour == "slow":
        await shelf.may_go_on.wait()
    if shelf.failing:
        raise shelf.failing
    return Reply(Thing(version=len(shelf.made)), headers={"Location": "/things/1", **etag(1)})


@things.operation("GET", "/things", scope="lookup")
async def list_things(context: Context, query: PlainQuery) -> Thing:
    del context
    raise InvalidInputError("after", f"not a cursor: {query.after}")


def mount(app: web.Application) -> None:
    serve(app, [things])


@pytest.fixture
async def crm(pbxd: House) -> AsyncIterator[aiohttp.ClientSession]:
    shelf.made, shelf.may_go_on, shelf.failing = [], asyncio.Event(), None
    _id, plain = await Tokens(pbxd.database).create("crm", acting_token("crm", "101"))
    async with (
        serving(pbxd, mount) as server,
        aiohttp.ClientSession(
            f"http://127.0.0.1:{server.port}", headers={"Authorization": f"Bearer {plain}"}
        ) as client,
    ):
        yield client


async def ask(
    client: aiohttp.ClientSession,
    method: str,
    path: str,
    status: int,
    **more: Any,  # noqa: ANN401
) -> tuple[dict[str, Any], Mapping[str, str]]:
    async with client.request(method, path, **more) as answer:
        text = await answer.text()
        assert answer.status == status, text
        return json.loads(text or "{}"), answer.headers.copy()


def matching(tag: str) -> dict[str, str]:
    return {"If-Match": tag}


@pytest.mark.parametrize(
    ("tag", "status", "pinned"),
    [
        ('"7"', 200, 7),
        ('W/"7"', 200, 7),
        ('"6", "7"', 200, 7),
        ("*", 200, 0),
        ('"6"', 412, 0),
        ('"77"', 412, 0),
        ("7", 412, 0),
        ("", 412, 0),
    ],
)
async def test_a_change_names_the_version_that_it_is_made_to(
    crm: aiohttp.ClientSession, tag: str, status: int, pinned: int
) -> None:
    told, headers = await ask(crm, "PATCH", "/things/1", status, json={}, headers=matching(tag))
    if status == 200:
        assert told["version"] == pinned
        assert headers["ETag"] == '"8"'
    else:
        assert told["type"] == "urn:pbxd:precondition-failed"


async def test_without_a_version_a_change_is_refused_and_a_deletion_is_not(crm: aiohttp.ClientSession) -> None:
    told, _headers = await ask(crm, "PATCH", "/things/1", 428, json={})
    assert told["type"] == "urn:pbxd:precondition-required"
    await ask(crm, "DELETE", "/things/1", 204)
    await ask(crm, "DELETE", "/things/1", 204, headers=matching('"7"'))
    await ask(crm, "DELETE", "/things/1", 412, headers=matching('"6"'))


async def test_what_changed_between_check_and_write_is_stale_too(crm: aiohttp.ClientSession) -> None:
    await ask(crm, "PATCH", "/things/1", 412, json={"colour": "stale"}, headers=matching('"7"'))


async def test_a_patch_is_json_by_either_name(crm: aiohttp.ClientSession) -> None:
    for kind, status in (("application/merge-patch+json", 200), ("application/json", 200), ("text/plain", 415)):
        headers = {"Content-Type": kind, **matching("*")}
        await ask(crm, "PATCH", "/things/1", status, data=b"{}", headers=headers)
    headers = {"Content-Type": "application/merge-patch+json"}
    await ask(crm, "POST", "/things", 415, data=b"{}", headers=headers)


async def test_errors_come_in_the_order_of_the_contract(crm: aiohttp.ClientSession) -> None:
    """Each request has all the mistakes of the statuses after its own."""
    wrong: dict[str, Any] = {"data": b"{", "headers": {"Content-Type": "text/plain"}}
    async with aiohttp.ClientSession(crm._base_url) as nobody:
        await ask(nobody, "PATCH", "/things/2?as=102&limit=x", 401, **wrong)
    await ask(crm, "PATCH", "/things/2?as=102&limit=x", 403, **wrong)
    await ask(crm, "PATCH", "/things/2?limit=x", 404, **wrong)
    await ask(crm, "PATCH", "/things/1?limit=x", 415, **wrong)
    kind = {"Content-Type": "application/json"}
    await ask(crm, "PATCH", "/things/1?limit=x", 413, data=b"{" * 70_000, headers=kind)
    await ask(crm, "PATCH", "/things/1?limit=x", 400, data=b"{", headers=kind)
    await ask(crm, "PATCH", "/things/1?limit=x", 428, json={"colour": 1})
    await ask(crm, "PATCH", "/things/1?limit=x", 412, json={"colour": 1}, headers=matching('"6"'))
    await ask(crm, "PATCH", "/things/1?limit=x", 422, json={"colour": 1}, headers=matching('"7"'))


async def test_mistakes_of_form_and_of_sense_are_told_together(crm: aiohttp.ClientSession) -> None:
    for body, found in (
        ({"colour": "plaid", "sizes": [1, 10, 11]}, {"/colour", "/sizes/1", "/sizes/2"}),
        ({"colour": 1, "sizes": [10]}, {"/colour", "/sizes/0"}),
        ({"colour": "plaid", "sizes": ["big", 10], "shape": 1}, {"/colour", "/sizes/0", "/shape"}),
    ):
        told, _headers = await ask(crm, "PATCH", "/things/1", 422, json=body, headers=matching("*"))
        assert {each["pointer"] for each in told["errors"]} == found
        assert told["field"] == told["errors"][0]["pointer"][1:].replace("/", ".")
        assert {each["code"] for each in told["errors"] if each["pointer"] == "/colour"} == {
            "unknown" if body["colour"] == "plaid" else "string-type"
        }


async def test_what_a_service_finds_in_the_query_is_a_parameter(crm: aiohttp.ClientSession) -> None:
    told, _headers = await ask(crm, "GET", "/things?after=x", 422)
    assert [(each["parameter"], each["code"]) for each in told["errors"]] == [("after", "invalid")]


async def test_a_repeated_request_has_the_first_answer_and_does_nothing(crm: aiohttp.ClientSession) -> None:
    headers = {"Idempotency-Key": "k1"}
    first, sent = await ask(crm, "POST", "/things", 201, json={"colour": "red", "sizes": [1]}, headers=headers)
    again, repeated = await ask(crm, "POST", "/things", 201, data=b'{"sizes":[1], "colour":"red"}', headers={
        **headers, "Content-Type": "application/json"
    })  # fmt: skip
    assert again == first
    assert [repeated[name] for name in ("Location", "ETag", "Content-Type")] == [
        sent[name] for name in ("Location", "ETag", "Content-Type")
    ]
    assert shelf.made == ["red"]
    told, _headers = await ask(crm, "POST", "/things", 422, json={"colour": "blue"}, headers=headers)
    assert told["errors"][0]["header"] == "Idempotency-Key"
    await ask(crm, "POST", "/things", 201, json={"colour": "blue"}, headers={"Idempotency-Key": "k2"})
    await ask(crm, "POST", "/things", 201, json={"colour": "blue"})
    assert shelf.made == ["red", "blue", "blue"]


async def test_a_key_is_of_one_token(pbxd: House, crm: aiohttp.ClientSession) -> None:
    headers = {"Idempotency-Key": "k1"}
    await ask(crm, "POST", "/things", 201, json={"colour": "red"}, headers=headers)
    _id, plain = await Tokens(pbxd.database).create("crm", acting_token("crm", "101"))
    more = {"Authorization": f"Bearer {plain}"}
    await ask(crm, "POST", "/things", 201, json={"colour": "blue"}, headers=headers | more)
    assert shelf.made == ["red", "blue"]


async def test_a_request_that_is_still_under_way_is_not_done_again(crm: aiohttp.ClientSession) -> None:
    headers = {"Idempotency-Key": "k1"}
    asked: dict[str, Any] = {"json": {"colour": "slow"}, "headers": headers}
    async with asyncio.TaskGroup() as group:
        first = group.create_task(ask(crm, "POST", "/things", 201, **asked))
        await until(lambda: bool(shelf.made))
        await ask(crm, "POST", "/things", 409, **asked)
        shelf.may_go_on.set()
    await ask(crm, "POST", "/things", 201, **asked)
    assert shelf.made == ["slow"]
    assert first.result()[0] == {"version": 1}


async def test_what_was_refused_may_be_tried_again(crm: aiohttp.ClientSession) -> None:
    asked: dict[str, Any] = {"json": {"colour": "red"}, "headers": {"Idempotency-Key": "k1"}}
    shelf.failing = UnavailableError("the PBX is away")
    _told, headers = await ask(crm, "POST", "/things", 503, **asked)
    assert headers["Retry-After"] == "5"
    shelf.failing = RefusedError("too-many", "slow down", retry_after=12.3)
    _told, headers = await ask(crm, "POST", "/things", 429, **asked)
    assert headers["Retry-After"] == "13"
    shelf.failing = None
    await ask(crm, "POST", "/things", 201, **asked)
    await ask(crm, "POST", "/things", 201, **asked)
    assert len(shelf.made) == 3


@pytest.mark.parametrize("key", ["", "with blank", "ключ", "x" * 256])
async def test_an_unusable_key_is_refused(crm: aiohttp.ClientSession, key: str) -> None:
    told, _headers = await ask(crm, "POST", "/things", 422, json={}, headers={"Idempotency-Key": key})
    assert told["errors"][0]["header"] == "Idempotency-Key"
    assert shelf.made == []
