"""Pages in a real browser. README.md shows how to write such a test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from tests.http.conftest import House, house
from tests.lab import Lab
from tests.web.browser.beside_asterisk import beside_asterisk
from tests.web.browser.books import BookName, Furnished, furnish, inviting
from tests.web.browser.chromium import LIGHT, chromium
from tests.web.browser.site import Site
from tests.web.conftest import mount


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The worker's Chromium."""
    async with chromium(LIGHT) as started:
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


Furnish = Callable[[BookName], Awaitable[Furnished]]


@pytest.fixture(scope="session")
def furnishing(shelf: dict[BookName, Furnished], tmp_path_factory: pytest.TempPathFactory) -> Furnish:
    """`await furnishing(name)`: a book in which PEOPLE are users, and their sessions; it is to be copied."""

    async def furnished(name: BookName) -> Furnished:
        if name not in shelf:
            shelf[name] = await furnish(name, tmp_path_factory.mktemp(name))
        return shelf[name]

    return furnished


@pytest.fixture
async def furnished(book: BookName, furnishing: Furnish) -> Furnished:
    """A book in which PEOPLE are users, and their sessions; it is to be copied."""
    return await furnishing(book)


@pytest.fixture
async def pbxd(tmp_path: Path, furnished: Furnished) -> AsyncIterator[House]:
    """Everything behind the pages, in this process: `pbxd.services`, `pbxd.database`, a scripted PBX (`pbxd.pbx`)."""
    async with house(tmp_path, furnished.file, mount=mount) as built:
        yield built


@pytest.fixture
async def site(pbxd: House, browser: Browser, furnished: Furnished) -> AsyncIterator[Site]:
    """The pages of `pbxd`. The test fails if a browser sees an error, or asks another host."""
    async with opened(pbxd, browser, furnished) as made:
        yield made


@asynccontextmanager
async def opened(pbxd: House, browser: Browser, furnished: Furnished) -> AsyncIterator[Site]:
    """Look at the pages of `pbxd`; what a browser saw fails at the end."""
    made = Site(browser, f"http://127.0.0.1:{pbxd.server.port}", inviting(pbxd), dict(furnished.states), pbxd)
    yield made
    await made.close()


@pytest.fixture(scope="session")
async def standing(
    browser: Browser, furnishing: Furnish, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Callable[[BookName], Awaitable[Site]]]:
    """`await standing(book)`: pages that a worker's tests share. Such a test changes nothing, and closes its page."""
    sites: dict[BookName, Site] = {}
    async with AsyncExitStack() as stack:

        async def made(name: BookName) -> Site:
            if name not in sites:
                furnished = await furnishing(name)
                pbxd = await stack.enter_async_context(
                    house(tmp_path_factory.mktemp("standing"), furnished.file, mount=mount)
                )
                sites[name] = await stack.enter_async_context(opened(pbxd, browser, furnished))
            return sites[name]

        yield made


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
