"""The history: a call's record, and pages of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pbxd.api.call_record import CallAnswer, GapAnswer
from pbxd.api.click_to_call import CallPath, ProgressAnswer
from pbxd.calls.record import Direction, Outcome
from pbxd.errors import NotFoundError
from pbxd.http.answers import Answer
from pbxd.http.context import Context
from pbxd.http.operations import Resource
from pbxd.http.requests import ActingQuery, Extension, Words
from pbxd.services import call_history
from pbxd.services.call_filters import FindCalls

CALL_PATH = "/api/v1/calls/{id:(?!plan$)[^/]+}"  # without the pattern, `Allow` at /calls/plan would name GET

resource = Resource("calls", "The history of calls.")


class CallQuery(ActingQuery):
    """Whose personal contacts may name a call."""


class CallsQuery(CallQuery):
    """Which calls to list."""

    since: Annotated[str, Field(alias="from", max_length=40)] = ""
    """A date or a time: 31.12.2026, 2026-12-31, either with a time, or RFC 3339; local unless it has a zone."""
    until: Annotated[str, Field(alias="to", max_length=40)] = ""
    """The same; a date means that whole day."""
    direction: Direction | None = None
    outcome: Outcome | None = None
    agent: Extension | None = None
    client: Words | None = None
    """A number, or a contact: its id or whole name."""
    company: Words | None = None
    """Its whole name."""
    queue: Words | None = None
    """The last one that the call was in."""
    min_talk: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0
    """Seconds."""
    before: Annotated[str, Field(max_length=64)] | None = None
    """The last id of the page before."""
    limit: Annotated[int, Field(ge=1, le=1000)] = 50
    offset: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Skip this many."""

    @property
    def request(self) -> FindCalls:
        """What the query asks for."""
        return FindCalls(
            since=self.since,
            until=self.until,
            direction=self.direction,
            outcome=self.outcome,
            agent=self.agent or "",
            client=self.client or "",
            company=self.company or "",
            queue=self.queue or "",
            min_talk=self.min_talk,
            limit=self.limit,
            offset=self.offset,
            before=self.before or "",
        )


class CallsAnswer(Answer):
    """A page of the history."""

    total: int
    total_is_exact: bool
    """False: there are at least `total`."""
    items: tuple[CallAnswer, ...]
    gaps: tuple[GapAnswer, ...]
    """The times of this page of which the history may lack calls, newest first."""
    gaps_total: int = 0
    """How many gaps there are, where `gaps` has not all."""


@resource.operation("GET", "/api/v1/calls", scope="calls:read")
async def list_calls(context: Context, query: CallsQuery) -> CallsAnswer:
    """List the recorded calls, newest first, and the gaps in their time."""
    page = await call_history.find(context.services.workspace, context.actor, query.request)
    return CallsAnswer.model_validate(page.to_json())


@resource.operation("GET", CALL_PATH, scope="calls:read")
async def show_call(context: Context, path: CallPath, query: CallQuery) -> CallAnswer | ProgressAnswer:
    """Show a call's record.

    A call made here has its `state` and `reason` beside it until some minutes after its end. They and the id are all
    there is before the PBX has made its first channel, or when it never makes one.
    """
    del query
    services = context.services
    progress = services.click_to_call.progress(path.id)
    made_here = {"state": progress.state, "reason": progress.reason} if progress else {}
    try:
        call = await call_history.show(services.workspace, context.actor, path.id)
    except NotFoundError:
        if progress is None:
            raise
        return ProgressAnswer.model_validate({"id": path.id, **made_here})
    return CallAnswer.model_validate(call | made_here)
