"""What pages load: files of this package under `/static/HASH/`, where HASH changes with them; cached for ever."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib import resources
from typing import Final

from aiohttp import web

_TYPES: Final = {"pages.css": "text/css"}


@cache
def _content(name: str) -> bytes:
    return resources.files("pbxd.web").joinpath("static", name).read_bytes()


@cache
def asset(name: str) -> str:
    """Return the address of a file."""
    return f"/static/{sha256(_content(name)).hexdigest()[:16]}/{name}"


async def send(request: web.Request) -> web.StreamResponse:
    """Send a file."""
    name = request.match_info["name"]
    if name not in _TYPES or request.path != asset(name):
        raise web.HTTPNotFound
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return web.Response(body=_content(name), content_type=_TYPES[name], charset="utf-8", headers=headers)
