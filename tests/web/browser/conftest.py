"""Pages in a real browser. README.md shows how to write such a test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from tests.http.conftest import House, house, serving
from tests.lab import Lab
from tests.web.browser.beside_asterisk import beside_asterisk
from tests.web.browser.books import BookName, Furnished, furnish, inviting
from tests.web.browser.chromium import chromium
from tests.web.browser.site import Site
from tests.web.conftest import mount


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The worker's Chromium."""
    async with chromium() as started:
        yield started


@pytest.fixture(scope="session")
def shelf() -> dict[BookName, Furnished]:
    """The worker's books, each made by the first test that needs it."""
    return {}


@pytest.fixture
def book(request: pytest.FixtureRequest) -> BookName:
    """What is in the book: `@pytest.mark.parametrize("book", ["long"], indirect=True)`, else nothing."""
    name: BookName = getattr(request, "param", "empty")
    return name


@pytest.fixture
async def furnished(
    book: BookName, shelf: dict[BookName, Furnished], tmp_path_factory: pytest.TempPathFactory
) -> Furnished:
    """A book in which PEOPLE are users, and their sessions; it is to be copied."""
    if book not in shelf:
        shelf[book] = await furnish(book, tmp_path_factory.mktemp(book))
    return shelf[book]


@pytest.fixture
async def pbxd(tmp_path: Path, furnished: Furnished) -> AsyncIterator[House]:
    """Everything behind the pages, in this process: `pbxd.services`, `pbxd.database`, a scripted PBX (`pbxd.pbx`)."""
    async with house(tmp_path, furnished.file) as built:
        yield built


@pytest.fixture
async def site(pbxd: House, browser: Browser, furnished: Furnished) -> AsyncIterator[Site]:
    """The pages of `pbxd`. The test fails if a browser sees an error, or asks another host."""
    async with serving(pbxd, mount) as server:
        made = Site(browser, f"http://127.0.0.1:{server.port}", inviting(pbxd), dict(furnished.states), pbxd)
        yield made
        await made.close()


@pytest.fixture
async def page(site: Site) -> Page:
    """An agent's browser: Russian, light, 1280 px."""
    return await site.page()


@pytest.fixture
async def phone_page(site: Site) -> Page:
    """An agent's phone: Russian, light, 390 px, touch."""
    return await site.page(size=390)


@pytest.fixture
async def dark_page(site: Site) -> Page:
    """An agent's browser in the dark theme."""
    return await site.page(theme="dark")


@pytest.fixture
async def lab_site(lab: Lab, browser: Browser) -> AsyncIterator[Site]:
    """The pages of a pbxd process beside the real Asterisk, whose phones are PEOPLE's (`lab.phone("101")`)."""
    async with beside_asterisk(lab, browser) as made:
        yield made
