"""Calls: making them, following them, ending them, and the history."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Any

from aiohttp import web

from pbxd import rights
from pbxd.actor import Actor
from pbxd.calls.record import instant
from pbxd.errors import NotFoundError
from pbxd.http.access import ACTOR
from pbxd.http.app_keys import RULES, SERVICES, STREAMS, Services
from pbxd.http.problems import DEADLINE
from pbxd.http.requests import CallQuery, CallRequest, CallsQuery, body, query
from pbxd.i18n import _
from pbxd.services.call_queries import listed, named
from pbxd.services.call_targets import find_target
from pbxd.storage.calls.idempotency import CallRequest as KeyedRequest
from pbxd.telephony import DialTarget, Progress

Call = dict[str, Any]
CALL_PATH = "/api/v1/calls/{id:(?!plan$)[^/]+}"  # or `Allow` at /calls/plan would name what calls have
routes = web.RouteTableDef()


@routes.post("/api/v1/calls")
async def make(request: web.Request) -> web.Response:
    """Ring the agent, then the target; 202 with the id the call's record will have.

    A repeated request (header Idempotency-Key) rings nobody again: the same answer, with `repeated`.
    """
    asked, agent = await _asked(request)
    services = request.app[SERVICES]
    key = request.headers.get("Idempotency-Key")
    keyed = None if key is None else KeyedRequest.of(key, asked.model_dump() | {"agent": agent.extension})
    if keyed and (known := await services.click_to_call.made_before(keyed)):
        return _accepted({"id": known, "state": (_progress(services, known) or {}).get("state"), "repeated": True})
    wanted = await _target(request, asked, agent)
    call_id = await services.click_to_call.call(agent.extension, wanted, keyed)
    return _accepted({"id": call_id, "state": "ringing-agent"})


async def _asked(request: web.Request) -> tuple[CallRequest, Actor]:
    """Read what is to be called, and whose phone rings first."""
    asked = await body(request, CallRequest)
    return asked, rights.calling_for(request[ACTOR], asked.agent)


async def _target(request: web.Request, asked: CallRequest, agent: Actor) -> DialTarget:
    services = request.app[SERVICES]
    return await find_target(services.database, services.directory, asked.asked, agent, request.app[RULES])


def _accepted(call: Call) -> web.Response:
    headers = {"Location": f"/api/v1/calls/{call['id']}"}
    return web.json_response(call, status=HTTPStatus.ACCEPTED, headers=headers)


@routes.post("/api/v1/calls/plan")
async def plan(request: web.Request) -> web.Response:
    """Answer what `POST /calls` would dial, without ringing anybody."""
    asked, agent = await _asked(request)
    services = request.app[SERVICES]
    wanted = await _target(request, asked, agent)
    return web.json_response(services.click_to_call.plan(agent.extension, wanted).to_json())


@routes.get(f"{CALL_PATH}/states")
async def states(request: web.Request) -> web.StreamResponse:
    """Stream the states of a call made here, one JSON object a line, from the present one to `ended`."""
    call_id = _own_call(request)
    progress = request.app[SERVICES].click_to_call.states(call_id)
    first = await anext(progress)  # unknown calls are refused before the stream begins
    request[DEADLINE].reschedule(None)
    answer = web.StreamResponse(headers={"Content-Type": "application/x-ndjson", "Cache-Control": "no-store"})
    await answer.prepare(request)
    with _ended_by_a_stop(request.app), suppress(ConnectionResetError):  # whoever listened has gone; the call goes on
        await answer.write(_line(call_id, first))
        async for each in progress:
            await answer.write(_line(call_id, each))
        await answer.write_eof()
    return answer


@routes.post(f"{CALL_PATH}/hangup")
async def hang_up(request: web.Request) -> web.Response:
    """Cancel or end a call made here; 202, its states tell when it is over.

    One that is over already is a conflict: 409. It is known for some minutes, then 404.
    """
    call_id = _own_call(request)
    await request.app[SERVICES].click_to_call.hangup(call_id)
    return web.json_response({"id": call_id}, status=HTTPStatus.ACCEPTED)


def _own_call(request: web.Request) -> str:
    """Return the id of a call made here for an employee the asker acts for. Raises NotFoundError, RefusedError.

    Of a call that an earlier process made, the agent may be unknown; then it is nobody's but who acts for any.
    """
    call_id = request.match_info["id"]
    agent = request.app[SERVICES].click_to_call.agent(call_id)
    what = _("a call of {agent}").format(agent=agent) if agent else _("call {id}").format(id=call_id)
    rights.check_acts_for(request[ACTOR], agent, what)
    return call_id


@routes.get(CALL_PATH)
async def show(request: web.Request) -> web.Response:
    """Answer a call's record.

    A call made here has its `state` and `reason` beside it for some minutes; they and the id are all there is before
    the PBX has made its first channel, or when it never makes one.
    """
    call_id = request.match_info["id"]
    actor = rights.acting_for(request[ACTOR], query(request, CallQuery).acting_for, "as")
    services = request.app[SERVICES]
    made_here = _progress(services, call_id)
    try:
        record = await services.calls.record(call_id)
    except NotFoundError:
        if made_here is None:
            raise
        return web.json_response({"id": call_id, **made_here})
    (call,) = await named(services.database, [record], request.app[RULES], actor)
    return web.json_response(call | (made_here or {}))


def _progress(services: Services, call_id: str) -> Call | None:
    try:
        progress = services.click_to_call.progress(call_id)
    except NotFoundError:
        return None
    return {"state": progress.state, "reason": progress.reason}


@routes.get("/api/v1/calls")
async def list_(request: web.Request) -> web.Response:
    """Answer the calls recorded, newest first, and the gaps in their time."""
    asked = query(request, CallsQuery)
    services = request.app[SERVICES]
    page = partial(listed, limit=asked.limit, offset=asked.offset, before=asked.before or "")
    wanted = asked.asked_by(rights.acting_for(request[ACTOR], asked.acting_for, "as"))
    found = await page(services.database, wanted, request.app[RULES])
    return web.json_response(found.to_json())


@contextmanager
def _ended_by_a_stop(app: web.Application) -> Iterator[None]:
    """Note that this task's answer goes on for as long as a call does, so that a stop needn't wait for its end."""
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a handler runs in a task")
    app[STREAMS].add(task)
    try:
        yield
    finally:
        app[STREAMS].discard(task)


def _line(call_id: str, progress: Progress) -> bytes:
    at = instant(datetime.fromtimestamp(progress.at, UTC))
    told = {"id": call_id, "state": progress.state, "at": at, "reason": progress.reason}
    return json.dumps(told, ensure_ascii=False).encode() + b"\n"
