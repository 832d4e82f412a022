"""Requests as typed values: what the parts of a request may hold, and the refusal of everything else.

An operation's handler takes models that derive from one of the four classes here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from pbxd.errors import InvalidInputError
from pbxd.i18n import _
from pbxd.settings import why_refused

BODY_LIMIT = 64 * 1024  # bytes
_MOST_MISTAKES = 100  # told of one request
Place = Literal["pointer", "parameter", "header"]


def _publish(schema: dict[str, Any]) -> None:
    for member in schema.get("properties", {}).values():
        member.pop("title", None)


class Input(BaseModel):
    """A part of a request; nothing in it is ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, json_schema_extra=_publish)


class Body(Input):
    """A JSON body: exact types, no unknown members."""

    model_config = ConfigDict(strict=True)


class Query(Input):
    """A query string: texts that become what they should be, no unknown names."""


class PathParameters(Input):
    """The variable parts of an address. What is no such part is no address: 404."""


class Headers(Input):
    """The request headers that an operation reads, by their names as aliases. Others are ignored."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong with a request: where, as a word for programs, and as a sentence."""

    place: Place
    name: str  # of a parameter or header; of a body's member the JSON pointer (RFC 6901)
    code: str
    detail: str


class InvalidRequestError(InvalidInputError):
    """A part of the request is not what it should be; `mistakes` are all of them, `field` names the first."""

    def __init__(self, field: str, message: str, mistakes: tuple[Mistake, ...]) -> None:
        super().__init__(field, message)
        self.mistakes = mistakes


async def read_input(request: web.Request, model: type[Input]) -> Input:
    """Read a part of the request. Raises InvalidRequestError, and HTTP errors as `_read_body` does; 404 for a path."""
    if issubclass(model, Body):
        return await _read_body(request, model)
    if issubclass(model, Query):
        return _read_query(request, model)
    if issubclass(model, Headers):
        names = [field.alias or name for name, field in model.model_fields.items()]
        found = {name: request.headers[name] for name in names if name in request.headers}
        return _validated(lambda: model.model_validate(found), "header")
    try:
        return model.model_validate(dict(request.match_info))
    except ValidationError as error:
        raise web.HTTPNotFound from error


async def _read_body(request: web.Request, model: type[Body]) -> Input:
    """Read a JSON body. HTTP errors: 413 too long, 415 not JSON, 400 unreadable."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(reason=_("application/json is needed"))
    try:
        text = await request.read()
    except (web.RequestPayloadError, ConnectionError) as error:  # not chunked or compressed as it says, or broken off
        raise web.HTTPBadRequest(reason=_("the body can't be read")) from error
    return _validated(lambda: model.model_validate_json(text), "pointer")


def _read_query(request: web.Request, model: type[Query]) -> Input:
    """Read the query string; a repeated name is refused like an unknown one."""
    given: Mapping[str, str] = dict(request.query)
    if len(given) < len(request.query):
        twice = next(name for name in given if len(request.query.getall(name)) > 1)
        message = _("{field}: given twice").format(field=twice)
        raise InvalidRequestError(twice, message, (Mistake("parameter", twice, "repeated", message),))
    return _validated(lambda: model.model_validate(given), "parameter")


def _validated(validate: Callable[[], Input], place: Place) -> Input:
    try:
        return validate()
    except ValidationError as error:
        found = error.errors()
        if found[0]["type"] == "json_invalid":
            raise web.HTTPBadRequest(reason=_("the body is not JSON")) from error
        mistakes = tuple(_mistake(each, place) for each in found[:_MOST_MISTAKES])
        field = ".".join(str(part) for part in found[0]["loc"])
        raise InvalidRequestError(field, mistakes[0].detail, mistakes) from error


def _mistake(error: ErrorDetails, place: Place) -> Mistake:
    field = ".".join(str(part) for part in error["loc"])
    parts = (str(part).replace("~", "~0").replace("/", "~1") for part in error["loc"])
    name = "".join(f"/{part}" for part in parts) if place == "pointer" else field
    why = why_refused(error)
    return Mistake(place, name, error["type"].replace("_", "-"), f"{field}: {why}" if field else why)
