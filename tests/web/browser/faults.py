"""What happens to a browser: its computer sleeps, its network is gone."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, Page


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
