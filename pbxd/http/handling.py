"""What every request goes through before and after its handler: limits, audit, errors, deadline, access, metrics.

It is one middleware, because one more takes longer than most of what is done here.
"""

from __future__ import annotations

import time

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from pbxd.http.access import admit_administrator, admit_client
from pbxd.http.auditing import deed_of, note_deeds
from pbxd.http.connection_limits import ConnectionLimits
from pbxd.http.context import CALLER, Services
from pbxd.http.cross_site import HARMLESS, preflight_answer
from pbxd.http.deadlines import DEADLINE, Deadlines
from pbxd.http.operations import OPERATIONS, Operation
from pbxd.http.problems import for_people, problem_of, use_language
from pbxd.storage.access.audit import audited

REQUEST_SECONDS = 30.0  # for everything but a stream: reading the body, the database, the PBX's answer


def handling(services: Services, limits: ConnectionLimits, *, trusted: bool) -> Middleware:
    """Return the middleware; `trusted`: everybody who connects is an administrator, no token is needed."""
    deadlines = Deadlines()
    admit = admit_administrator if trusted else admit_client

    @web.middleware
    async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
        began = time.monotonic()
        connection = limits.start_request(request.transport)
        operation = request.app[OPERATIONS].get(request.match_info.route)
        try:
            response = None if trusted else preflight_answer(request)
            if response is None:
                with audited(lambda: deed_of(request)) as witness:
                    response = for_people(request, await answer(request, operation, handler))
                note_deeds(request, response, witness)
        finally:
            if connection is not None:
                limits.finish_request(connection)
        if isinstance(response, web.Response):  # a stream has no length worth telling
            name = operation.name if operation else "none"
            services.metrics.requests.observe(f"{name} {response.status}", time.monotonic() - began)
        return response

    async def answer(request: web.Request, operation: Operation | None, handler: Handler) -> web.StreamResponse:
        use_language(request, services.language())
        try:
            with deadlines.start(REQUEST_SECONDS) as request[DEADLINE]:
                if refused := await admit(request, operation):
                    return refused
                if request.method in HARMLESS or CALLER not in request:
                    return await handler(request)
                try:
                    return await handler(request)
                finally:
                    services.tokens.doubt()  # it may have changed one
        except Exception as error:  # noqa: BLE001 - one request's failure is no other's
            return problem_of(request, error)

    return handle
