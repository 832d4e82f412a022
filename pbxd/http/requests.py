"""Requests as typed values: what the parts of a request may hold, and the refusal of everything else.

An operation's handler takes models that derive from one of the four classes at the end.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, from_json, to_json

from pbxd.errors import InvalidInputError
from pbxd.http.descriptions import describe_members
from pbxd.i18n import _
from pbxd.settings import why_refused

Extension = Annotated[str, Field(min_length=1, max_length=32)]
Words = Annotated[str, Field(min_length=1, max_length=200)]  # a name, or a number in any notation
BODY_LIMIT = 64 * 1024  # bytes
_MOST_MISTAKES = 100  # told of one request
JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
Place = Literal["path", "header", "parameter", "pointer"]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong with a request: where, as a word for programs, and as a sentence."""

    place: Place
    parts: tuple[str, ...]  # the name; of a body's member, where it stands in it
    code: str
    detail: str

    @classmethod
    def found_by_service(cls, error: InvalidInputError, place: Place) -> Self:
        """Say what a service found."""
        parts = (error.field, *map(str, error.at)) if place == "pointer" else (error.field,)
        return cls(place, parts, error.code, str(error))

    @classmethod
    def of(cls, error: ErrorDetails, place: Place) -> Self:
        """Say what pydantic found."""
        parts = tuple(str(part) for part in error["loc"])
        field, why = ".".join(parts), why_refused(error)
        return cls(place, parts, error["type"].replace("_", "-"), f"{field}: {why}" if field else why)

    @property
    def field(self) -> str:
        """The name, with dots between its parts."""
        return ".".join(self.parts)

    @property
    def pointer(self) -> str:
        """The name as a JSON pointer (RFC 6901)."""
        return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in self.parts)


class InvalidRequestError(InvalidInputError):
    """Something in the request is not what it should be; `field` names the first mistake."""

    def __init__(self, found: Sequence[Mistake]) -> None:
        super().__init__(found[0].field, found[0].detail)
        self.found = tuple(found[:_MOST_MISTAKES])


def _publish(schema: dict[str, Any], model: type[BaseModel]) -> None:
    describe_members(schema, model)
    for member in schema.get("properties", {}).values():
        member.pop("title", None)


class Input(BaseModel):
    """A part of a request."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=_publish, defer_build=True)
    place: ClassVar[Place]
    in_body: ClassVar[bool] = False

    @classmethod
    def read(cls, request: web.Request) -> Self:
        """Read this part of a request's head. Raises ValidationError, InvalidRequestError, and HTTP errors."""
        raise NotImplementedError

    @classmethod
    async def receive(cls, request: web.Request) -> Self:
        """Read this part of a request's body, as it comes. Raises as `read` does."""
        raise NotImplementedError


class PathParameters(Input):
    """The variable parts of an address; 404 where they can't be."""

    place = "path"

    @classmethod
    def read(cls, request: web.Request) -> Self:
        """Read the address."""
        try:
            return cls.model_validate(dict(request.match_info))
        except ValidationError as error:
            raise web.HTTPNotFound from error


class Body(Input):
    """A JSON body: exact types, no unknown members. HTTP errors: 415 not JSON, 413 too long, 400 unreadable."""

    model_config = ConfigDict(strict=True)
    place = "pointer"
    in_body = True
    content_types: ClassVar[tuple[str, ...]] = (JSON,)

    @classmethod
    async def receive(cls, request: web.Request) -> Self:
        """Read the body."""
        if request.content_type not in cls.content_types:
            raise web.HTTPUnsupportedMediaType(reason=_("{type} is needed").format(type=" / ".join(cls.content_types)))
        try:
            return cls.model_validate_json(await request.read())
        except (web.RequestPayloadError, ConnectionError) as error:  # not chunked or compressed as it says, or cut off
            raise web.HTTPBadRequest(reason=_("the body can't be read")) from error
        except ValidationError as error:
            if error.errors()[0]["type"] == "json_invalid":
                raise web.HTTPBadRequest(reason=_("the body is not JSON")) from error
            raise

    @classmethod
    async def without(cls, request: web.Request, members: Collection[str]) -> Self | None:
        """Read the body without some of its members; None if the others can't be read either."""
        whole = from_json(await request.read())
        if not isinstance(whole, dict):
            return None
        rest = {name: value for name, value in whole.items() if name not in members}
        try:
            return cls.model_validate_json(to_json(rest))
        except ValidationError:
            return None


class MergePatch(Body):
    """Changes of an object (RFC 7396): members that are not there stay, lists are replaced whole, null empties."""

    content_types = (JSON, MERGE_PATCH)


class Headers(Input):
    """The headers that an operation reads, by their names as aliases. Others are ignored."""

    place = "header"

    @classmethod
    def read(cls, request: web.Request) -> Self:
        """Read the headers."""
        names = [field.alias or name for name, field in cls.model_fields.items()]
        return cls.model_validate({name: request.headers[name] for name in names if name in request.headers})


class Query(Input):
    """A query string: texts that become what they should be; no unknown names, none twice."""

    place = "parameter"

    @classmethod
    def read(cls, request: web.Request) -> Self:
        """Read the query string."""
        query = request.query
        given = dict(query)
        if len(given) < len(query):
            twice = next(name for name in given if len(query.getall(name)) > 1)
            message = _("{field}: given twice").format(field=twice)
            raise InvalidRequestError((Mistake("parameter", (twice,), "repeated", message),))
        return cls.model_validate(given)


class ActingQuery(Query):
    """The query string of an operation that an employee acts in; a token made with --as-any names them."""

    acting_for: Annotated[str, Field(alias="as", max_length=32)] = ""
    """The extension of the employee who acts; their personal contacts may be used."""


def in_reading_order(models: Mapping[str, type[Input]]) -> dict[str, type[Input]]:
    """Return models in the order in which they must be read: HTTP errors come before anybody's mistakes."""
    first: list[Place] = ["path", "pointer"]
    return dict(sorted(models.items(), key=lambda each: first.index(each[1].place) if each[1].place in first else 2))


def read_head(request: web.Request, models: Mapping[str, type[Input]]) -> tuple[dict[str, Input], list[Mistake]]:
    """Read parts of a request's head, by the names of their models; return them and all mistakes in the others.

    Raises HTTP errors as `Input.read` does.
    """
    found: dict[str, Input] = {}
    mistakes: list[Mistake] = []
    for name, model in models.items():
        try:
            found[name] = model.read(request)
        except (ValidationError, InvalidRequestError) as error:
            mistakes += _mistakes_of(error, model)
    return found, mistakes


async def receive_body(
    request: web.Request, models: Mapping[str, type[Input]]
) -> tuple[dict[str, Input], list[Mistake]]:
    """Read a request's body, as `read_head` does."""
    found: dict[str, Input] = {}
    mistakes: list[Mistake] = []
    for name, model in models.items():
        try:
            found[name] = await model.receive(request)
        except (ValidationError, InvalidRequestError) as error:
            mistakes += _mistakes_of(error, model)
    return found, mistakes


def _mistakes_of(error: ValidationError | InvalidRequestError, model: type[Input]) -> Sequence[Mistake]:
    if isinstance(error, InvalidRequestError):
        return error.found
    return [Mistake.of(each, model.place) for each in error.errors()]
