"""Files as answers: written as they are made, or read from the disk, without the deadline of other requests."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import web

from pbxd.http.deadlines import DEADLINE, ended_by_stop


@dataclass(frozen=True, slots=True)
class Download:
    """A file that a handler returns instead of a model; its pieces are sent as they come.

    The head is sent with the first piece, so that an error before it is answered with a problem. An error after it
    cuts the connection: a client must not take half a file for a whole one.
    """

    name: str
    content_type: str
    pieces: AsyncGenerator[bytes, None]

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Answer the request; returns when the file ends, the client leaves or the server stops."""
        named = f"attachment; filename*=UTF-8''{quote(self.name)}"
        response = web.StreamResponse(
            headers={"Content-Type": self.content_type, "Content-Disposition": named, "Cache-Control": "no-store"}
        )
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
