"""The HTTP server of `tests/http`, with the pages."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp.web import Application

from pbxd import api, web
from tests.http.conftest import House, serving
from tests.http.conftest import empty_book as empty_book
from tests.http.conftest import pbxd as pbxd


def mount(app: Application) -> None:
    api.mount(app)
    web.mount(app)


@pytest.fixture
async def site(pbxd: House) -> AsyncIterator[str]:
    """Where the pages are."""
    async with serving(pbxd, mount) as server:
        yield f"http://127.0.0.1:{server.port}"
