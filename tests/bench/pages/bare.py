"""The least that makes a page: an aiohttp handler that fills a Jinja2 template, and nothing else.

`python -m tests.bench.pages.bare PORT FILE` answers `/0`, `/1`, … with the pages of FILE (JSON): as many rows, and in
each as many texts to escape, as the pages that it is compared with.
"""

from __future__ import annotations

import asyncio
import html
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import uvloop
from aiohttp import web
from jinja2 import Environment
from markupsafe import Markup

from tests.lab.ports import HOST

Piece = tuple[str, str]  # markup, and the text behind it
_ROW = re.compile(r"(?=<(?:tr|li|option)\b)")
_PIECE = re.compile(r"((?:<[^>]*>\s*)*)([^<]*)")
_TEMPLATE = "{% for row in rows %}{% for markup, text in row %}{{ markup }}{{ text }}{% endfor %}{% endfor %}"


def pieces_of(page: str) -> list[list[Piece]]:
    """Return a page as the rows of its tables and lists, each with its texts as they were before they were escaped."""
    return [list(_pieces(row)) for row in _ROW.split(page)]


def _pieces(row: str) -> Iterator[Piece]:
    for found in _PIECE.finditer(row):
        if found[0]:
            yield found[1], html.unescape(found[2])


async def serve(port: int, file: Path) -> None:
    """Serve until killed."""
    made = Environment(autoescape=True).from_string(_TEMPLATE)
    made_of = json.loads(file.read_text("utf-8"))  # noqa: ASYNC240 - before anything is measured
    pages = [
        [[(Markup(markup), text) for markup, text in row] for row in page]  # noqa: S704 - pages that pbxd made
        for page in made_of
    ]

    async def answer(request: web.Request) -> web.Response:
        rows = pages[int(request.match_info["place"])]
        return web.Response(text=made.render(rows=rows), content_type="text/html")

    application = web.Application()
    application.router.add_get("/{place}", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), Path(sys.argv[2])))
