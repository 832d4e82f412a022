"""The calls under way and the phones; the gaps of the history."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pbxd.api.call_record import CallAnswer, GapAnswer
from pbxd.api.calls import CallQuery
from pbxd.api.lists import ListAnswer, PageQuery, link_to_next
from pbxd.http.answers import Answer, Reply
from pbxd.http.context import Context
from pbxd.http.operations import Resource
from pbxd.services.calls import gaps
from pbxd.services.calls.live_calls import live_calls

resource = Resource("live-calls", "The calls under way and the phones; the gaps of the history.")

PhoneState = Literal["free", "ringing", "talking"]


class LiveCallAnswer(CallAnswer):
    """The record of a call under way. Its seconds are those up to its last event."""

    part: Literal["menu", "wait", "ring", "talk", "hold", "voicemail"]
    """What the call does now; `wait`: in a queue."""
    phones: Annotated[dict[str, Literal["ringing", "talking"]], Field(examples=[{"101": "ringing"}])]
    """The state of each extension that is in the call now."""


class LiveCallsAnswer(Answer):
    """The calls under way, and the state of the phones."""

    items: tuple[LiveCallAnswer, ...]
    """The newest first."""
    extensions: Annotated[dict[str, PhoneState], Field(examples=[{"101": "ringing", "102": "free"}])]
    """The state of every extension that the asker may see."""
    seq: int
    """The feed's number before the calls were read: `GET /events?after=` with it gives what changes later."""


class GapsAnswer(ListAnswer):
    """A page of the gaps, newest first."""

    items: tuple[GapAnswer, ...]


@resource.operation("GET", "/api/v1/calls/live", scope="calls:read")
async def list_live_calls(context: Context, query: CallQuery) -> LiveCallsAnswer:
    """List the calls under way that the asker sees, and the state of the phones."""
    del query
    services = context.services
    found = await live_calls(services.workspace, context.actor, services.events, services.calls_now)
    return LiveCallsAnswer.model_validate({"items": found.items, "extensions": found.extensions, "seq": found.seq})


@resource.operation("GET", "/api/v1/calls/gaps", scope="calls:read")
async def list_gaps(context: Context, query: PageQuery) -> Reply[GapsAnswer]:
    """List the periods in which the history may lack calls, newest first."""
    asked = gaps.FindGaps(limit=query.limit, after=query.after)
    found = await gaps.find(context.services.workspace, context.actor, asked)
    answer = {
        "items": [each.to_json() for each in found.gaps],
        "total": found.total,
        "total_is_exact": True,
        "next": found.next,
        "seq": found.seq,
    }
    return Reply(GapsAnswer.model_validate(answer), headers=link_to_next(context.request, found.next))
