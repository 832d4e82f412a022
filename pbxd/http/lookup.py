"""Whose number is this."""

from __future__ import annotations

from aiohttp import web

from pbxd.directory.answers import match_json
from pbxd.directory.matching import phone_text
from pbxd.http.requests import LookupQuery, query
from pbxd.http.services import SERVICES

routes = web.RouteTableDef()


@routes.get("/api/v1/lookup")
async def lookup(request: web.Request) -> web.Response:
    """Answer what the PBX would be told about `number`; `for` is the employee whose personal contacts may be used.

    `display` is what every phone may show, safe and short enough for any; empty: what the trunk sent. `private` is what
    only the phone of `for` may show, if that is something else.
    """
    asked = query(request, LookupQuery)
    directory = request.app[SERVICES].directory
    match = directory.lookup(asked.number, viewer=asked.viewer)
    display, private = phone_text(directory.lookup(asked.number)), phone_text(match)
    shown = {"display": display} if private == display else {"display": display, "private": private}
    return web.json_response(match_json(match, explain=asked.explain) | shown)
