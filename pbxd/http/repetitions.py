"""Requests that are done once, however often they are sent: `Idempotency-Key`.

A key belongs to whom it came from (a token, a user) and to an operation. The first request's status, headers and body
are kept for 7 days and are the answer to each repetition. What was refused or failed is not kept: it did nothing. What
the request makes is noted in the same transaction: if pbxd dies before it answers, the repetition shows that.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from typing import Annotated

from aiohttp import web
from pydantic import Field

from pbxd.errors import ConflictError, NotFoundError
from pbxd.http.context import CALLER, SERVICES
from pbxd.http.requests import Headers, Input
from pbxd.i18n import _
from pbxd.storage.access.request_keys import Answered, RequestKey, RequestKeys, under_way

_KEPT_HEADERS = ("Content-Type", "Location", "ETag")
_FIRST_REFUSAL = 300  # status


class RepeatableHeaders(Headers):
    """What makes a repeated request harmless."""

    key: Annotated[str | None, Field(alias="Idempotency-Key", pattern="^[!-~]{1,255}$")] = None
    """The same key and body again have the first answer, for 7 days, and do nothing more; another body is refused."""


async def once(
    request: web.Request,
    operation: str,
    key: str,
    inputs: Mapping[str, Input],
    answer: Callable[[], Awaitable[web.StreamResponse]],
    show: Callable[[int], Awaitable[web.StreamResponse]],
) -> web.StreamResponse:
    """Answer a request, or repeat the answer that it had before. `show` answers with what it made, by its id.

    Raises InvalidInputError for a key of another request, ConflictError while the first request is under way, or if
    what it made is gone and its answer was never kept.
    """
    keys = RequestKeys(request.app[SERVICES].workspace.database)
    asked = RequestKey(request[CALLER], operation, key, _digest(inputs))
    known = await keys.claim(asked)
    if isinstance(known, Answered):
        return web.Response(body=known.body.encode(), status=known.status, headers=known.headers)
    try:
        with under_way(asked):
            found = await (answer() if known is None else show(known.id))
    except NotFoundError as error:
        if known is None:
            await keys.release(asked)
            raise
        message = _("the first request with this idempotency key made {id}, which is gone meanwhile; take another key")
        raise ConflictError(message.format(id=known.id)) from error
    except Exception:
        await keys.release(asked)
        raise
    if isinstance(found, web.Response) and isinstance(found.body, bytes) and found.status < _FIRST_REFUSAL:
        headers = {name: found.headers[name] for name in _KEPT_HEADERS if name in found.headers}
        await keys.keep(asked, Answered(found.status, headers, found.body.decode()))
    return found


def _digest(inputs: Mapping[str, Input]) -> str:
    """Return what tells a request from another one: everything but its headers, whatever the order of the members."""
    parts = {
        name: each.model_dump(mode="json", by_alias=True, exclude_unset=True)
        for name, each in inputs.items()
        if not isinstance(each, Headers)
    }
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
