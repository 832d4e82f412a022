"""What happens to a browser: its computer sleeps, its network is gone or slow."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from playwright.async_api import APIResponse, Browser, Page, Request, Route


@asynccontextmanager
async def asleep(browser: Browser) -> AsyncIterator[None]:
    """Stop all processes of the worker's browser, as when a computer sleeps; its pages can't be asked meanwhile."""
    session = await browser.new_browser_cdp_session()
    told = await session.send("SystemInfo.getProcessInfo")
    processes = [int(process["id"]) for process in told["processInfo"]]
    await session.detach()
    for process in processes:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            os.kill(process, signal.SIGCONT)


@asynccontextmanager
async def offline(page: Page) -> AsyncIterator[None]:
    """Take the network from a browser: what is open breaks, what is asked fails."""
    await page.context.set_offline(True)
    try:
        yield
    finally:
        await page.context.set_offline(False)


@asynccontextmanager
async def frozen(page: Page) -> AsyncIterator[None]:
    """Freeze a page without network, as a browser does with a tab that nobody looks at for long."""
    session = await page.context.new_cdp_session(page)
    await page.context.set_offline(True)
    await session.send("Page.setWebLifecycleState", {"state": "frozen"})
    try:
        yield
    finally:
        await session.send("Page.setWebLifecycleState", {"state": "active"})
        await page.context.set_offline(False)
        await session.detach()


async def hold(page: Page, url: str, which: Callable[[Request], bool] = lambda _request: True) -> list[Route]:
    """Hold back the requests to `url` that `which` picks, in the list that is returned; the test lets them go on."""
    held: list[Route] = []

    async def take(route: Route) -> None:
        if which(route.request):
            held.append(route)
        else:
            await route.continue_()

    await page.route(url, take)
    return held


async def release(page: Page, route: Route, answer: APIResponse | None = None) -> None:
    """Let the page have a late answer, and wait until it has taken or dropped it."""
    await route.fulfill(response=answer or await route.fetch())
    await page.evaluate("fetch('/me', {method: 'HEAD'})")
