"""Answers as typed values: the models that JSON answers are built from, and documented by."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from typing import Any, ClassVar, Generic, TypeVar

from multidict import CIMultiDict
from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticSerializationError

from pbxd.http.descriptions import describe_members
from pbxd.http.requests import JSON


@cache
def _headers(content_type: str) -> Mapping[str, str]:
    return CIMultiDict({"Content-Type": f"{content_type}; charset=utf-8"})


def _publish(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Describe an answer as its readers must take it: unknown members may come, absent ones have no value."""
    describe_members(schema, model)
    schema.pop("additionalProperties", None)
    for member in schema.get("properties", {}).values():
        for word in ("title", "default"):
            member.pop(word, None)


class Answer(BaseModel):
    """A JSON answer, or an object in one. A member that was not set is left out; one that was set to None is null."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        from_attributes=True,
        populate_by_name=True,
        json_schema_extra=_publish,
        defer_build=True,  # at its first use, not at the start
    )
    content_type: ClassVar[str] = JSON

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers that say how to read it."""
        return _headers(self.content_type)

    def encoded(self) -> bytes:
        """Return the JSON text."""
        try:
            # What model_dump_json calls, without making a text of the bytes in between.
            return self.__pydantic_serializer__.to_json(self, by_alias=True, exclude_unset=True)
        except PydanticSerializationError:  # half of a surrogate pair, from bytes in a URL that are no UTF-8
            return json.dumps(self.model_dump(mode="json", by_alias=True, exclude_unset=True)).encode()


class TextAnswer(Answer):
    """An answer that is plain text. Derive from it; `content_type` may be a more exact one."""

    model_config = ConfigDict(json_schema_extra=lambda schema, _model: _publish_text(schema))
    content_type: ClassVar[str] = "text/plain"
    text: str

    def encoded(self) -> bytes:
        """Return the text itself."""
        return self.text.encode()


def _publish_text(schema: dict[str, Any]) -> None:
    for name in ("properties", "required", "additionalProperties"):
        schema.pop(name, None)
    schema["type"] = "string"


AnswerT_co = TypeVar("AnswerT_co", bound=Answer, covariant=True)


@dataclass(frozen=True, slots=True)
class Reply(Generic[AnswerT_co]):
    """An answer with headers, or with another status than the operation's first."""

    answer: AnswerT_co
    status: HTTPStatus | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
