"""What an operation is: who may use it, what it takes, what it may answer."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Annotated, Any

import aiohttp
import pytest
from aiohttp import web
from pydantic import Field

from pbxd.http.answers import Answer, Reply
from pbxd.http.context import Context
from pbxd.http.operations import Resource, serve
from pbxd.http.requests import Body, Headers, PathParameters, Query
from pbxd.storage.access.tokens import Tokens
from tests.actors import acting_token
from tests.http.conftest import House, serving

things = Resource("things", "Things that only this test has.")


class Thing(Answer):
    id: int
    colour: str | None
    note: str = ""


class ThingPath(PathParameters):
    id: int


class ThingQuery(Query):
    colour: str = "red"
    size: Annotated[int, Field(ge=1)] = 1


class ThingHeaders(Headers):
    match: Annotated[int | None, Field(alias="If-Match")] = None


class ThingBody(Body):
    colour: str
    sizes: list[int]


@things.operation("GET", "/things/{id}", scope="queues:move")
async def show_thing(context: Context, path: ThingPath, query: ThingQuery) -> Thing:
    assert context.actor.is_administrator
    return Thing(id=path.id, colour=query.colour)


@things.operation("PUT", "/things/{id}", scope="lookup", status=(HTTPStatus.OK, HTTPStatus.CREATED))
async def put_thing(context: Context, path: ThingPath, headers: ThingHeaders, body: ThingBody) -> Reply[Thing]:
    del context
    made = Thing(id=path.id, colour=None, note=body.colour)
    return Reply(made, HTTPStatus(headers.match or 201), {"Location": f"/things/{path.id}"})


@things.operation("DELETE", "/things/{id}", scope="open", status=HTTPStatus.NO_CONTENT)
async def delete_thing(context: Context, path: ThingPath) -> None:
    del context, path


def mount(app: web.Application) -> None:
    serve(app, [things])
    app.router.add_get("/stray", _stray)


async def _stray(_request: web.Request) -> web.Response:
    return web.Response(text="nobody said who may see this")


async def ask(
    client: aiohttp.ClientSession,
    method: str,
    path: str,
    status: int,
    **more: Any,  # noqa: ANN401
) -> tuple[dict[str, Any], dict[str, str]]:
    async with client.request(method, path, **more) as answer:
        text = await answer.text()
        assert answer.status == status, text
        return json.loads(text or "{}"), dict(answer.headers)


@pytest.fixture
async def socket(pbxd: House) -> Any:  # noqa: ANN401
    async with serving(pbxd, mount):
        connector = aiohttp.UnixConnector(str(pbxd.settings.socket_path))
        async with aiohttp.ClientSession("http://pbxd", connector=connector) as client:
            yield client


async def test_what_has_no_operation_is_not_served_to_administrators(socket: aiohttp.ClientSession) -> None:
    told, _headers = await ask(socket, "GET", "/stray", 500)
    assert told["type"] == "urn:pbxd:internal"


async def test_what_has_no_operation_is_not_served_to_others(pbxd: House) -> None:
    async with serving(pbxd, mount) as server, aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as client:
        await ask(client, "GET", "/stray", 500)


async def test_a_token_without_the_scope_is_told_which_it_lacks(pbxd: House) -> None:
    _id, plain = await Tokens(pbxd.database).create("crm", acting_token("crm"))
    headers = {"Authorization": f"Bearer {plain}"}
    body = {"colour": "blue", "sizes": []}
    async with serving(pbxd, mount) as server, aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as client:
        await ask(client, "GET", "/things/1", 401)
        told, answered = await ask(client, "GET", "/things/1", 403, headers=headers)
        assert (told["reason"], told["scope"]) == ("insufficient-scope", "queues:move")
        assert answered["WWW-Authenticate"] == 'Bearer realm="pbxd", error="insufficient_scope", scope="queues:move"'
        await ask(client, "HEAD", "/things/1", 403, headers=headers)
        await ask(client, "PUT", "/things/1", 201, headers=headers, json=body)
        await ask(client, "DELETE", "/things/1", 204)


async def test_what_was_not_set_is_left_out_and_none_is_null(socket: aiohttp.ClientSession) -> None:
    assert (await ask(socket, "GET", "/things/7", 200))[0] == {"id": 7, "colour": "red"}
    told, headers = await ask(socket, "PUT", "/things/7", 201, json={"colour": "blue", "sizes": []})
    assert told == {"id": 7, "colour": None, "note": "blue"}
    assert headers["Location"] == "/things/7"
    assert headers["Content-Type"] == "application/json; charset=utf-8"


async def test_only_a_declared_status_is_answered(socket: aiohttp.ClientSession) -> None:
    asked: dict[str, Any] = {"json": {"colour": "blue", "sizes": []}}
    await ask(socket, "PUT", "/things/7", 200, headers={"If-Match": "200"}, **asked)
    await ask(socket, "PUT", "/things/7", 500, headers={"If-Match": "202"}, **asked)


async def test_an_address_that_can_be_none_is_not_found(socket: aiohttp.ClientSession) -> None:
    assert (await ask(socket, "GET", "/things/seven", 404))[0]["type"] == "urn:pbxd:not-found"


async def test_all_that_is_wrong_is_told_at_once(socket: aiohttp.ClientSession) -> None:
    told, _headers = await ask(socket, "PUT", "/things/7", 422, json={"sizes": [1, "two"], "a/b~": 1})
    assert told["field"] == "colour"
    assert told["detail"] == "colour: missing"
    assert told["errors"] == [
        {"pointer": "/colour", "code": "missing", "detail": "colour: missing"},
        {"pointer": "/sizes/1", "code": "int-type", "detail": "sizes.1: expected a whole number"},
        {"pointer": "/a~1b~0", "code": "extra-forbidden", "detail": "a/b~: unknown key"},
    ]
    told, _headers = await ask(socket, "GET", "/things/7?size=0&form=x", 422)
    assert [(each["parameter"], each["code"]) for each in told["errors"]] == [
        ("size", "greater-than-equal"),
        ("form", "extra-forbidden"),
    ]
    told, _headers = await ask(socket, "GET", "/things/7?size=1&size=2", 422)
    assert [(each["parameter"], each["code"]) for each in told["errors"]] == [("size", "repeated")]
    headers = {"If-Match": "x"}
    told, _headers = await ask(socket, "PUT", "/things/7", 422, headers=headers, json={"colour": "", "sizes": []})
    assert [(each["header"], each["code"]) for each in told["errors"]] == [("If-Match", "int-parsing")]


async def test_what_is_wrong_in_several_parts_is_told_at_once_and_a_body_that_is_none_first(
    socket: aiohttp.ClientSession,
) -> None:
    headers = {"If-Match": "x"}
    told, _headers = await ask(socket, "PUT", "/things/7", 422, headers=headers, json={"colour": "blue"})
    assert [each["code"] for each in told["errors"]] == ["missing", "int-parsing"]
    await ask(socket, "PUT", "/things/7", 415, headers=headers, data=b"{}")
    await ask(socket, "PUT", "/things/seven", 404, headers=headers, data=b"{}")


async def test_a_body_full_of_mistakes_is_answered_in_short(socket: aiohttp.ClientSession) -> None:
    told, _headers = await ask(socket, "PUT", "/things/7", 422, json={f"k{n}": n for n in range(3000)})
    assert len(told["errors"]) == 100


def test_an_operation_has_models() -> None:
    async def takes_text(context: Context, text: str) -> Thing:
        raise NotImplementedError

    async def answers_anything(context: Context) -> dict:  # type: ignore[type-arg]
        raise NotImplementedError

    for handler in (takes_text, answers_anything):
        with pytest.raises(TypeError, match="is no model"):
            things.operation("GET", "/nowhere", scope="open")(handler)  # type: ignore[type-var]
