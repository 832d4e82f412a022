"""The audit log."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pbxd.api.call_record import Instant
from pbxd.api.lists import counted, link_to_next
from pbxd.http.answers import Answer, Reply
from pbxd.http.context import Context
from pbxd.http.operations import Resource
from pbxd.http.requests import Query, Words
from pbxd.services.access import audit

resource = Resource("audit", "Who did what, from where, and what was refused.")


class AuditQuery(Query):
    """Which rows of the audit log to list."""

    since: Annotated[str, Field(alias="from", max_length=40)] = ""
    """A date or a time, as in `/calls`."""
    until: Annotated[str, Field(alias="to", max_length=40)] = ""
    """The same; a date means that whole day."""
    source: Words | None = None
    """As the rows have it, or its first words: `token`, `token 3`, `user`."""
    action: Words | None = None
    result: Literal["done", "refused"] | None = None
    employee: Annotated[int, Field(ge=1, lt=2**63)] | None = None
    """The id of who acted."""
    after: Annotated[int, Field(ge=1, lt=2**63)] | None = None
    """`next` of the page before."""
    limit: Annotated[int, Field(ge=1, le=1000)] = 50


class AuditRowAnswer(Answer):
    """Something that somebody did, or was refused."""

    id: int
    at: Instant
    source: str
    """`cli`, `socket`, `token ID NAME` or `user LOGIN`; empty: nobody who is known."""
    employee: str | None
    """The extension that who acted had then."""
    employee_id: int | None
    employee_name: str | None
    """As it is now."""
    address: str
    """An IP address, or a user of the operating system."""
    action: str
    """A command, or the operationId of the API."""
    subject: str
    """What it was about: ids and paths."""
    result: Literal["done", "refused"]
    reason: str
    """Why it was refused: a stable word."""


class AuditAnswer(Answer):
    """A page of the audit log, the newest row first."""

    items: tuple[AuditRowAnswer, ...]
    total: int
    total_is_exact: bool
    """False: there are at least `total`."""
    next: int | None
    """For `after`, with any filters; null: this is the last page. The header `Link` has its address."""
    seq: int
    """The feed's number when the page was read."""


@resource.operation("GET", "/api/v1/audit", scope="admin")
async def list_audit(context: Context, query: AuditQuery) -> Reply[AuditAnswer]:
    """List who did what and what was refused, the newest first."""
    asked = audit.FindDeeds(
        since=query.since,
        until=query.until,
        source=query.source or "",
        action=query.action or "",
        result=query.result,
        employee=query.employee,
        before=query.after,
        limit=query.limit,
    )
    seq = await context.services.workspace.seq()
    rows = await audit.find(context.services.workspace, context.actor, asked)
    last = rows[-1].id if len(rows) == query.limit else None
    page = counted(len(rows), first=query.after is None, more=last is not None)
    page |= {"items": [row.to_json() for row in rows], "next": last, "seq": seq}
    return Reply(AuditAnswer.model_validate(page), headers=link_to_next(context.request, str(last or "")))
