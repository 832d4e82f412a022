"""The OpenAPI document says what is served, no more and no less."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp
from openapi_spec_validator import OpenAPIV31SpecValidator

from pbxd.api import RESOURCES
from pbxd.api.calls import CallsQuery
from pbxd.api.openapi import PATH
from pbxd.http.requests import Body
from tests.http.conftest import House
from tests.http.contract import validate

Document = dict[str, Any]


async def document(client: aiohttp.ClientSession) -> Document:
    async with client.get(PATH) as answer:
        assert answer.status == 200
        found: Document = await answer.json()
        return found


def operations(found: Document) -> Iterator[tuple[str, str, Document]]:
    for path, methods in found["paths"].items():
        for method, told in methods.items():
            yield method.upper(), path, told


async def test_every_operation_is_described_and_nothing_else(pbxd: House) -> None:
    found = await document(pbxd.public)  # needs no token
    assert found["openapi"] == "3.1.0"
    declared = [operation for resource in RESOURCES for operation in resource.operations]
    assert sorted((method, path) for method, path, _told in operations(found)) == sorted(
        (operation.method, operation.address) for operation in declared
    )
    names = [told["operationId"] for _method, _path, told in operations(found)]
    assert len(names) == len(set(names))


async def test_it_is_a_valid_document(pbxd: House) -> None:
    OpenAPIV31SpecValidator(await document(pbxd.local)).validate()


async def test_only_what_tells_nothing_about_anybody_is_open(pbxd: House) -> None:
    found = await document(pbxd.public)
    assert found["security"] == [{"token": []}, {"session": []}]
    assert {path for _method, path, told in operations(found) if told["security"] == []} == {
        "/healthz",
        "/readyz",
        "/api/v1/docs",
        "/api/v1/session",  # to sign in
        PATH,
    }


async def test_the_contract_page_has_each_operation_with_its_scope(pbxd: House) -> None:
    """`docs/http.md` is what people read."""
    page = (Path(__file__).parents[2] / "docs" / "http.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+) ([^`?]+)[^|]*\| (?:`([\w:]+)`|none, no token) \|", page, re.MULTILINE)
    found = await document(pbxd.local)
    assert {(method, path.strip()): scope for method, path, scope in rows} == {
        (method, path): (told["security"][0]["token"] or ["any"])[0] if told["security"] else ""
        for method, path, told in operations(found)
    }


async def test_every_operation_has_a_summary_its_path_s_names_and_a_problem(pbxd: House) -> None:
    for _method, path, told in operations(await document(pbxd.local)):
        assert told["summary"].endswith(".")
        assert told["tags"]
        assert "default" in told["responses"]
        assert any(status.startswith("2") for status in told["responses"])
        named = {each["name"] for each in told["parameters"] if each["in"] == "path"}
        assert named == set(re.findall(r"\{(\w+)\}", path))


async def test_every_reference_leads_somewhere(pbxd: House) -> None:
    found = await document(pbxd.local)

    def references(part: object) -> Iterator[str]:
        if isinstance(part, dict):
            for name, value in part.items():
                if name == "$ref":
                    yield value
                yield from references(value)
        elif isinstance(part, list):
            for value in part:
                yield from references(value)

    led = set(references(found))
    assert "#/components/schemas/CallRequest" in led
    assert led <= {f"#/components/schemas/{name}" for name in found["components"]["schemas"]}


async def test_parameters_are_those_the_server_takes(pbxd: House) -> None:
    paths = (await document(pbxd.local))["paths"]
    lookup = {each["name"]: each for each in paths["/api/v1/lookup"]["get"]["parameters"]}
    assert {name: each["required"] for name, each in lookup.items()} == {
        "number": True,
        "for": False,
        "inside": False,
        "explain": False,
    }
    calls = {each["name"]: each["schema"] for each in paths["/api/v1/calls"]["get"]["parameters"]}
    assert calls.keys() == {field.alias or name for name, field in CallsQuery.model_fields.items()}
    assert calls["limit"] == {"type": "integer", "minimum": 1, "maximum": 1000, "default": 50}
    assert "missed" in calls["outcome"]["enum"]


async def test_answers_have_the_members_that_are_promised(pbxd: House) -> None:
    found = await document(pbxd.local)
    asked = {"/api/v1/lookup": "?number=112", "/api/v1/calls": "", "/api/v1/queues": "", "/healthz": "", "/readyz": ""}
    for path, query in asked.items():
        async with pbxd.local.get(path + query) as answer:
            assert answer.status == 200
            schema = found["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
            schema = found["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
            members = await answer.json()
            assert set(schema["required"]) <= members.keys() <= schema["properties"].keys()


def test_the_readme_names_its_address() -> None:
    """As it stood there once, without its prefix, it was a 401."""
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"`GET (\S*openapi\.json)`", readme) == [PATH]


async def test_every_list_has_the_members_of_a_page(pbxd: House) -> None:
    """docs/http.md names those that have not: what they list is in no database."""
    found = await document(pbxd.public)
    lists, others = set[str](), set[str]()
    for _method, path, told in operations(found):
        for kind, content in told["responses"].get("200", {}).get("content", {}).items():
            name = content["schema"].get("$ref", "").rpartition("/")[2]
            members = found["components"]["schemas"].get(name, {}).get("properties", {})
            if kind == "application/json" and "items" in members:
                page = {"items", "total", "total_is_exact", "next", "seq"} <= members.keys()
                (lists if page else others).add(path)
    assert others == {"/api/v1/queues", "/api/v1/calls/live", "/api/v1/calls/{id}/recordings"}
    assert len(lists) == 17


async def test_every_operation_has_examples_that_are_valid(pbxd: House) -> None:
    """Of its path and what else it needs, its body, and its answer if that is JSON."""
    found = await document(pbxd.public)
    bodies = {
        operation.name: model
        for resource in RESOURCES
        for operation in resource.operations
        for model in operation.inputs.values()
        if issubclass(model, Body)
    }
    for method, path, told in operations(found):
        needed = [each for each in told["parameters"] if each["required"]]
        assert all("example" in each for each in needed), path
        asked = [each["name"] for each in needed if each["in"] == "query"]
        assert asked == (["number"] if told["operationId"] == "look_up" else []), path
        for kind, content in told.get("requestBody", {}).get("content", {}).items():
            if told["operationId"] in bodies:
                bodies[told["operationId"]].model_validate_json(json.dumps(content["example"]))
                assert content["example"], (method, path, kind)
        for status, answer in told["responses"].items():
            content = answer.get("content", {}).get("application/json")
            if status.startswith("2") and content:
                validate(content["example"], content["schema"])
                assert content["example"], (method, path)


async def test_the_page_has_every_operation_and_loads_nothing(pbxd: House) -> None:
    found = await document(pbxd.public)
    async with pbxd.public.get("/api/v1/docs") as answer:
        assert answer.status == 200
        assert answer.content_type == "text/html"
        policy = answer.headers["Content-Security-Policy"]
        page = await answer.text()
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style
    digest = b64encode(sha256(style[1].encode()).digest()).decode()
    assert f"'sha256-{digest}'" in policy
    assert not re.findall(r"<script|src=|<link|@import|url\(|javascript:", page)
    for method, path, told in operations(found):
        assert f"<code>{method} {path}</code>" in page
        assert f'id="{told["operationId"]}"' in page
