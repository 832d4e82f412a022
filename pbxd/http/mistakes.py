"""All mistakes of a request at once: those of its form, and those that only a service can find."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from pbxd.errors import InvalidInputError
from pbxd.http.context import Context
from pbxd.http.requests import Body, Headers, Input, InvalidRequestError, Mistake, PathParameters, Place, Query


async def all_mistakes(
    context: Context,
    models: Mapping[str, type[Input]],
    found: Sequence[Mistake],
    check: Callable[..., Awaitable[object]] | None,
    path: Mapping[str, Input],
) -> Sequence[Mistake]:
    """Return mistakes of the form, and what `check` finds in those members of the body that are well-formed."""
    body = next((model for model in models.values() if issubclass(model, Body)), None)
    if check is None or body is None:
        return found
    wrong = {each.parts[0] for each in found if each.place == "pointer" and each.parts}
    rest = await body.without(context.request, wrong)
    if rest is None:
        return found
    try:
        await check(context, rest, *path.values())
    except InvalidInputError as error:
        return [*found, *(each for each in located(error, models) if each.parts[0] not in wrong)]
    return found


def located(error: InvalidInputError, models: Mapping[str, type[Input]]) -> Sequence[Mistake]:
    """Return what a service found, each with its place in the request."""
    if isinstance(error, InvalidRequestError):
        return error.found
    kinds = tuple(models.values())
    return [Mistake.found_by_service(each, _place(each.field, kinds)) for each in error.mistakes]


def _place(field: str, models: Iterable[type[Input]]) -> Place:
    for model in models:
        if not issubclass(model, PathParameters) and field in _names(model):
            return model.place
    for kind in (Body, Query, Headers):
        if any(issubclass(model, kind) for model in models):
            return kind.place
    return "path"


def _names(model: type[Any]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}
