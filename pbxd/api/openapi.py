"""The OpenAPI 3.1 document of everything that is served, made from the operations themselves."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from functools import cache
from http import HTTPStatus
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from pbxd import __version__
from pbxd.api.examples import Examples
from pbxd.http.answers import Answer
from pbxd.http.context import Context
from pbxd.http.operations import OPERATIONS, Operation, Resource
from pbxd.http.problems import PROBLEM, Problem
from pbxd.http.requests import Body, Input, PathParameters
from pbxd.http.session_cookies import PLAIN_NAME, SECURE_NAME
from pbxd.http.uploads import Form
from pbxd.scopes import Scope

PATH = "/api/v1/openapi.json"
Schema = dict[str, Any]
_REFERENCE = "#/components/schemas/{model}"
_PLACES = {"path": "path", "parameter": "query", "header": "header"}
_MEANINGS = {
    HTTPStatus.OK: "Done.",
    HTTPStatus.CREATED: "Created.",
    HTTPStatus.ACCEPTED: "Begun.",
    HTTPStatus.NO_CONTENT: "Done.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not ready.",
    HTTPStatus.PARTIAL_CONTENT: "The part that `Range` names.",
    HTTPStatus.NOT_MODIFIED: "It is still as the asker has it.",
}
_TOKEN_PROBLEMS = {
    HTTPStatus.UNAUTHORIZED: "There is no valid token or session.",
    HTTPStatus.FORBIDDEN: "The token lacks the scope, or its role or the user's does not reach so far.",
}
_PATH_PROBLEMS = {HTTPStatus.NOT_FOUND: "There is no such thing, or the asker may not know of it."}
_BODY_PROBLEMS = {
    HTTPStatus.BAD_REQUEST: "The body can't be read.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too long.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "The body is of another type.",
}
_STALE_PROBLEM = {HTTPStatus.PRECONDITION_FAILED: "The object has another version than `If-Match` names."}
_VERSION_PROBLEM = {HTTPStatus.PRECONDITION_REQUIRED: "`If-Match` is missing."}
_REPEATED_PROBLEM = {HTTPStatus.CONFLICT: "The first request with this `Idempotency-Key` is still under way."}
_INPUT_PROBLEMS = {HTTPStatus.UNPROCESSABLE_ENTITY: "Something in the request is not what it should be."}

resource = Resource("openapi", "This document.")


class OpenApiAnswer(Answer):
    """An OpenAPI 3.1 document."""

    openapi: str
    info: dict[str, Any]
    tags: tuple[dict[str, Any], ...]
    paths: dict[str, Any]
    components: dict[str, Any]
    security: tuple[dict[str, Any], ...]


@resource.operation("GET", PATH, scope="open")
async def show_openapi(context: Context) -> OpenApiAnswer:
    """Show this document."""
    return document(tuple(dict.fromkeys(context.request.app[OPERATIONS].values())))


@cache
def document(operations: tuple[Operation, ...]) -> OpenApiAnswer:
    """Describe operations."""
    models = {model for operation in operations for model in _models(operation)} | {Problem}
    modes: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        (model, "validation" if issubclass(model, Input) else "serialization") for model in models
    ]
    references, definitions = models_json_schema(sorted(modes, key=str), ref_template=_REFERENCE)
    named = {model: schema for (model, _mode), schema in references.items()}
    paths: dict[str, Schema] = {}
    examples = Examples(definitions["$defs"])
    for operation in operations:
        described = _operation(operation, named)
        _add_examples(described, examples)
        paths.setdefault(operation.address, {})[operation.method.lower()] = described
    return OpenApiAnswer(
        openapi="3.1.0",
        info={"title": "pbxd", "version": __version__},
        tags=tuple(_tags(operations)),
        paths=paths,
        components={
            "schemas": definitions["$defs"],
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": f"Scopes: {', '.join(get_args(Scope))}."},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": SECURE_NAME,
                    "description": f"Set by `POST /api/v1/session`; over plain HTTP its name is `{PLAIN_NAME}`.",
                },
            },
        },
        security=({"token": []}, {"session": []}),
    )


def _models(operation: Operation) -> Iterable[type[BaseModel]]:
    """Return the models that stand in the document by themselves; those of parameters are taken apart."""
    return (*operation.answers, *(model for model in operation.inputs.values() if issubclass(model, Body | Form)))


def _tags(operations: Iterable[Operation]) -> Iterable[Schema]:
    for each in dict.fromkeys(operation.resource for operation in operations):
        yield {"name": each.name, "description": each.summary}


def _operation(operation: Operation, named: dict[Any, Schema]) -> Schema:
    summary, _blank, description = (inspect.getdoc(operation.handler) or "").partition("\n\n")
    described: Schema = {
        "operationId": operation.name,
        "tags": [operation.resource.name],
        "summary": summary.replace("\n", " "),
        "parameters": [each for model in operation.inputs.values() for each in _parameters(model)],
        "responses": _responses(operation, named),
        "security": _security(operation),
    }
    if description:
        described["description"] = description
    for model in operation.inputs.values():
        if issubclass(model, Body | Form):
            described["requestBody"] = {
                "required": True,
                "content": {kind: {"schema": named[model]} for kind in model.content_types},
            }
    described["parameters"] += _preconditions(operation)
    return described


def _add_examples(described: Schema, examples: Examples) -> None:
    """Add an example to each parameter that a path or a request needs, to the body, and to each good answer."""
    for parameter in described["parameters"]:
        if parameter["required"]:
            parameter.setdefault("example", examples.of(parameter["schema"], parameter["name"]))
    good = [answer for status, answer in described["responses"].items() if status.startswith("2")]
    for holder in (described.get("requestBody", {}), *good):
        for kind, content in holder.get("content", {}).items():
            if content["schema"].get("format") != "binary":
                content["example"] = examples.of(content["schema"], kind)


def _preconditions(operation: Operation) -> list[Schema]:
    """Describe `If-Match`. It is never `required`: who leaves it out is told so by a status of its own."""
    if not operation.manners.if_match:
        return []
    how = "Needed" if operation.manners.if_match == "needed" else "Optional"
    about = f"{how}: the `ETag` that the object had when it was read, or `*`."
    return [
        {"name": "If-Match", "in": "header", "required": False, "description": about, "schema": {"type": "string"},
         "example": '"7"'}
    ]  # fmt: skip


def _security(operation: Operation) -> list[Schema]:
    if operation.scope == "open":
        return []
    return [{"token": [] if operation.scope == "any" else [operation.scope]}, {"session": []}]


def _responses(operation: Operation, named: dict[Any, Schema]) -> Schema:
    schemas = [named[model] for model in operation.answers]
    content: Schema = {}
    if schemas:
        content[operation.content_type] = {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}}
    for kind in operation.files:
        content[kind.content_type] = {"schema": {"type": "string", "format": "binary", "description": kind.__doc__}}
    described: Schema = {
        str(status.value): {"description": _MEANINGS[status]}
        | ({"content": content} if content and status != HTTPStatus.NOT_MODIFIED else {})
        for status in operation.statuses
    }
    problem = {PROBLEM: {"schema": named[Problem]}}
    for status, why in sorted(_problems(operation).items()):
        described[str(status.value)] = {"description": why, "content": problem}
    return described | {"default": {"description": "What else went wrong.", "content": problem}}


def _problems(operation: Operation) -> dict[HTTPStatus, str]:
    """Return the errors that follow from the scope and the inputs, and the operation's own."""
    models = tuple(operation.inputs.values())
    found: dict[HTTPStatus, str] = {}
    if operation.scope != "open":
        found |= _TOKEN_PROBLEMS
    for kind, problems in ((PathParameters, _PATH_PROBLEMS), (Body, _BODY_PROBLEMS), (Form, _BODY_PROBLEMS)):
        if any(issubclass(model, kind) for model in models):
            found |= problems
    if any(not issubclass(model, PathParameters) for model in models):
        found |= _INPUT_PROBLEMS
    if operation.manners.if_match:
        found |= _STALE_PROBLEM
    if operation.manners.if_match == "needed":
        found |= _VERSION_PROBLEM
    if operation.repeatable:
        found |= _REPEATED_PROBLEM
    return found | dict(operation.problems)


def _parameters(model: type[Input]) -> list[Schema]:
    place = _PLACES.get(model.place)
    if place is None:
        return []
    whole = model.model_json_schema()
    required = whole.get("required", [])
    return [_parameter(name, place, schema, required=name in required) for name, schema in whole["properties"].items()]


def _parameter(name: str, place: str, schema: Schema, *, required: bool) -> Schema:
    """Describe a parameter; what is left out is never null."""
    beside = {key: schema[key] for key in ("description", "deprecated") if key in schema}
    left = {key: value for key, value in schema.items() if key not in {"anyOf", *beside}}
    choices = [each for each in schema.get("anyOf", []) if each != {"type": "null"}]
    if len(choices) == 1:
        left |= choices[0]
    elif choices:
        left["anyOf"] = choices
    if left.get("default", "") is None:
        del left["default"]
    described: Schema = {"name": name, "in": place, "required": required, "schema": left}
    return described | beside
