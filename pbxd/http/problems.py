"""Errors as `application/problem+json` (RFC 9457)."""

from __future__ import annotations

import json
import logging
import math
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import web

from pbxd import i18n
from pbxd.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    PbxdError,
    ProtocolError,
    RefusedError,
    StaleError,
    StorageError,
    UnavailableError,
    WrongLoginError,
)
from pbxd.http.answers import Answer
from pbxd.http.context import ERROR_PAGE, LANGUAGE_COOKIE, LOCAL, PAGES, loggable_path
from pbxd.http.preconditions import PreconditionNeededError
from pbxd.http.requests import BODY_LIMIT, InvalidRequestError
from pbxd.i18n import _
from pbxd.logs import Notes

PROBLEM = "application/problem+json"
CLIENT_LEFT = 499  # as nginx names it: the client closed the connection before the head of the answer
RETRY_SECONDS = {HTTPStatus.SERVICE_UNAVAILABLE: 5.0, HTTPStatus.TOO_MANY_REQUESTS: 60.0}  # where nothing is known

_KINDS: dict[type[PbxdError], tuple[str, HTTPStatus]] = {
    PreconditionNeededError: ("precondition-required", HTTPStatus.PRECONDITION_REQUIRED),
    StaleError: ("precondition-failed", HTTPStatus.PRECONDITION_FAILED),
    InvalidInputError: ("invalid", HTTPStatus.UNPROCESSABLE_ENTITY),
    NotFoundError: ("not-found", HTTPStatus.NOT_FOUND),
    ConflictError: ("conflict", HTTPStatus.CONFLICT),
    WrongLoginError: ("unauthorized", HTTPStatus.UNAUTHORIZED),
    RefusedError: ("refused", HTTPStatus.FORBIDDEN),
    UnavailableError: ("unavailable", HTTPStatus.SERVICE_UNAVAILABLE),
    ProtocolError: ("peer", HTTPStatus.BAD_GATEWAY),
}
_notes = Notes(structlog.stdlib.get_logger(__name__))


class RequestError(Answer):
    """One thing that is wrong with a request."""

    pointer: str = ""
    """Where in the body, as a JSON pointer (RFC 6901)."""
    parameter: str = ""
    """Which name of the query string."""
    header: str = ""
    """Which header."""
    code: str
    """A stable word for programs."""
    detail: str
    """A sentence for people."""


class Problem(Answer):
    """What went wrong (RFC 9457)."""

    type: str
    """`urn:pbxd:` and a stable word."""
    title: str
    """What the status means, for people."""
    status: int
    detail: str
    """What is wrong, for people; in the language of `Accept-Language`, else in the service's."""
    field: str = ""
    """The first thing in the request that is wrong."""
    reason: str = ""
    """Which rule refused the request: a stable word."""
    scope: str = ""
    """The scope that the token lacks."""
    errors: tuple[RequestError, ...] = ()
    """Everything that is wrong with the request's body, query or headers."""


def problem(kind: str, status: HTTPStatus, detail: str, **more: Any) -> web.Response:  # noqa: ANN401 - any of its members
    """Build the answer; `more` are further members of Problem."""
    answer = Problem(type=f"urn:pbxd:{kind}", title=_title(status), status=status.value, detail=detail, **more)
    return web.Response(body=answer.encoded(), status=status, content_type=PROBLEM)


def use_language(request: web.Request, usual: str) -> None:
    """Have messages in the language that the request prefers, in this task."""
    chosen = request.cookies.get(LANGUAGE_COOKIE) if "Cookie" in request.headers else None
    i18n.use(i18n.preferred(chosen, request.headers.get("Accept-Language"), usual))


def problem_of(request: web.Request, error: Exception) -> web.Response:
    """Answer an error; log our own mistakes, and show nothing of them to the client."""
    match error:
        case ConnectionResetError() if request.transport is None or request.transport.is_closing():
            return web.Response(status=CLIENT_LEFT)  # nobody reads it; the metrics count it
        case PbxdError():
            return from_pbxd(error if request.app[LOCAL] else _for_strangers(error))
        case web.HTTPException():
            return from_aiohttp(error)
        case TimeoutError():
            return _timed_out(request)
        case _:
            pass
    _notes.write(
        "http_request_failed", logging.ERROR, method=request.method, path=loggable_path(request), exc_info=error
    )
    return problem("internal", HTTPStatus.INTERNAL_SERVER_ERROR, _("an error in pbxd; its log tells more"))


def for_people(request: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
    """Return a page instead of a problem document where a browser asks for a page, or for an address that there isn't.

    A program gets the problem document: 401 without a token, wherever nothing is.
    """
    if answer.status < HTTPStatus.BAD_REQUEST or not isinstance(answer, web.Response) or answer.content_type != PROBLEM:
        return answer
    show, unknown = request.app.get(ERROR_PAGE), request.match_info.http_exception
    if (
        show is None
        or not _asks_for_page(request)
        or not (unknown or request.match_info.route in request.app.get(PAGES, {}))
    ):
        return answer
    if unknown:
        page = show(request, HTTPStatus(unknown.status), _said(unknown))
        page.headers.update({name: unknown.headers[name] for name in ("Allow",) if name in unknown.headers})
        return page
    return show(request, HTTPStatus(answer.status), str(json.loads(answer.text or "{}").get("detail", "")))


def _asks_for_page(request: web.Request) -> bool:
    """Tell whether a browser asks, for something that is not the API's."""
    first = request.path.split("/", 2)[1]
    return request.method in {"GET", "HEAD"} and first != "api" and "text/html" in request.headers.get("Accept", "")


def _timed_out(request: web.Request) -> web.Response:
    """Blame the client when its body did not arrive in time, else a peer of ours."""
    if request.content.is_eof():
        return from_pbxd(UnavailableError(_("no answer in time")))
    answer = problem("request-timeout", HTTPStatus.REQUEST_TIMEOUT, _("the body didn't come in time"))
    answer.force_close()
    return answer


def _for_strangers(error: PbxdError) -> PbxdError:
    """Return what is said outside this machine: not where its database is."""
    if not isinstance(error, StorageError):
        return error
    return UnavailableError(_("the database is away; try again a little later"))


def from_pbxd(error: PbxdError) -> web.Response:
    """Answer with what one of our own errors says."""
    kind, status = next(
        (found for cls, found in _KINDS.items() if isinstance(error, cls)),
        ("internal", HTTPStatus.INTERNAL_SERVER_ERROR),
    )
    more: dict[str, Any] = {name: getattr(error, name) for name in ("field", "reason", "scope") if hasattr(error, name)}
    if isinstance(error, InvalidRequestError):
        more["errors"] = tuple(
            RequestError.model_validate(
                {
                    each.place: each.pointer if each.place == "pointer" else each.field,
                    "code": each.code,
                    "detail": each.detail,
                }
            )
            for each in error.found
        )
    if more.get("reason") == "too-many":
        status = HTTPStatus.TOO_MANY_REQUESTS
    answer = problem(kind, status, str(error), **more)
    if status in RETRY_SECONDS:
        seconds = getattr(error, "retry_after", None) or RETRY_SECONDS[status]
        answer.headers["Retry-After"] = str(math.ceil(seconds))
    if status == HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="pbxd"'
    if scope := more.get("scope"):
        answer.headers["WWW-Authenticate"] = f'Bearer realm="pbxd", error="insufficient_scope", scope="{scope}"'
    return answer


def from_aiohttp(error: web.HTTPException) -> web.Response:
    """Give aiohttp's own refusals (404, 405, 413 …) the same form, keeping headers such as Allow."""
    status = HTTPStatus(error.status)
    answer = problem(status.phrase.lower().replace(" ", "-"), status, _said(error))
    for name in ("Allow", "WWW-Authenticate", "Content-Range"):
        if name in error.headers:
            answer.headers[name] = error.headers[name]
    return answer


def _said(error: web.HTTPException) -> str:
    status = HTTPStatus(error.status)
    said = {
        HTTPStatus.NOT_FOUND: _("there is nothing at this address"),
        HTTPStatus.METHOD_NOT_ALLOWED: _("method not allowed"),
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: _("the body is longer than {limit} bytes").format(limit=BODY_LIMIT),
    }
    return said.get(status, _title(status)) if error.reason == status.phrase else error.reason


def _title(status: HTTPStatus) -> str:
    """Return what the status means; RFC 9457 lets only its language change."""
    return {
        HTTPStatus.BAD_REQUEST: _("Bad Request"),
        HTTPStatus.UNAUTHORIZED: _("Unauthorized"),
        HTTPStatus.FORBIDDEN: _("Forbidden"),
        HTTPStatus.NOT_FOUND: _("Not Found"),
        HTTPStatus.METHOD_NOT_ALLOWED: _("Method Not Allowed"),
        HTTPStatus.REQUEST_TIMEOUT: _("Request Timeout"),
        HTTPStatus.CONFLICT: _("Conflict"),
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: _("Request Entity Too Large"),
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE: _("Unsupported Media Type"),
        HTTPStatus.UNPROCESSABLE_ENTITY: _("Unprocessable Entity"),
        HTTPStatus.PRECONDITION_FAILED: _("Precondition Failed"),
        HTTPStatus.PRECONDITION_REQUIRED: _("Precondition Required"),
        HTTPStatus.TOO_MANY_REQUESTS: _("Too Many Requests"),
        HTTPStatus.INTERNAL_SERVER_ERROR: _("Internal Server Error"),
        HTTPStatus.BAD_GATEWAY: _("Bad Gateway"),
        HTTPStatus.SERVICE_UNAVAILABLE: _("Service Unavailable"),
    }.get(status, status.phrase)
