"""`make screenshots`: a picture of each page of the catalogue, with each of its books, at 1280 and 390 px."""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import structlog
from PIL import Image
from playwright.async_api import Browser, Page

from tests.http.conftest import house, serving
from tests.lab import Lab
from tests.web.browser.beside_asterisk import beside_asterisk
from tests.web.browser.books import BookName, furnish, inviting
from tests.web.browser.catalogue import LISTS, VIEWS, View
from tests.web.browser.chromium import chromium
from tests.web.browser.judging import shot
from tests.web.browser.site import AGENT, Language, Site, Size, Theme
from tests.web.conftest import mount
from tools.messages import compile_catalogues

CHECKOUT = Path(__file__).parents[3]
COLOURS = 128
CALLER = "89035556672"  # a VIP
SIZES: tuple[Size, ...] = (1280, 390)


class Album:
    """Where the pictures go, and how the pages look on them."""

    def __init__(self, folder: Path, *, language: Language = "ru", theme: Theme = "light") -> None:
        self.folder, self.language, self.theme = folder, language, theme

    async def fill(self, views: Sequence[View]) -> None:
        """Write NAME-BOOK-SIZE.png of each view; NAME-SIZE.png of one that is shown with one book."""
        async with chromium() as browser:
            for book in LISTS:
                if shown := [view for view in views if book in view.books]:
                    with tempfile.TemporaryDirectory(prefix="pbxd-pictures-") as folder:
                        await self._show(browser, book, Path(folder), shown)

    async def _show(self, browser: Browser, book: BookName, folder: Path, views: Sequence[View]) -> None:
        furnished = await furnish(book, folder)
        async with house(folder, furnished.file) as pbxd, serving(pbxd, mount) as server:
            site = Site(browser, f"http://127.0.0.1:{server.port}", inviting(pbxd), dict(furnished.states), pbxd)
            for view in views:
                for size in SIZES:
                    page = await site.page(view.who, language=self.language, theme=self.theme, size=size)
                    await view.open(site, page)
                    name = f"{view.name}-{book}-{size}" if len(view.books) > 1 else f"{view.name}-{size}"
                    await self._take(page, name)
            await site.close()

    async def show_card(self) -> None:
        """Write card-SIZE.png: a call as it rings, on a real Asterisk."""
        async with chromium() as browser, Lab() as lab, beside_asterisk(lab, browser, book="long") as site:
            for size in SIZES:
                page = await site.page(AGENT, language=self.language, theme=self.theme, size=size)
                await page.goto("/clients")
                client = lab.call_in("101", CALLER)
                await lab.phone("101").incoming()
                await page.locator(".cards [role=status]").first.wait_for()
                await self._take(page, f"card-{size}")
                client.hangup()
                await client.until_ended()
                await page.context.close()

    async def _take(self, page: Page, name: str) -> None:
        await shot(page, name, self.folder)
        _make_small(self.folder / f"{name}.png")
        print(self.folder / f"{name}.png", flush=True)


def _make_small(picture: Path) -> None:
    """Write a picture with few colours: a page has few, and it takes a third of the room."""
    with Image.open(picture) as full:
        full.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(picture, optimize=True)


def main() -> int:
    """Read the command line and take the pictures."""
    parser = argparse.ArgumentParser(prog="make screenshots", description=__doc__)
    parser.add_argument("views", nargs="*", help="names of the catalogue, and `card`; all without")
    parser.add_argument("--folder", type=Path, default=CHECKOUT / "docs/pages", help="where the pictures go")
    parser.add_argument("--language", choices=["ru", "en"], default="ru")
    parser.add_argument("--theme", choices=["light", "dark"], default="light")
    arguments = parser.parse_args()
    views = [view for view in VIEWS if not arguments.views or view.name in arguments.views]
    with_card = not arguments.views or "card" in arguments.views
    if not views and not with_card:
        parser.error(f"there are card, {', '.join(view.name for view in VIEWS)}")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    compile_catalogues(CHECKOUT)
    album = Album(arguments.folder, language=arguments.language, theme=arguments.theme)
    asyncio.run(album.fill(views))
    if with_card:
        asyncio.run(album.show_card())
    return 0


if __name__ == "__main__":
    sys.exit(main())
