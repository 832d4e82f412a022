"""Operations: a handler together with its address, the scope it needs, what it takes and what it answers.

A handler's signature says what it takes (models of `pbxd.http.requests`) and what it answers (models of
`pbxd.http.answers`); its docstring is the documentation:

    resource = Resource("calls", "The history of calls.")

    @resource.operation("GET", "/api/v1/calls/{id}", scope="calls:read")
    async def show_call(context: Context, path: CallPath, query: CallQuery) -> CallAnswer:
        ...  # its docstring is the documentation

The access check and the OpenAPI document read the same `Operation`. A route without one is not served.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from aiohttp import web

from pbxd.errors import InvalidInputError
from pbxd.http.answers import Answer, Reply
from pbxd.http.context import ACTOR, PAGES, Context
from pbxd.http.downloads import Download, FileKind, Sound
from pbxd.http.mistakes import all_mistakes, located
from pbxd.http.preconditions import IfMatch, check_if_match
from pbxd.http.repetitions import RepeatableHeaders, once
from pbxd.http.requests import (
    JSON,
    ActingQuery,
    Input,
    InvalidRequestError,
    PathParameters,
    in_reading_order,
    read_head,
    receive_body,
)
from pbxd.http.streams import Stream
from pbxd.rights import acting_for
from pbxd.scopes import Scope

Handler = Callable[..., Awaitable[Answer | Reply[Answer] | Stream[Any] | Download[Any] | Sound[Any] | None]]
HandlerT = TypeVar("HandlerT", bound=Handler)
InputT = TypeVar("InputT", bound=Input)
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
# open: needs no token, and shows nothing about anybody; any: whoever has a valid token or session
Wanted = Scope | Literal["open", "any"]
_FILES = (Download, Sound)
_PATTERN = re.compile(r"\{(\w+):[^{}]*\}")


@dataclass(frozen=True, slots=True)
class Manners:
    """What an operation on an object does besides reading its inputs and answering.

    `version` returns the object's version, or raises NotFoundError: before the body is looked at. `if_match`: whether
    a request must name that version. `check` finds what a service would refuse in a body of which other members are
    wrong already, so that all of it is told at once; it raises InvalidInputError. `show` answers with what the
    operation made before, by its id: to a repeated request whose first answer was lost. It raises NotFoundError.
    """

    version: Callable[..., Awaitable[int]] | None = None
    if_match: IfMatch | None = None
    check: Callable[..., Awaitable[object]] | None = None
    show: Callable[[Context, int], Awaitable[Answer | Reply[Any]]] | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Operation:
    """Something that is served at an address."""

    resource: Resource
    method: Method
    path: str  # as aiohttp takes it, with patterns
    scope: Wanted
    handler: Handler
    inputs: Mapping[str, type[Input]]  # by the name of the handler's argument
    statuses: tuple[HTTPStatus, ...]  # of answers that are no problems, the usual one first
    answers: tuple[type[Answer], ...]  # one of them; none: no content
    content_type: str
    problems: Mapping[HTTPStatus, str] = field(default_factory=dict)  # besides those that every such operation has
    manners: Manners = Manners()
    files: tuple[type[FileKind], ...] = ()  # one of them is the answer
    name: str = field(init=False)  # its id in the OpenAPI document
    acting: bool = field(init=False)  # whether a request may name the employee who acts
    repeatable: bool = field(init=False)  # whether a request with an idempotency key is done once
    _path: Mapping[str, type[Input]] = field(init=False)  # of `inputs` the variable parts of the address
    _body: Mapping[str, type[Input]] = field(init=False)
    _head: Mapping[str, type[Input]] = field(init=False)  # all others

    def __post_init__(self) -> None:
        """Work out once what every request would ask."""
        path = {name: model for name, model in self.inputs.items() if issubclass(model, PathParameters)}
        body = {name: model for name, model in self.inputs.items() if model.in_body}
        derived = {
            "name": self.handler.__name__,
            "acting": any(issubclass(model, ActingQuery) for model in self.inputs.values()),
            "repeatable": any(issubclass(model, RepeatableHeaders) for model in self.inputs.values()),
            "_path": path,
            "_body": body,
            "_head": {name: model for name, model in self.inputs.items() if name not in path | body},
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    @property
    def address(self) -> str:
        """The path without patterns, `/api/v1/calls/{id}`."""
        return _PATTERN.sub(r"{\1}", self.path)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Read the request, call the handler, answer."""
        context = Context(request)
        if self.acting:
            request[ACTOR] = acting_for(context.actor, request.query.get("as", ""), "as")
        waits = self._body or self.manners.version
        inputs = await self._received(context) if waits else self._read(request)
        try:
            if self.repeatable and (headers := _of_kind(inputs, RepeatableHeaders)) and headers.key:
                return await once(
                    request,
                    self.name,
                    headers.key,
                    inputs,
                    lambda: self._answer(context, self.handler(context, **inputs)),
                    lambda made: self._answer(context, self._shown(context, made)),
                )
            return await self._sent(context, await self.handler(context, **inputs))
        except InvalidInputError as error:
            raise InvalidRequestError(located(error, self.inputs)) from error

    def _read(self, request: web.Request) -> dict[str, Input]:
        """Read the head of a request that has nothing else to be read."""
        inputs, mistakes = read_head(request, self.inputs)
        if mistakes:
            raise InvalidRequestError(mistakes)
        return inputs

    async def _received(self, context: Context) -> dict[str, Input]:
        """Read the parts of the request, in the order in which errors are told: 404, 415, 413, 400, 428, 412, 422."""
        manners, request = self.manners, context.request
        inputs = read_head(request, self._path)[0]
        version = await manners.version(context, *inputs.values()) if manners.version else None
        body, mistakes = await receive_body(request, self._body)
        head, more = read_head(request, self._head)
        if version is not None and manners.if_match:
            check_if_match(request, version, manners.if_match)
        if mistakes := mistakes + more:
            raise InvalidRequestError(await all_mistakes(context, self.inputs, mistakes, manners.check, inputs))
        return inputs | body | head

    async def _shown(self, context: Context, made: int) -> Any:  # noqa: ANN401 - as the handler's
        if self.manners.show is None:
            raise TypeError(f"{self.name} can't show what it made")
        return await self.manners.show(context, made)

    async def _answer(self, context: Context, handled: Awaitable[Any]) -> web.StreamResponse:
        return await self._sent(context, await handled)

    async def _sent(self, context: Context, result: Any) -> web.StreamResponse:  # noqa: ANN401 - as the handler's
        """Make the response of what the handler returned; what is sent in pieces is sent."""
        if type(result) in self.answers:
            return web.Response(body=result.encoded(), status=self.statuses[0], headers=result.headers)
        if result is None:
            return web.Response(status=self.statuses[0])
        if isinstance(result, (Stream, Download, Sound)):
            return await result.send(context.request)
        if isinstance(result, Answer):
            result = Reply(result)
        status = result.status or self.statuses[0]
        if status not in self.statuses:
            raise ValueError(f"{self.name} answers {status}, which it does not declare")
        headers = {**result.answer.headers, **result.headers}
        return web.Response(body=result.answer.encoded(), status=status, headers=headers)


OPERATIONS: web.AppKey[dict[web.AbstractRoute, Operation]] = web.AppKey("operations", dict)


class Resource:
    """A kind of thing that is served: the operations on it, and their tag in the OpenAPI document."""

    def __init__(self, name: str, summary: str) -> None:
        self.name = name
        self.summary = summary
        self.operations: list[Operation] = []

    def operation(
        self,
        method: Method,
        path: str,
        *,
        scope: Wanted,
        status: HTTPStatus | tuple[HTTPStatus, ...] = HTTPStatus.OK,
        problems: Mapping[HTTPStatus, str] | None = None,
        manners: Manners = Manners(),
    ) -> Callable[[HandlerT], HandlerT]:
        """Declare the decorated handler as an operation.

        `status`: of its answers, the usual one first. `problems`: which errors it answers besides those that follow
        from its scope and its inputs, each with the reason.
        """
        statuses = status if isinstance(status, tuple) else (status,)

        def declare(handler: HandlerT) -> HandlerT:
            hints = get_type_hints(handler)
            answers, content_type, files = _answers(hints.pop("return"))
            inputs = _inputs({name: hint for name, hint in hints.items() if hint is not Context})
            self.operations.append(
                Operation(
                    self,
                    method,
                    path,
                    scope,
                    handler,
                    inputs,
                    statuses,
                    answers,
                    content_type,
                    problems or {},
                    manners,
                    files,
                )
            )
            return handler

        return declare


def serve(app: web.Application, resources: Iterable[Resource]) -> None:
    """Serve the operations of resources; each GET answers HEAD too."""
    served = app.setdefault(OPERATIONS, {})
    for operation in (operation for resource in resources for operation in resource.operations):
        address = app.router.add_resource(operation.path)
        for method in ("GET", "HEAD") if operation.method == "GET" else (operation.method,):
            served[address.add_route(method, operation.handle)] = operation


def check_known(request: web.Request) -> None:
    """Raise LookupError for a request of a route without an operation: nothing says who may use it.

    Pages have none, nor has an address where nothing is served.
    """
    if request.match_info.http_exception is None and request.match_info.route not in request.app.get(PAGES, ()):
        raise LookupError(f"{request.path} has no operation")


def is_open(request: web.Request, operation: Operation | None) -> bool:
    """Tell whether a request needs no token: its operation is open, or its method is wrong for an open address.

    A page is open here: it sends those who aren't signed in to where they sign in.
    """
    if operation is not None:
        return operation.scope == "open"
    if request.match_info.route in request.app.get(PAGES, ()):
        return True
    return any(each.scope == "open" and each.path == request.path for each in request.app[OPERATIONS].values())


def action_of(request: web.Request) -> str:
    """Return the word for what a request asks for; empty where nothing is served."""
    route = request.match_info.route
    operation = request.app[OPERATIONS].get(route)
    return operation.name if operation else request.app.get(PAGES, {}).get(route, "")


def _inputs(models: Mapping[str, Any]) -> dict[str, type[Input]]:
    """Check the models that a handler's arguments name."""
    for name, model in models.items():
        if not (isinstance(model, type) and issubclass(model, Input)):
            raise TypeError(f"{name}: {model} is no model of a request's part")
    return in_reading_order(models)


def _of_kind(inputs: Mapping[str, Input], kind: type[InputT]) -> InputT | None:
    return next((each for each in inputs.values() if isinstance(each, kind)), None)


def _answers(result: Any) -> tuple[tuple[type[Answer], ...], str, tuple[type[FileKind], ...]]:  # noqa: ANN401 - a type, generic or not
    """Return the models that a handler's return annotation names, their content type, and the kinds of files."""
    origin = get_origin(result)
    stream = origin if isinstance(origin, type) and issubclass(origin, Stream) else None
    if isinstance(origin, type) and issubclass(origin, Reply | Stream):
        (result,) = get_args(result)
    models = get_args(result) if get_origin(result) in (Union, UnionType) else (result,)
    files = tuple(get_args(each)[0] for each in models if get_origin(each) in _FILES)
    answers = tuple(each for each in models if each is not NoneType and get_origin(each) not in _FILES)
    for model in answers:
        if not (isinstance(model, type) and issubclass(model, Answer)):
            raise TypeError(f"{model} is no model of an answer")
    if stream:
        return answers, stream.content_type, files
    return answers, answers[0].content_type.partition(";")[0] if answers else JSON, files
