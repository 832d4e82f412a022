"""Debian's Chromium driven by Playwright: one for each test worker, started by the first test that needs it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright, expect

PROGRAM = "/usr/bin/chromium"
PATIENCE = 30_000  # milliseconds; a busy machine is no failure
# No name is looked up: whatever a page loads from elsewhere fails, also where nothing watches it.
ALONE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"

RUSSIAN = {"LANGUAGE": "ru"}  # what the browser itself says: fields for dates, what a field must have


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Start a browser; with the block it ends. Its sandbox refuses root, and only root."""
    expect.set_options(timeout=PATIENCE)
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(
            executable_path=PROGRAM, chromium_sandbox=os.geteuid() != 0, args=[ALONE], env={**os.environ, **RUSSIAN}
        )
        try:
            yield started
        finally:
            await started.close()
