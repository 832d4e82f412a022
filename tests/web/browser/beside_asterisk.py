"""The pages of a pbxd process beside the real Asterisk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from playwright.async_api import Browser

from pbxd.settings import load
from pbxd.storage.engine.database import Database
from tests.lab import Lab
from tests.lab.daemon import Config, merged
from tests.web.browser.books import CONTENTS, STAFF, fill
from tests.web.browser.site import Person, Site


@asynccontextmanager
async def beside_asterisk(
    lab: Lab, browser: Browser, *, book: str = "empty", config: Config | None = None
) -> AsyncIterator[Site]:
    """Start pbxd on a lab; PEOPLE have its phones. Afterwards fail if a browser saw something wrong."""
    daemon = await lab.pbxd(merged({"service": {"language": "ru"}}, config or {}))
    await daemon.add_employees(STAFF)
    if book in CONTENTS:
        async with await Database.open(load(str(daemon.file)).database_url, create=False) as database:
            await fill(database, CONTENTS[book]())

    async def invite(who: Person) -> str:
        _, invited = await daemon.api("/api/v1/users", method="POST", body={"who": who.extension, "role": who.role})
        return str(urlsplit(invited["link"]).path)

    made = Site(browser, daemon.url, invite, {})
    yield made
    await made.close()
