"""Lists: pages by a cursor, the link to the next one, and the feed's number at the reading."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, TypeVar

from aiohttp import web
from pydantic import Field

from pbxd.http.answers import Answer
from pbxd.http.requests import ActingQuery, PathParameters

LONGEST = 1000  # entries of a page


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


class WholeListAnswer(Answer):
    """A list that is always whole."""

    total: int
    total_is_exact: bool
    next: str | None


WholeT = TypeVar("WholeT", bound=WholeListAnswer)


def whole(form: type[WholeT], items: Iterable[Answer]) -> WholeT:
    """Answer with all there is."""
    listed = tuple(items)
    return form.model_validate({"items": listed, "total": len(listed), "total_is_exact": True, "next": None})


def link_to_next(request: web.Request, following: str | None) -> dict[str, str]:
    """Return the header that links to the next page."""
    if not following:
        return {}
    address = request.rel_url.update_query(after=following)
    return {"Link": f'<{address}>; rel="next"'}
