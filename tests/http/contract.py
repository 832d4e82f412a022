"""Clients that check each answer they get against the OpenAPI document."""

from __future__ import annotations

import json
import re
from functools import cache
from types import SimpleNamespace
from typing import Any

import aiohttp
from jsonschema import Draft202012Validator

from pbxd.api import RESOURCES
from pbxd.api.openapi import document

Document = dict[str, Any]


@cache
def the_document() -> Document:
    operations = tuple(operation for resource in RESOURCES for operation in resource.operations)
    found: Document = json.loads(document(operations).encoded())
    return found


def checked_session(base: str, **more: Any) -> aiohttp.ClientSession:  # noqa: ANN401 - what ClientSession takes
    tracing = aiohttp.TraceConfig()
    tracing.on_request_end.append(_check)
    return aiohttp.ClientSession(base, trace_configs=[tracing], **more)


async def _check(
    _session: aiohttp.ClientSession, _context: SimpleNamespace, ended: aiohttp.TraceRequestEndParams
) -> None:
    answer = ended.response
    streams = {"application/x-ndjson", "text/event-stream"}
    if ended.method == "HEAD" or answer.content_type in streams:  # a stream is read by its test
        return
    check(ended.method, ended.url.path, answer.status, answer.content_type, await answer.read())


def check(method: str, path: str, status: int, content_type: str, body: bytes) -> None:
    """Fail unless the document has this answer."""
    operation = _operation(method, path)
    if operation is None:  # nothing is served there
        assert status in {401, 404, 405, 500}
        responses = {"default": {"content": {"application/problem+json": {"schema": reference("Problem")}}}}
    else:
        responses = operation["responses"]
    told = responses.get(str(status), responses["default"])
    if "content" not in told:
        assert body == b"", (status, body)
        return
    assert content_type in told["content"], (status, content_type)
    if told["content"][content_type]["schema"].get("format") == "binary":
        return
    value = body.decode() if content_type.startswith("text/") else json.loads(body)
    validate(value, told["content"][content_type]["schema"])


def validate(value: object, schema: Document) -> None:
    """Fail unless a value is what a schema of the document says."""
    Draft202012Validator(schema | {"components": the_document()["components"]}).validate(value)


def _operation(method: str, path: str) -> Document | None:
    paths = the_document()["paths"]
    matching = [address for address in paths if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", address), path)]
    address = min(
        matching, key=lambda each: (each.count("{"), -len(each)), default=None
    )  # /calls/plan before /calls/{id}
    found: Document | None = paths[address].get(method.lower()) if address else None
    return found


def reference(name: str) -> Document:
    return {"$ref": f"#/components/schemas/{name}"}
