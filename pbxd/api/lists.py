"""Lists: pages by a cursor, the link to the next one, and the feed's number at the reading."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Annotated, TypeVar

from aiohttp import web
from pydantic import BaseModel, Field

from pbxd.actor import Actor
from pbxd.http.answers import Answer
from pbxd.http.context import Context
from pbxd.http.requests import ActingQuery, PathParameters
from pbxd.services.workspace import Workspace

LONGEST = 1000  # entries of a page
DEPRECATED = datetime(2026, 11, 29, tzinfo=UTC)  # since then `before` and `offset` of `GET /calls` are
SUNSET = datetime(2027, 12, 1, tzinfo=UTC)  # until then they work


class NumberPath(PathParameters):
    """Which one of a kind."""

    id: Annotated[int, Field(ge=1, lt=2**63)]


class PageQuery(ActingQuery):
    """Which page of a list."""

    limit: Annotated[int, Field(ge=1, le=LONGEST)] = 50
    """The most entries of a page."""
    after: Annotated[str, Field(max_length=500)] = ""
    """`next` of the page before: a cursor, good for the same order and filters only."""


class ListAnswer(Answer):
    """A page of a list."""

    total: int
    total_is_exact: bool
    """False: there are at least `total`."""
    next: str | None
    """The cursor of the next page, for `after`; null: this is the last one. The header `Link` has its address."""
    seq: int
    """The feed's number when the page was read: events after it are not in the page."""


class WholeListAnswer(ListAnswer):
    """A list that is always whole: `next` is null."""


WholeT = TypeVar("WholeT", bound=WholeListAnswer)
EntryT = TypeVar("EntryT")
Read = Callable[[Workspace, Actor], Awaitable[Iterable[EntryT]]]


async def whole(context: Context, form: type[WholeT], read: Read[EntryT], shown: Callable[[EntryT], object]) -> WholeT:
    """Answer with all that `read` returns; `shown` returns an entry's public form."""
    workspace = context.services.workspace
    seq = await workspace.seq()  # read first: a change meanwhile may come again, but is never missed
    items = tuple(map(shown, await read(workspace, context.actor)))
    return form.model_validate({"items": items, "total": len(items), "total_is_exact": True, "next": None, "seq": seq})


def counted(entries: int, *, first: bool, more: bool) -> dict[str, object]:
    """Return the totals of a log, which is not counted: of its first page without a next one they are exact.

    `entries` are on this page.
    """
    return {"total": entries + more, "total_is_exact": first and not more}


def link_to_next(request: web.Request, following: str | None) -> dict[str, str]:
    """Return the header that links to the next page."""
    if not following:
        return {}
    address = request.rel_url.update_query(after=following)
    return {"Link": f'<{address}>; rel="next"'}


def deprecation(query: BaseModel, *names: str) -> dict[str, str]:
    """Return the headers that announce the end of parameters, if a request uses one (RFC 9745, RFC 8594)."""
    if not query.model_fields_set & set(names):
        return {}
    return {"Deprecation": f"@{int(DEPRECATED.timestamp())}", "Sunset": format_datetime(SUNSET, usegmt=True)}
