"""What every request goes through before and after its handler: limits, audit, errors, deadline, access, metrics.

It is one middleware: six of them took a quarter of a look-up's time.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

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
from pbxd.http.session_cookies import write_session
from pbxd.storage.access.audit import audited

REQUEST_SECONDS = 30.0  # for everything but a stream: reading the body, the database, the PBX's answer


@dataclass(frozen=True, slots=True)
class Handling:
    """The way of a request through one listener; `trusted`: everybody who connects is an administrator."""

    services: Services
    limits: ConnectionLimits
    trusted: bool
    deadlines: Deadlines = field(default_factory=Deadlines)

    def middleware(self) -> Middleware:
        """Return it as aiohttp wants it."""

        @web.middleware
        async def handle(request: web.Request, handler: Handler) -> web.StreamResponse:
            began = time.monotonic()
            operation = request.app[OPERATIONS].get(request.match_info.route)
            connection = self.limits.start_request(request.transport)
            try:
                response = await self._audited(request, operation, handler)
            finally:
                if connection is not None:
                    self.limits.finish_request(connection)
            if isinstance(response, web.Response):  # a stream has no length worth telling
                name = operation.name if operation else "none"
                self.services.metrics.requests.observe(f"{name} {response.status}", time.monotonic() - began)
            return response

        return handle

    async def _audited(self, request: web.Request, operation: Operation | None, handler: Handler) -> web.StreamResponse:
        if not self.trusted and (preflight := preflight_answer(request)):
            return preflight
        with audited(lambda: deed_of(request)) as witness:
            response = for_people(request, await self._answer(request, operation, handler))
        note_deeds(request, response, witness)
        write_session(request, response)
        return response

    async def _answer(self, request: web.Request, operation: Operation | None, handler: Handler) -> web.StreamResponse:
        """Call the handler if the client may; answer every error."""
        use_language(request, self.services.language())
        try:
            with self.deadlines.start(REQUEST_SECONDS) as request[DEADLINE]:
                refused = await (admit_administrator if self.trusted else admit_client)(request, operation)
                if refused is not None:
                    return refused
                if request.method in HARMLESS or CALLER not in request:
                    return await handler(request)
                try:
                    return await handler(request)
                finally:
                    self.services.tokens.doubt()  # it may have changed one
        except Exception as error:  # noqa: BLE001 - the last resort of a server: one request's failure is no other's
            return problem_of(request, error)
