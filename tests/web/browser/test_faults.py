"""A browser that sleeps does nothing, and one without network gets nothing."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Browser, Error, Page

from tests.lab.processes import until
from tests.web.browser.faults import asleep, offline
from tests.web.browser.site import Site

LONGEST = """() => {
  let last = performance.now();
  window.longest = 0;
  setInterval(() => {
    const now = performance.now();
    window.longest = Math.max(window.longest, now - last);
    last = now;
  }, 10);
}"""


async def test_a_browser_that_sleeps_does_nothing(browser: Browser, page: Page) -> None:
    await page.goto("/me")
    await page.evaluate(LONGEST)
    async with asleep(browser):
        await asyncio.sleep(1)

    async def slept() -> bool:
        return bool(await page.evaluate("window.longest") > 800)

    await until(slept, "a second without a tick")


async def test_without_network_nothing_is_asked(site: Site, page: Page) -> None:
    site.watch.allow("ERR_INTERNET_DISCONNECTED")
    async with offline(page):
        with pytest.raises(Error, match="ERR_INTERNET_DISCONNECTED"):
            await page.goto("/me")
    await page.goto("/me")
