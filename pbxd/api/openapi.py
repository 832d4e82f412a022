"""The OpenAPI 3.1 document of what is served, made from the request models, the handlers' docstrings and one table."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from pbxd import __version__
from pbxd.http.requests import Body, CallQuery, CallRequest, CallsQuery, LookupQuery, Query

PATH = "/api/v1/openapi.json"
JSON = "application/json"
Schema = dict[str, Any]
DOCUMENT = web.AppKey("openapi", dict)
routes = web.RouteTableDef()


def _members(*required: str, **types: str) -> Schema:
    """Describe an object: members of no certain type that are always there, and others with their JSON type."""
    known: Schema = {name: {} for name in required}
    return {
        "type": "object",
        "required": list(required),
        "properties": known | {name: {"type": kind} for name, kind in types.items()},
    }


CALL = {
    **_members("id"),
    "description": "A call's record; `state` and `reason` beside it for some minutes when it was made here.",
}
PAGE = {
    "type": "object",
    "required": ["total", "total_is_exact", "items", "gaps"],
    "properties": {
        "total": {"type": "integer"},
        "total_is_exact": {"type": "boolean"},
        "items": {"type": "array", "items": CALL},
        "gaps": {"type": "array", "items": _members("id", "pbx", "from", "to", "why", "calls", "filled")},
        "gaps_total": {"type": "integer", "description": "how many there are, where `gaps` has not all"},
    },
}
WAITING = {
    "type": "object",
    "required": ["items"],
    "properties": {"items": {"type": "array", "items": {"type": "object"}}},
}
MATCH = _members("status", "number", "name", "company", "contact", "vip", "manager", display="string", private="string")
STATE = _members("id", "state", "at", "reason")
ACCEPTED = _members("id", state="string", repeated="boolean")
READY = _members("ready", "pbx", "database", "index_age_seconds", faults="object")
PROBLEM = {
    **_members("type", "title", "status", "detail", field="string", reason="string"),
    "description": "RFC 9457; `type` is urn:pbxd: and a stable word.",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """What the handler's code can't tell: its models and its answers."""

    answers: Mapping[int, Schema]
    query: type[Query] | None = None
    body: type[Body] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)  # name -> what it does; none is required
    content: str = JSON
    is_open: bool = False  # needs no token


OPERATIONS: dict[tuple[str, str], Operation] = {
    ("GET", "/healthz"): Operation({200: _members("status")}, is_open=True),
    ("GET", "/readyz"): Operation({200: READY, 503: READY}, is_open=True),
    ("GET", PATH): Operation({200: {"type": "object"}}, is_open=True),
    ("GET", "/api/v1/lookup"): Operation({200: MATCH}, query=LookupQuery),
    ("GET", "/api/v1/queues"): Operation({200: WAITING}),
    ("GET", "/api/v1/calls"): Operation({200: PAGE}, query=CallsQuery),
    ("POST", "/api/v1/calls"): Operation(
        {202: ACCEPTED},
        body=CallRequest,
        headers={"Idempotency-Key": "The same key and body again ring nobody again; another body is refused."},
    ),
    ("POST", "/api/v1/calls/plan"): Operation({200: {"type": "object"}}, body=CallRequest),
    ("GET", "/api/v1/calls/{id}"): Operation({200: CALL}, query=CallQuery),
    ("GET", "/api/v1/calls/{id}/states"): Operation({200: STATE}, content="application/x-ndjson"),
    ("POST", "/api/v1/calls/{id}/hangup"): Operation({202: ACCEPTED}),
}


@routes.get(PATH)
async def openapi(request: web.Request) -> web.Response:
    """Answer this document."""
    return web.json_response(request.app[DOCUMENT])


def document(app: web.Application) -> Schema:
    """Describe every route of `app`; KeyError names one that OPERATIONS doesn't have."""
    paths: dict[str, Schema] = {}
    schemas: Schema = {"Problem": PROBLEM}
    for route in app.router.routes():
        if route.resource is None or route.method == "HEAD":  # HEAD comes with each GET
            continue
        path = route.resource.canonical
        described = _operation(path, route.handler, OPERATIONS[route.method, path], schemas)
        paths.setdefault(path, {})[route.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {"title": "pbxd", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _operation(path: str, handler: object, operation: Operation, schemas: Schema) -> Schema:
    summary, _blank, description = (inspect.getdoc(handler) or "").partition("\n\n")
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    told: Schema = {
        "summary": summary.replace("\n", " "),
        "parameters": [*_in_path(path), *_in_query(operation.query), *_in_header(operation.headers)],
        "responses": {
            str(status): {"description": _PHRASES[status], "content": {operation.content: {"schema": schema}}}
            for status, schema in operation.answers.items()
        }
        | {"default": {"description": "What went wrong.", "content": problem}},
    }
    if description:
        told["description"] = description
    if operation.body:
        told["requestBody"] = {"required": True, "content": {JSON: {"schema": _reference(operation.body, schemas)}}}
    if operation.is_open:
        told["security"] = []
    return told


_PHRASES = {200: "Done.", 202: "Begun.", 503: "Not ready."}


def _in_path(path: str) -> list[Schema]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _in_query(model: type[Query] | None) -> list[Schema]:
    if model is None:
        return []
    whole = model.model_json_schema()
    required = whole.get("required", [])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": _without_null(schema)}
        for name, schema in whole["properties"].items()
    ]


def _in_header(headers: Mapping[str, str]) -> list[Schema]:
    return [
        {"name": name, "in": "header", "required": False, "description": why, "schema": {"type": "string"}}
        for name, why in headers.items()
    ]


def _without_null(schema: Schema) -> Schema:
    """Take null out: in a query a name that is not given is left out."""
    choices = [each for each in schema.get("anyOf", []) if each != {"type": "null"}]
    rest = {name: value for name, value in schema.items() if name not in {"anyOf", "title"} and value is not None}
    return rest | choices[0] if len(choices) == 1 else {**rest, **({"anyOf": choices} if choices else {})}


def _reference(model: type[Body], schemas: Schema) -> Schema:
    whole = model.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= whole.pop("$defs", {})
    schemas[model.__name__] = whole
    return {"$ref": f"#/components/schemas/{model.__name__}"}
