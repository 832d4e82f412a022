"""Versions of objects: `ETag` in answers, `If-Match` in requests (RFC 9110, 8.8.3 and 13.1.1)."""

from __future__ import annotations

import re
from typing import Literal

from aiohttp import web

from pbxd.errors import PbxdError, StaleError
from pbxd.http.context import PINNED
from pbxd.i18n import _

IfMatch = Literal["needed", "honoured"]
_TAG = re.compile(r'(?:W/)?"([!\x23-\x7e\x80-\xff]*)"')
_SHOWN = 100  # characters of a header


class PreconditionNeededError(PbxdError):
    """The request must say which version it changes."""


def etag(version: int) -> dict[str, str]:
    """Return the header of an object's version."""
    return {"ETag": f'"{version}"'}


def check_if_match(request: web.Request, version: int, how: IfMatch) -> None:
    """Refuse a change of another version than the one the object has; pin it to that version otherwise.

    A version of 0: there is no such object yet.
    Raises StaleError, and PreconditionNeededError where the header is `needed` and missing.
    """
    given = request.headers.getall("If-Match", [])
    tags = ", ".join(given).strip()
    if not given:
        if how == "needed":
            message = _("If-Match is needed: the ETag that the object had when you read it, or *")
            raise PreconditionNeededError(message)
    elif version == 0:
        raise StaleError(_("there is no such object yet; If-Match names {tags}").format(tags=ascii(tags[:_SHOWN])))
    elif tags != "*":
        if str(version) not in _TAG.findall(tags):
            message = _("the object is at version {now}; If-Match names {tags}")
            raise StaleError(message.format(now=version, tags=ascii(tags[:_SHOWN])))
        request[PINNED] = version
