"""Requests as typed values: what a body or a query may hold, and the refusal of everything else."""

from __future__ import annotations

from typing import Annotated, Self, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pbxd.actor import Actor
from pbxd.calls.record import Direction, Outcome
from pbxd.errors import InvalidInputError
from pbxd.i18n import _
from pbxd.services.call_queries import CallsAsked
from pbxd.services.call_targets import TargetAsked
from pbxd.settings import why_refused

BODY_LIMIT = 64 * 1024  # bytes
Extension = Annotated[str, Field(min_length=1, max_length=32)]
NumberText = Annotated[str, Field(min_length=1, max_length=200)]
Key = Annotated[int, Field(ge=1, lt=2**63)]


class Body(BaseModel):
    """A JSON body: exact types, no unknown members."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Query(BaseModel):
    """A query string: texts that become what they should be, no unknown names."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CallRequest(Body):
    """A call to make: the agent's phone rings first, then the target's."""

    agent: Extension | None = None  # the token's own employee unless told
    target: NumberText | None = None  # a number, or a contact: its id or exact name
    contact: Key | None = None  # instead of `target`
    number: NumberText | None = None  # which of the contact's numbers

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.target is None) == (self.contact is None):
            raise ValueError(_("exactly one of target and contact"))
        return self

    @property
    def asked(self) -> TargetAsked:
        """Say whom to call."""
        return TargetAsked(self.target, self.contact, self.number)


class LookupQuery(Query):
    """Who a number belongs to."""

    number: Annotated[str, Field(max_length=200)]
    acting_for: Annotated[str, Field(alias="for", max_length=32)] = ""
    inside: bool = False  # the call comes from one of our own phones, so that a colleague may be named
    explain: bool = False  # also the rule and the rivals


class CallQuery(Query):
    """Whose personal contacts may name a call."""

    acting_for: Annotated[str, Field(alias="as", max_length=32)] = ""


class CallsQuery(Query):
    """Which calls to list, newest first."""

    since: Annotated[str, Field(alias="from", max_length=40)] = ""  # a date or a time, local unless it has a zone
    until: Annotated[str, Field(alias="to", max_length=40)] = ""  # likewise; a date means that whole day
    direction: Direction | None = None
    outcome: Outcome | None = None
    agent: Extension | None = None
    client: NumberText | None = None  # a number, or a contact: id or whole name
    company: NumberText | None = None
    queue: NumberText | None = None
    min_talk: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0  # seconds
    acting_for: Annotated[str, Field(alias="as", max_length=32)] = ""  # whose personal contacts may be used
    before: Annotated[str, Field(max_length=64)] | None = None  # the last id of the page before
    limit: Annotated[int, Field(ge=1, le=1000)] = 50
    offset: Annotated[int, Field(ge=0, lt=2**31)] = 0

    def asked_by(self, actor: Actor) -> CallsAsked:
        """Say which calls, without the page."""
        return CallsAsked(
            actor,
            self.since,
            self.until,
            self.direction,
            self.outcome,
            self.agent or "",
            self.client or "",
            self.company or "",
            self.queue or "",
            self.min_talk,
        )


BodyType = TypeVar("BodyType", bound=Body)
QueryType = TypeVar("QueryType", bound=Query)


async def body(request: web.Request, model: type[BodyType]) -> BodyType:
    """Read a JSON body; InvalidInputError names the member, HTTP errors: 413 too long, 415 not JSON, 400 broken."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(reason=_("application/json is needed"))
    try:
        return model.model_validate_json(await request.read())
    except (web.RequestPayloadError, ConnectionError) as error:  # not chunked or compressed as it says, or broken off
        raise web.HTTPBadRequest(reason=_("the body can't be read")) from error
    except ValidationError as error:
        if error.errors()[0]["type"] == "json_invalid":
            raise web.HTTPBadRequest(reason=_("the body is not JSON")) from error
        raise _invalid(error) from error


def query(request: web.Request, model: type[QueryType]) -> QueryType:
    """Read the query string; a repeated name is refused like an unknown one."""
    for name in request.query:
        if len(request.query.getall(name)) > 1:
            raise InvalidInputError(name, _("{field}: given twice").format(field=name))
    try:
        return model.model_validate(dict(request.query))
    except ValidationError as error:
        raise _invalid(error) from error


def _invalid(error: ValidationError) -> InvalidInputError:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"])
    why = why_refused(first)
    return InvalidInputError(field, f"{field}: {why}" if field else why)
