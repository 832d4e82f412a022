"""The HTTP server of `tests/http`, with the pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.web import Application

from pbxd import api, web
from tests.http.conftest import House, house
from tests.http.conftest import empty_book as empty_book


def mount(app: Application) -> None:
    api.mount(app)
    web.mount(app)


@pytest.fixture
async def pbxd(tmp_path: Path, empty_book: Path, house_url: str) -> AsyncIterator[House]:
    async with house(tmp_path, empty_book, url=house_url, mount=mount) as built:
        yield built


@pytest.fixture
def site(pbxd: House) -> str:
    """Where the pages are."""
    return f"http://127.0.0.1:{pbxd.server.port}"
