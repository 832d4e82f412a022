"""Files as answers: sent in pieces, without the deadline of other requests."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar
from urllib.parse import quote

from aiohttp import web

from pbxd.http.deadlines import DEADLINE, ended_by_stop


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
