"""Files as answers: made while they are sent, or recordings in the parts that a player asks for; without a deadline."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, BinaryIO, ClassVar, Final, Generic, TypeVar
from urllib.parse import quote

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from pbxd.http.deadlines import DEADLINE, ended_by_stop
from pbxd.i18n import _


class FileKind:
    """A kind of file."""

    content_type: ClassVar[str]


class XLSX(FileKind):
    """A workbook."""

    content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class CSV(FileKind):
    """A table with a header line, UTF-8, separated by semicolons."""

    content_type = "text/csv"


class VCF(FileKind):
    """Cards, one after another."""

    content_type = "text/vcard"


KINDS: dict[str, Any] = {"xlsx": XLSX, "csv": CSV, "vcf": VCF}
KindT_co = TypeVar("KindT_co", bound=FileKind, covariant=True)


@dataclass(frozen=True, slots=True)
class Download(Generic[KindT_co]):
    """A file that a handler returns instead of a model; its pieces are sent as they come.

    The head is sent with the first piece, so that an error before it is answered with a problem. An error after it
    cuts the connection: a client must not take half a file for a whole one.
    """

    kind: type[KindT_co]
    name: str
    pieces: AsyncGenerator[bytes, None]

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Answer the request; returns when the file ends, the client leaves or the server stops."""
        headers = {
            "Content-Type": self.kind.content_type,
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(self.name)}",
            "Cache-Control": "no-store",
        }
        response = web.StreamResponse(headers=headers)
        async with aclosing(self.pieces) as pieces:
            request[DEADLINE].reschedule(None)
            with ended_by_stop(request.app), suppress(ConnectionResetError):  # the client has left
                first = b"" if request.method == "HEAD" else await anext(pieces, b"")
                await response.prepare(request)
                if request.method != "HEAD":
                    await response.write(first)
                    async for piece in pieces:
                        await response.write(piece)
                    await response.write_eof()
        return response


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


_SOUNDS: Final[dict[str, type[FileKind]]] = {
    ".wav": WAV, ".mp3": MP3, ".ogg": OGG, ".opus": OGG, ".gsm": GSM,
}  # fmt: skip


def sound_kind(name: str) -> type[FileKind]:
    """Return the kind of a recording by the ending of its name."""
    return _SOUNDS.get(PurePosixPath(name).suffix.lower(), OtherSound)


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
