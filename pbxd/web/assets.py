"""What pages load: files of this package under `/static/HASH/`, where HASH changes with any of them; cached for ever.

One HASH for all of them lets a script name its neighbours by relative paths.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from http import HTTPStatus
from importlib import resources
from typing import Final

from aiohttp import web

_TYPES: Final = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


@cache
def _files() -> dict[str, bytes]:
    folder = resources.files("pbxd.web").joinpath("static")
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir(), key=lambda each: each.name)}


@cache
def _hash() -> str:
    digest = sha256()
    for name, content in _files().items():
        digest.update(name.encode() + b"\0" + content)
    return digest.hexdigest()[:16]


def asset(name: str) -> str:
    """Return the address of a file."""
    return f"/static/{_hash()}/{name}"


async def send(request: web.Request) -> web.StreamResponse:
    """Send a file."""
    name = request.match_info["name"]
    content = _files().get(name)
    if content is None or request.path != asset(name):
        raise web.HTTPNotFound
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    kind = _TYPES[name.rpartition(".")[2]]
    answer = web.Response(body=content, content_type=kind, charset="utf-8", headers=headers)
    answer.enable_compression()
    return answer


async def send_icon(_request: web.Request) -> web.StreamResponse:
    """Send a browser to the icon, which pages link, where it asks for the name that browsers try by themselves."""
    headers = {"Location": asset("icon.svg"), "Cache-Control": "public, max-age=3600"}
    return web.Response(status=HTTPStatus.FOUND, headers=headers)
