"""Every text of a book wants to be markup; on no page one is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from tests.web.browser.books import BookName
from tests.web.browser.catalogue import VIEWS, View
from tests.web.browser.contents import PAYLOADS
from tests.web.browser.site import Site

_MADE = "() => document.querySelectorAll('[data-hostile]').length + (document.body.dataset.hostile ? 1 : 0)"
_SHOWN = """() => document.body.innerText
  + [...document.querySelectorAll("input, textarea, option")].map(field => field.value + field.text).join("\\n")"""
NOTHING = {"clients-nothing-found", "history-nothing-found", "attach", "clients-export", "companies-similar"}
SHOWN = [view for view in VIEWS if "long" in view.books and view.name not in NOTHING]


@pytest.mark.parametrize("view", SHOWN, ids=lambda view: view.name)
async def test_no_text_becomes_markup(standing: Callable[[BookName], Awaitable[Site]], view: View) -> None:
    """Also in the states of a page: none of these saves anything, so all share one pbxd."""
    site = await standing("hostile")
    page = await site.tab(view.who, "ru", "light", 1280)
    await view.open(site, page)
    text = await page.evaluate(_SHOWN)
    assert [payload for payload in PAYLOADS if payload in text], "nothing of the book is shown"
    assert await page.evaluate(_MADE) == 0
    site.watch.check()
