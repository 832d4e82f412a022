"""Errors that aiohttp answers by itself, outside our middlewares: what is not HTTP, or a request it can't take.

Without this module it logs a traceback for each, with the malformed header (there may be a token in it), and answers
plain text.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import structlog
from aiohttp import web

from pbxd import i18n
from pbxd.http.problems import from_aiohttp, problem
from pbxd.i18n import _
from pbxd.logs import Notes

Handled = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_notes = Notes(structlog.stdlib.get_logger(__name__))


class HttpConnection(web.RequestHandler):
    """aiohttp's protocol of a connection: an error is answered with a problem document and logged in one line."""

    __slots__ = ("_language",)

    def __init__(self, server: web.Server, *, language: Callable[[], str], keepalive_timeout: float) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=keepalive_timeout,
            access_log=None,  # type: ignore[arg-type]  # what AppRunner passes for "none"
        )
        self._language = language

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what could not be parsed (400), or our own mistake (500), and close the connection."""
        del message  # it quotes the request
        i18n.use(i18n.preferred(self._language()))
        found = HTTPStatus(status)
        if found < HTTPStatus.INTERNAL_SERVER_ERROR:
            _notes.write("http_request_malformed", why=type(exc).__name__, remote=request.remote)
            answer = problem("malformed", found, _("not an HTTP request"))
        else:
            self.log_exception(exc_info=exc)
            answer = problem("internal", found, _("an error in pbxd; its log tells more"))
        if request.writer.output_size > 0:
            raise ConnectionError("a part of another answer has been sent")
        answer.force_close()
        return answer

    def log_exception(self, *_args: object, exc_info: BaseException | None = None, **_more: object) -> None:
        """Log an exception without what the client sent."""
        if isinstance(exc_info, web.RequestPayloadError):
            _notes.write("http_request_malformed", why=type(exc_info).__name__)
        else:
            _notes.write("http_connection_failed", logging.ERROR, exc_info=exc_info)


def answer_http_errors(handler: Handled) -> Handled:
    """Wrap the application's handler, which raises before any middleware for some requests (header `Expect`)."""

    async def handled(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            return from_aiohttp(error)

    return handled
