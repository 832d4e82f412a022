"""A pbxd with people who sign in, and browsers that look at its pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Literal

from playwright.async_api import Browser, BrowserContext, Page, StorageState

from tests.http.conftest import House
from tests.lab.people import ADMINISTRATOR as ADMINISTRATOR
from tests.lab.people import AGENT as AGENT
from tests.lab.people import COLLEAGUE as COLLEAGUE
from tests.lab.people import NEWCOMER as NEWCOMER
from tests.lab.people import PEOPLE as PEOPLE
from tests.lab.people import SUPERVISOR as SUPERVISOR
from tests.lab.people import Person as Person
from tests.web.browser.chromium import PATIENCE
from tests.web.browser.watch import Watch

PASSWORD = "корова 7 лошадь"
Language = Literal["ru", "en"]
Theme = Literal["light", "dark"]
Size = Literal[1280, 390]
HEIGHTS = {1280: 800, 390: 844}

Invite = Callable[[Person], Awaitable[str]]  # -> the path of a one-time link
States = MutableMapping[Person, StorageState]


class Site:
    """Where the pages are, and who looks at them: each `page` is a browser of its own, without a past."""

    def __init__(self, browser: Browser, url: str, invite: Invite, states: States, pbxd: House | None = None) -> None:
        self.url = url
        self.pbxd = pbxd  # behind the pages, if it is in this process
        self.invite = invite
        self.watch = Watch(url)
        self._browser = browser
        self._states = states  # who has signed in before
        self._contexts: list[BrowserContext] = []
        self._known: dict[tuple[Person | None, Language, Theme, Size], Page] = {}

    async def page(
        self,
        who: Person | None = AGENT,
        *,
        language: Language = "ru",
        theme: Theme = "light",
        size: Size = 1280,
        scripts: bool = True,
    ) -> Page:
        """Open an empty page in a browser of its own, where `who` is signed in; its addresses are paths."""
        if who and who not in self._states:
            self._states[who] = await self._let_in(who)
        state = self._states[who] if who else None
        return await self._open(state, language=language, theme=theme, size=size, scripts=scripts)

    async def tab(self, who: Person | None, language: Language, theme: Theme, size: Size) -> Page:
        """Return a page that is kept: its browser has loaded all scripts and styles already."""
        kind = (who, language, theme, size)
        if kind not in self._known:
            self._known[kind] = await self.page(who, language=language, theme=theme, size=size)
        return self._known[kind]

    async def close(self) -> None:
        """Close all browsers, then fail if they saw something wrong."""
        while self._contexts:
            await self._contexts.pop().close()
        self.watch.check()

    async def _let_in(self, who: Person) -> StorageState:
        """Accept an invitation as the form does, without a page; `stories/first_day.py` does it by hand."""
        context = await self._browser.new_context(base_url=self.url, locale="ru-RU")
        form: dict[str, str | float | bool] = {"password": PASSWORD, "again": PASSWORD}
        await context.request.post(await self.invite(who), form=form, headers={"Origin": self.url}, max_redirects=0)
        state = await context.storage_state()
        assert state["cookies"], f"{who.name} was not let in"
        await context.close()
        return state

    async def _open(
        self,
        state: StorageState | None = None,
        *,
        language: Language = "ru",
        theme: Theme = "light",
        size: Size = 1280,
        scripts: bool = True,
    ) -> Page:
        context = await self._browser.new_context(
            base_url=self.url,
            locale={"ru": "ru-RU", "en": "en-GB"}[language],
            timezone_id="Europe/Moscow",
            viewport={"width": size, "height": HEIGHTS[size]},
            has_touch=size == 390,
            is_mobile=size == 390,
            color_scheme=theme,
            reduced_motion="reduce",  # what moves can't be judged, nor photographed
            java_script_enabled=scripts,
            storage_state=state,
        )
        context.set_default_timeout(PATIENCE)
        self.watch.attach(context)
        self._contexts.append(context)
        return await context.new_page()
