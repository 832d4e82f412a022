"""Lists: pages by a cursor, the link to the next one, and the feed's number at the reading."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from pydantic import Field

from pbxd.http.answers import Answer
from pbxd.http.requests import ActingQuery

LONGEST = 1000  # entries of a page


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


def link_to_next(request: web.Request, following: str | None) -> dict[str, str]:
    """Return the header that links to the next page."""
    if not following:
        return {}
    address = request.rel_url.update_query(after=following)
    return {"Link": f'<{address}>; rel="next"'}
