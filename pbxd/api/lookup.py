"""Whose number is this."""

from __future__ import annotations

from aiohttp import web

from pbxd.http.access import ACTOR
from pbxd.http.app_keys import SERVICES
from pbxd.http.requests import LookupQuery, query
from pbxd.lookup.answers import match_json
from pbxd.lookup.caller_naming import name_caller
from pbxd.rights import acting_for

routes = web.RouteTableDef()


@routes.get("/api/v1/lookup")
async def lookup(request: web.Request) -> web.Response:
    """Answer what the PBX would be told about `number`; `for` is the employee whose personal contacts may be used.

    With `inside=1` the call comes from one of our own phones: only then is a number that is a colleague's his.

    `display` is what every phone may show, safe and short enough for any; empty: what the trunk sent. `private` is what
    only the phone of `for` may show, if that is something else.
    """
    asked = query(request, LookupQuery)
    actor = acting_for(request[ACTOR], asked.acting_for, "for")
    directory = request.app[SERVICES].directory
    caller = name_caller(directory.lookup, asked.number, actor, inside=asked.inside)
    shown = {"display": caller.display} | ({"private": caller.private} if caller.private else {})
    return web.json_response(match_json(caller.match, explain=asked.explain) | shown)
