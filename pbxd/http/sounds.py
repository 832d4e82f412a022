"""Recordings as answers: a stored file, whole or in the parts that a player asks for."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO, Final, Generic, TypeVar
from urllib.parse import quote

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from pbxd.http.deadlines import DEADLINE, ended_by_stop
from pbxd.http.downloads import FileKind
from pbxd.i18n import _


class WAV(FileKind):
    """PCM, or GSM in WAV."""

    content_type = "audio/wav"


class MP3(FileKind):
    """MP3."""

    content_type = "audio/mpeg"


class OGG(FileKind):
    """Ogg: Vorbis or Opus."""

    content_type = "audio/ogg"


class GSM(FileKind):
    """Raw GSM."""

    content_type = "audio/x-gsm"


class OtherSound(FileKind):
    """Sound in a form that browsers do not play."""

    content_type = "application/octet-stream"


_KINDS: Final[dict[str, type[FileKind]]] = {
    ".wav": WAV, ".mp3": MP3, ".ogg": OGG, ".opus": OGG, ".gsm": GSM,
}  # fmt: skip
KindT_co = TypeVar("KindT_co", bound=FileKind, covariant=True)


def sound_kind(name: str) -> type[FileKind]:
    """Return the kind of a recording by the ending of its name."""
    return _KINDS.get(PurePosixPath(name).suffix.lower(), OtherSound)


@dataclass(frozen=True, slots=True)
class Sound(Generic[KindT_co]):
    """An open file that a handler returns instead of a model; `send` closes it."""

    kind: type[KindT_co]
    name: str
    file: BinaryIO

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Answer the request; returns when the part that was asked for ends, the client leaves or the server stops."""
        headers = {
            "Content-Type": self.kind.content_type,
            "Content-Disposition": f"inline; filename*=UTF-8''{quote(self.name)}",
            "Cache-Control": "private, no-store",
            "X-Content-Type-Options": "nosniff",
        }
        with self.file as file:
            _check_range(request, file.seek(0, 2))
            request[DEADLINE].reschedule(None)
            response = _OpenFileResponse(f"/proc/self/fd/{file.fileno()}", headers=headers)
            with ended_by_stop(request.app), suppress(ConnectionResetError):  # the client has left
                await response.prepare(request)
        return response


class _OpenFileResponse(web.FileResponse):
    """Is sent while its file is open, and not again when aiohttp prepares it after the handler."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        return await (web.StreamResponse.prepare(self, request) if self.prepared else super().prepare(request))


def _check_range(request: web.Request, size: int) -> None:
    """Refuse a part that the file does not have, or that can't be read; `If-Range` may make it the whole file."""
    if "If-Range" in request.headers:
        return
    try:
        begin = request.http_range.start
    except ValueError:
        begin = size
    if begin is not None and begin >= size:
        raise web.HTTPRequestRangeNotSatisfiable(
            headers={"Content-Range": f"bytes */{size}"}, reason=_("the file has {size} bytes").format(size=size)
        )
