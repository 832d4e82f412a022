"""Every page of the catalogue, in both languages and themes, at both widths: accessible, translated, not too wide."""

from __future__ import annotations

import itertools
import re

import pytest
from aiohttp.web import Application

from pbxd import web
from tests.web.browser.books import BookName
from tests.web.browser.catalogue import VIEWS, View
from tests.web.browser.contents import written
from tests.web.browser.judging import audit, fits, no_english, no_russian, shot
from tests.web.browser.site import Language, Site, Size, Theme

Look = tuple[Language, Theme, Size]
LANGUAGES: tuple[Language, ...] = ("ru", "en")
THEMES: tuple[Theme, ...] = ("light", "dark")
SIZES: tuple[Size, ...] = (1280, 390)
TWO: list[Look] = [("ru", "light", 1280), ("en", "dark", 390)]  # between them everything is seen once
REST: list[Look] = [look for look in itertools.product(LANGUAGES, THEMES, SIZES) if look not in TWO]
LOOKS = [
    *(pytest.param(look, id="-".join(map(str, look))) for look in TWO),
    *(pytest.param(look, id="-".join(map(str, look)), marks=pytest.mark.soak) for look in REST),
]


NO_PAGE = re.compile("/$|/static/|.*/export\\.")
SHOWN = [
    pytest.param(view, book, id=f"{view.name}-{book}", marks=[pytest.mark.soak] if book == "full" else [])
    for view in VIEWS
    for book in view.books
]


def test_every_page_is_in_the_catalogue() -> None:
    app = Application()
    web.mount(app)
    pages = {route.resource.canonical for route in app.router.routes() if route.method == "GET" and route.resource}
    paths = [view.path.replace("{invitation}", "/invitation/x").partition("?")[0] for view in VIEWS]
    shown = {page for page in pages for path in paths if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", page), path)}
    assert {page for page in pages - shown if not NO_PAGE.match(page)} == set()


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize(("view", "book"), SHOWN, indirect=["book"])
async def test_a_page_is_accessible_translated_and_not_too_wide(
    site: Site, view: View, book: BookName, look: Look
) -> None:
    language, theme, size = look
    page = await site.page(view.who, language=language, theme=theme, size=size)
    await view.open(site, page)
    assert await page.get_by_role("heading", level=1).count() == 1
    await shot(page, f"{view.name}-{book}-{size}-{language}-{theme}")
    await audit(page)
    await fits(page)
    if book != "full":  # its contacts are made up by the hundred thousand
        await (no_english if language == "ru" else no_russian)(page, *written())
