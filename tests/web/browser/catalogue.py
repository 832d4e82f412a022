"""Every page, in each state in which it looks different: tests judge them all, `make screenshots` shows them.

Add a line for each new page, and for each state of one: a form that refuses, an empty list, a dialog.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from playwright.async_api import Page

from tests.web.browser.books import BookName
from tests.web.browser.site import AGENT, NEWCOMER, Person, Site

Act = Callable[[Page], Awaitable[object]]

LISTS: tuple[BookName, ...] = ("empty", "long", "full")
FILLED: tuple[BookName, ...] = ("long", "full")


async def no_act(_page: Page) -> None:
    """Leave a page as it opens."""


@dataclass(frozen=True)
class View:
    """One state of one page."""

    name: str  # of its picture
    path: str  # {invitation}: a link for the newcomer; {call}: the latest call. Contact 1 has the longest texts
    who: Person | None = AGENT
    books: tuple[BookName, ...] = ("empty",)  # LISTS, or FILLED for a page of one contact or call
    act: Act = no_act  # what brings the page into that state; it uses no text, since the language differs

    async def open(self, site: Site, page: Page) -> None:
        """Bring a page of `site.page(view.who, …)` into this state."""
        path = self.path
        if "{invitation}" in path:
            path = path.format(invitation=await site.invite(NEWCOMER))
        if "{call}" in path:
            answer = await page.context.request.get("/api/v1/calls?limit=1")
            path = path.format(call=(await answer.json())["items"][0]["id"])
        await page.goto(path)
        await self.act(page)


async def _wrong_password(page: Page) -> None:
    await page.locator("[autocomplete=username]").fill("101")
    await page.locator("[autocomplete=current-password]").fill("неверный")
    await page.locator("form button").click()
    await page.get_by_role("alert").wait_for()


async def _different_passwords(page: Page) -> None:
    fields = page.locator("[autocomplete=new-password]")
    await fields.nth(0).fill("корова 7 лошадь")
    await fields.nth(1).fill("корова 8 лошадь")
    await page.locator("form button").click()
    await page.locator("[aria-invalid=true]").wait_for()


VIEWS = (
    View("sign-in", "/sign-in", None),
    View("sign-in-refused", "/sign-in", None, act=_wrong_password),
    View("invitation", "{invitation}", None),
    View("invitation-refused", "{invitation}", None, act=_different_passwords),
    View("invitation-used", "/invitation/used", None),
    View("me", "/me"),
    View("clients", "/clients", books=LISTS),
    View("history", "/history", books=LISTS),
)
