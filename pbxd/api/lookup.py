"""Whose number is this."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pbxd.http.answers import Answer
from pbxd.http.context import Context
from pbxd.http.operations import Resource
from pbxd.http.requests import Query
from pbxd.lookup.answers import match_json
from pbxd.lookup.matching import Status
from pbxd.rights import acting_for

resource = Resource("lookup", "Whose number this is.")


class LookupQuery(Query):
    """Who a number belongs to."""

    number: Annotated[str, Field(max_length=200)]
    """In any notation."""
    acting_for: Annotated[str, Field(alias="for", max_length=32)] = ""
    """The extension of the employee whose personal contacts may be used."""
    inside: bool = False
    """The call comes from one of our own phones. Only then a number that is a colleague's names them."""
    explain: bool = False
    """Add which rule read the number and which other cards have it."""


class RivalAnswer(Answer):
    """Another card that has the number."""

    kind: Literal["contact", "company", "employee"]
    id: int | str
    """Of an employee the extension."""
    name: str
    company: str


class CallerAnswer(Answer):
    """Who a number belongs to."""

    status: Status
    """`shared`: several contacts have the number."""
    number: str | None
    """E.164, or one of our extensions; null where nothing could be read."""
    name: str
    company: str
    contact: int | None
    vip: bool
    manager: str
    """The extension of the employee responsible for the contact."""
    display: str
    """What every phone may show, safe and short enough for any; empty: show what the trunk sent."""
    private: str = ""
    """What only the phone of `for` may show; left out where that is `display`."""
    employee: str = ""
    """With `explain`: the extension of the colleague who has the number."""
    rule: str = ""
    """With `explain`: the rule by which the number was read."""
    rivals: tuple[RivalAnswer, ...] = ()
    """With `explain`: other cards that have the number."""


@resource.operation("GET", "/api/v1/lookup", scope="lookup")
async def look_up(context: Context, query: LookupQuery) -> CallerAnswer:
    """Look a number up, as the PBX would."""
    actor = acting_for(context.actor, query.acting_for, "for")
    caller = context.services.caller_naming.name(query.number, actor, inside=query.inside)
    shown = {"display": caller.display} | ({"private": caller.private} if caller.private else {})
    return CallerAnswer.model_validate(match_json(caller.match, explain=query.explain) | shown)
