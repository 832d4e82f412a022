"""Live events."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from pydantic import Field

from pbxd.http.answers import Answer
from pbxd.http.context import Context
from pbxd.http.event_stream import EventStream, Outlet, may_go_on
from pbxd.http.operations import Resource
from pbxd.http.requests import Headers, Query
from pbxd.rights import acting_for
from pbxd.services.events.live_events import HearEvents

resource = Resource("events", "What happens, as it happens.")
Number = Annotated[int, Field(ge=0, le=2**63 - 1)]


class EventsQuery(Query):
    """Which events, from where on."""

    after: Number | None = None
    """Continue after this event. 0: from the oldest that is kept. Left out: from now on."""
    kinds: Annotated[str, Field(max_length=1000)] = ""
    """Only these kinds, separated by commas; `call.*` names a group."""
    queue: Annotated[str, Field(max_length=200)] = ""
    """Of events about calls and queues, only those of this queue."""
    mine: bool = False
    """Of events about calls, queues and phones, only those of the reader's own extension."""
    acting_for: Annotated[str, Field(alias="as", max_length=32)] = ""
    """The extension of the employee who reads, for tokens that may act for any."""


class EventsHeaders(Headers):
    """Where a stream that was cut goes on."""

    last_event_id: Annotated[Number | None, Field(alias="Last-Event-ID")] = None
    """The number of the last event that was read. It beats `after`."""


class EventAnswer(Answer):
    """An event; in the stream `id:` is `seq`, `event:` is `kind`, and this is `data:`."""

    seq: int
    """Its number. The events `extension.state` and `reset` have none."""
    at: str
    kind: str
    subject: str
    """The id of the call, contact …, or the extension."""
    data: dict[str, Any]


@resource.operation("GET", "/api/v1/events", scope="events")
async def follow_events(context: Context, query: EventsQuery, headers: EventsHeaders) -> EventStream[EventAnswer]:
    """Follow events as they happen, as server-sent events.

    A reader gets the kinds that its scopes read. A cursor outside the feed is answered with the event `reset`, whose
    data are the oldest and the newest number; read everything anew then. A stream that was cut goes on with
    `Last-Event-ID`. After each connect `extension.state` comes for every extension.
    """
    actor = acting_for(context.actor, query.acting_for, "as")
    after = query.after if headers.last_event_id is None else headers.last_event_id
    kinds = tuple(each.strip() for each in query.kinds.split(",") if each.strip())
    asked = HearEvents(after=after, kinds=kinds, queue=query.queue, mine=query.mine)
    outlet, may = Outlet(), partial(may_go_on, context.request)
    return EventStream(await context.services.events.follow(actor, asked, may, outlet.send), outlet)
