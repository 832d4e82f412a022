"""Uploaded files (`multipart/form-data`): written to the disk as they come, counted, given up when they end early."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO, ClassVar, Final, Self
from urllib.parse import unquote

from aiohttp import BodyPartReader, MultipartReader, web

from pbxd.http.deadlines import DEADLINE
from pbxd.http.requests import Input, InvalidRequestError, Mistake
from pbxd.i18n import _

FORM: Final = "multipart/form-data"
UNNAMED: Final = "upload"  # also where a browser sends no file: its name and its content are empty
_CHUNK: Final = 256 * 1024  # bytes
_FIELD_LIMIT: Final = 10_000  # bytes of a field that is no file
_FIELDS_LIMIT: Final = 200
_CHUNK_SECONDS: Final = 30.0  # within which the next piece of a body must come
_WHOLE_SECONDS: Final = 1800.0  # for a whole body
_AROUND: Final = 64 * 1024  # bytes of a form beside its file
_SUFFIX: Final = re.compile(r"\.[A-Za-z0-9]{1,8}")
_BROKEN = (web.RequestPayloadError, ConnectionError, ValueError, AssertionError, EOFError, LookupError)


class Form(Input):
    """A form with one file. The handler takes it from the request by `receive`."""

    place = "pointer"
    in_body = True
    content_types: ClassVar[tuple[str, ...]] = (FORM,)

    @classmethod
    async def receive(cls, request: web.Request) -> Self:
        """Only look at the kind of the body: the handler reads it."""
        if request.content_type != FORM:
            raise web.HTTPUnsupportedMediaType(reason=_("{type} is needed").format(type=FORM))
        return cls()


@dataclass(frozen=True, slots=True)
class Received:
    """A form that has arrived."""

    file: Path
    name: str  # of the file, as the client calls it, without folders
    fields: Mapping[str, list[str]]  # in their order


async def receive(request: web.Request, folder: Path, limit: int) -> Received:
    """Write the form's file into a folder. Its time runs out only when no piece of it comes for half a minute.

    Raises HTTP errors: 413 for a file longer than `limit` bytes, 400 for a body that can't be read or ends early.
    Raises InvalidRequestError for a form without a file.
    """
    if request.content_length is not None and request.content_length > limit + _AROUND:
        raise _too_long(limit)
    end = asyncio.get_running_loop().time() + _WHOLE_SECONDS
    fields: dict[str, list[str]] = {}
    file: tuple[Path, str] | None = None
    try:
        async for part in await request.multipart():
            if part is None or isinstance(part, MultipartReader) or sum(map(len, fields.values())) >= _FIELDS_LIMIT:
                raise web.HTTPBadRequest(reason=_("the body can't be read"))
            if part.name == "file" and file is None:
                name = _plain_name(part.filename or "")
                file = folder / f"upload{_suffix(name)}", name
                await _write(request, part, file[0], limit, end)
            else:
                fields.setdefault(part.name or "", []).append(await _text(request, part, end))
    except _BROKEN as error:
        raise web.HTTPBadRequest(reason=_("the body can't be read")) from error
    if file is None:
        raise InvalidRequestError([Mistake("pointer", ("file",), "missing", _("file: missing"))])
    return Received(*file, fields)


async def fields_beside(request: web.Request, most: int) -> dict[str, str]:
    """Return the fields of a form whose file is not wanted; none if the body is longer or can't be read."""
    fields: dict[str, str] = {}
    if request.content_length is None or request.content_length > most:
        return fields
    with suppress(*_BROKEN):
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader) or len(fields) >= _FIELDS_LIMIT:
                break
            if part.filename is not None:
                await part.release()
            else:
                fields[part.name or ""] = (await part.read()).decode()
    return fields


async def _write(request: web.Request, part: BodyPartReader, file: Path, limit: int, end: float) -> None:
    stream: BinaryIO = await asyncio.to_thread(file.open, "xb")
    count = 0
    try:
        while chunk := await _piece(request, part, end):
            count += len(chunk)
            if count > limit:
                raise _too_long(limit)
            await asyncio.to_thread(stream.write, chunk)
    finally:
        await asyncio.to_thread(stream.close)


async def _text(request: web.Request, part: BodyPartReader, end: float) -> str:
    found = b""
    while chunk := await _piece(request, part, end):
        found += chunk
        if len(found) > _FIELD_LIMIT:
            raise _too_long(_FIELD_LIMIT)
    return found.decode()


async def _piece(request: web.Request, part: BodyPartReader, end: float) -> bytes:
    request[DEADLINE].reschedule(min(end, asyncio.get_running_loop().time() + _CHUNK_SECONDS))
    return bytes(await part.read_chunk(_CHUNK))


def _too_long(limit: int) -> web.HTTPRequestEntityTooLarge:
    message = _("the body is longer than {limit} bytes").format(limit=limit)
    return web.HTTPRequestEntityTooLarge(max_size=limit, actual_size=limit, reason=message)


def _plain_name(name: str) -> str:
    """Return a file's name without folders and control characters: it is shown, and names nothing here.

    Some clients write letters beyond ASCII as `%D0%98`.
    """
    with suppress(UnicodeDecodeError):
        name = unquote(name, errors="strict")
    plain = PureWindowsPath(PurePosixPath(name).name).name
    return "".join(letter for letter in plain if letter.isprintable())[:200] or UNNAMED


def _suffix(name: str) -> str:
    suffix = PurePosixPath(name).suffix
    return suffix.lower() if _SUFFIX.fullmatch(suffix) else ""
