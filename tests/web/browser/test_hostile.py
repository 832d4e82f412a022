"""Every text of a book wants to be markup; on no page one is."""

from __future__ import annotations

import pytest

from tests.web.browser.catalogue import VIEWS, View
from tests.web.browser.contents import PAYLOADS
from tests.web.browser.site import Site

_MADE = "() => document.querySelectorAll('[data-hostile]').length + (document.body.dataset.hostile ? 1 : 0)"
SHOWN = [view for view in VIEWS if "long" in view.books]


@pytest.mark.parametrize("book", ["hostile"], indirect=True)
@pytest.mark.parametrize("view", SHOWN, ids=lambda view: view.name)
async def test_no_text_becomes_markup(site: Site, view: View) -> None:
    page = await site.page(view.who)
    await view.open(site, page)
    text = await page.locator("body").inner_text()
    assert [payload for payload in PAYLOADS if payload in text], "nothing of the book is shown"
    assert await page.evaluate(_MADE) == 0
