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
