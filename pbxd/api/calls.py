"""The history: a call's record, and pages of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from pbxd.api.call_record import CallAnswer, GapAnswer
from pbxd.api.click_to_call import CallPath, ProgressAnswer
from pbxd.api.lists import ListAnswer, PageQuery, deprecation, link_to_next
from pbxd.book.external_ids import read_external
from pbxd.calls.record import Direction, Outcome
from pbxd.errors import NotFoundError
from pbxd.http.answers import Answer, Reply
from pbxd.http.context import Context
from pbxd.http.downloads import CSV, KINDS, XLSX, Download
from pbxd.http.operations import Resource
from pbxd.http.requests import ActingQuery, Extension, MergePatch, PathParameters, Words
from pbxd.services import call_history
from pbxd.services.call_filters import FindCalls
from pbxd.services.files.exports import ExportCalls

# Without the pattern, `Allow` at /calls/plan would name GET.
CALL_PATH = r"/api/v1/calls/{id:(?!plan$|live$|gaps$|export\.)[^/]+}"

resource = Resource("calls", "The history of calls.")


class CallQuery(ActingQuery):
    """Whose personal contacts may name a call."""


class CallFilters(CallQuery):
    """Which calls are wanted."""

    since: Annotated[str, Field(alias="from", max_length=40)] = ""
    """A date or a time: 31.12.2026, 2026-12-31, either with a time, or RFC 3339; local unless it has a zone."""
    until: Annotated[str, Field(alias="to", max_length=40)] = ""
    """The same; a date means that whole day."""
    direction: Direction | None = None
    outcome: Outcome | None = None
    agent: Extension | None = None
    client: Words | None = None
    """A number, or a contact: its id or whole name."""
    search: Words | None = None
    """Words of clients' cards, or a part of a number. Lists the calls of the first 100 clients found."""
    company: Words | None = None
    """Its whole name."""
    queue: Words | None = None
    """The last one that the call was in."""
    department: Words | None = None
    """A department or a queue: calls of its people, and calls in its queues."""
    no_callback: bool = False
    """True: incoming calls that nobody answered, after which nobody called the client nor talked with them."""
    min_talk: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0
    """Seconds."""
    external: Annotated[str, Field(max_length=300, examples=["bitrix24:123"])] | None = None
    """Only what a program calls so: `system:key`."""

    @property
    def filters(self) -> dict[str, Any]:
        """What the service takes."""
        return {
            "since": self.since,
            "until": self.until,
            "direction": self.direction,
            "outcome": self.outcome,
            "agent": self.agent or "",
            "client": self.client or "",
            "search": self.search or "",
            "company": self.company or "",
            "queue": self.queue or "",
            "department": self.department or "",
            "no_callback": self.no_callback,
            "min_talk": self.min_talk,
            "external": read_external(self.external) if self.external else None,
        }


class CallsQuery(CallFilters, PageQuery):
    """Which calls to list."""

    before: Annotated[str | None, Field(max_length=64, json_schema_extra={"deprecated": True})] = None
    """The last id of the page before. Use `after`: this goes on 2027-12-01."""
    offset: Annotated[int, Field(ge=0, lt=2**31, json_schema_extra={"deprecated": True})] = 0
    """Skip this many. Use `after`: this goes on 2027-12-01."""

    @property
    def request(self) -> FindCalls:
        """What the query asks for."""
        return FindCalls(
            **self.filters, limit=self.limit, offset=self.offset, before=self.before or "", after=self.after
        )


class CallsAnswer(ListAnswer):
    """A page of the history."""

    items: tuple[CallAnswer, ...]
    gaps: tuple[GapAnswer, ...]
    """The times of this page of which the history may lack calls, newest first."""
    gaps_total: int = 0
    """How many gaps there are, where `gaps` has not all."""


class CallPatch(MergePatch):
    """Changes of a call: only what other programs call it."""

    external: dict[str, str | None]
    """By system; null takes an id away, others stay. Several calls may have the same."""


class CallNamesAnswer(Answer):
    """What other programs call a call."""

    id: str
    external: dict[str, str]


@resource.operation("GET", "/api/v1/calls", scope="calls:read")
async def list_calls(context: Context, query: CallsQuery) -> Reply[CallsAnswer]:
    """List the recorded calls, newest first, and the gaps in their time."""
    page = await call_history.find(context.services.workspace, context.actor, query.request)
    listed = await calls_page(context, page)
    return replace(listed, headers={**listed.headers, **deprecation(query, "before", "offset")})


async def calls_page(context: Context, page: call_history.CallPage) -> Reply[CallsAnswer]:
    """Answer with a page of calls."""
    items = await call_history.with_external(context.services.workspace, page.items)
    form = page.to_json() | {"items": items, "next": page.next, "seq": page.seq}
    return Reply(CallsAnswer.model_validate(form), headers=link_to_next(context.request, page.next))


class CallsExportPath(PathParameters):
    """In which form."""

    format: Literal["xlsx", "csv"]


@resource.operation("GET", "/api/v1/calls/export.{format:xlsx|csv}", scope="calls:read")
async def export_calls(context: Context, path: CallsExportPath, query: CallFilters) -> Download[XLSX] | Download[CSV]:
    """Download calls as a workbook or a table, newest first. It takes the filters of the list."""
    asked = ExportCalls(**query.filters, file=Path())
    pieces = context.services.uploads.exported("export-calls", context.actor, asked, path.format)
    return Download(KINDS[path.format], f"calls.{path.format}", pieces)


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
        if progress is None or not services.click_to_call.is_known(context.actor, path.id):
            raise
        return ProgressAnswer.model_validate({"id": path.id, **made_here})
    (call,) = await call_history.with_external(services.workspace, [call])
    return CallAnswer.model_validate(call | made_here)


@resource.operation("PATCH", CALL_PATH, scope="calls:make")
async def name_call(context: Context, path: CallPath, body: CallPatch) -> CallNamesAnswer:
    """Say what a program calls a call, such as its activity or its deal. `external` of `GET /calls` finds it so.

    The record of a call never changes, so that it has no version.
    """
    named = await call_history.name(context.services.workspace, context.actor, path.id, body.external)
    return CallNamesAnswer(id=path.id, external=dict(named))
