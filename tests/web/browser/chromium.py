"""Debian's Chromium driven by Playwright: one for each test worker, started by the first test that needs it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright, expect

FULL = "/usr/bin/chromium"  # what people see; for pictures and measures
# Debian's build of the same engine without the parts around a page: a test takes half the processor time.
LIGHT = "/usr/bin/chromium-headless-shell"
PATIENCE = 30_000  # milliseconds; a busy machine is no failure
# No name is looked up: whatever a page loads from elsewhere fails, also where nothing watches it.
ALONE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"

RUSSIAN = {"LANGUAGE": "ru"}  # what the browser itself says: fields for dates, what a field must have


@asynccontextmanager
async def chromium(program: str = FULL) -> AsyncIterator[Browser]:
    """Start a browser; with the block it ends. Its sandbox refuses root, and only root."""
    expect.set_options(timeout=PATIENCE)
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(
            executable_path=program, chromium_sandbox=os.geteuid() != 0, args=[ALONE], env={**os.environ, **RUSSIAN}
        )
        try:
            yield started
        finally:
            await started.close()
