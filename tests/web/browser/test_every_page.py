"""Every page of the catalogue, in both languages and themes, at both widths: accessible, translated, not too wide."""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp.web import Application
from playwright.async_api import Page, expect

from pbxd import web
from tests.web.browser.books import BookName
from tests.web.browser.catalogue import VIEWS, View
from tests.web.browser.contents import written
from tests.web.browser.judging import audit, fits, no_english, no_russian, shot
from tests.web.browser.site import AGENT, Language, Site, Size, Theme

Look = tuple[Language, Theme, Size]
LANGUAGES: tuple[Language, ...] = ("ru", "en")
THEMES: tuple[Theme, ...] = ("light", "dark")
SIZES: tuple[Size, ...] = (1280, 390)
LOOKS: list[Look] = list(itertools.product(LANGUAGES, THEMES, SIZES))
ALL = [(view, book) for view in VIEWS for book in view.books]
# One book for each view: with long names where there is one. The others are soak's.
QUICK = [(view, "long" if "long" in view.books else view.books[0]) for view in VIEWS]
NO_PAGE = re.compile(
    r"/$|/settings$|/static/|/favicon|.*\.(vcf|xlsx)$|.*/export\.|.*/(text|duplicates|names|missed|check|role|replay)$|/cards?\b|/calls/"
)


def named(value: object) -> str:
    """Return how a view, its book or a look is called in a test's name."""
    return (
        value.name if isinstance(value, View) else "-".join(map(str, value)) if isinstance(value, tuple) else str(value)
    )


def test_every_page_is_in_the_catalogue() -> None:
    app = Application()
    web.mount(app)
    pages = {route.resource.canonical for route in app.router.routes() if route.method == "GET" and route.resource}
    opened = [view.path.replace("{invitation}", "/invitation/x") for view in VIEWS if view.status == 200]
    paths = [re.sub(r"\{\w+\}", "1", path).partition("?")[0] for path in opened]
    shown = {page for page in pages for path in paths if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", page), path)}
    by_itself = {"/import/{id}"}  # where a view gets by what it does
    assert {page for page in pages - shown if not NO_PAGE.match(page)} == by_itself


@pytest.mark.parametrize(("view", "book"), QUICK, ids=named)
async def test_a_page_is_accessible_translated_and_not_too_wide(
    standing: Callable[[BookName], Awaitable[Site]], view: View, book: BookName
) -> None:
    """A page as it opens is seen in English too; the further states of a page are left to soak."""
    site = await standing(book)
    async with looked_at(site, view, book, ("ru", "light", 1280)) as page:
        await audit(page)
    if view.changes_nothing:
        async with looked_at(site, view, book, ("en", "dark", 390)):
            pass


@pytest.mark.soak
@pytest.mark.parametrize("look", LOOKS, ids=named)
@pytest.mark.parametrize(("view", "book"), ALL, indirect=["book"], ids=named)
async def test_a_page_is_accessible_in_every_look(site: Site, view: View, book: BookName, look: Look) -> None:
    async with looked_at(site, view, book, look) as page:
        await audit(page)


@asynccontextmanager
async def looked_at(site: Site, view: View, book: BookName, look: Look) -> AsyncIterator[Page]:
    """Open a view and judge all but what axe does, which takes as long."""
    language, theme, size = look
    opened = site.tab if view.changes_nothing else site.page  # an act may end its browser's session
    page = await opened(view.who, language=language, theme=theme, size=size)
    await view.open(site, page)
    assert await page.get_by_role("heading", level=1).count() == 1
    await shot(page, f"{view.name}-{book}-{size}-{language}-{theme}")
    await fits(page)
    if book != "full":  # its contacts are made up by the hundred thousand
        await (no_english if language == "ru" else no_russian)(page, *written())
    yield page
    if not view.changes_nothing:
        await page.context.close()
    site.watch.check()


async def test_a_print_is_dark_on_white_without_menu_and_filters_stand_in_a_line(
    standing: Callable[[BookName], Awaitable[Site]],
) -> None:
    page = await (await standing("long")).tab(AGENT, "ru", "dark", 1280)
    await page.goto("/history")
    fields = page.get_by_role("form", name="Фильтры").locator("input[type=date], select, input[type=text]")
    boxes = [await each.bounding_box() for each in (await fields.all())[:5]]
    assert len({(each["y"], each["height"]) for each in boxes if each}) == 1
    name = page.get_by_role("link", name="Вознесенская Анна").first.locator("..")
    for width in (1024, 1280):
        await page.set_viewport_size({"width": width, "height": 800})
        await fits(page)
        assert await name.evaluate("cell => cell.scrollWidth <= cell.clientWidth"), "an ordinary name is not cut"
    await page.emulate_media(media="print", color_scheme="dark")
    await expect(page.locator("body")).to_have_css("color", "rgb(28, 32, 36)")
    await expect(page.get_by_role("navigation", name="Основное меню")).to_be_hidden()
    await page.emulate_media(media="screen")
