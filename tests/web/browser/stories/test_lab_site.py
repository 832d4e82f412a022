"""The pages of a pbxd process beside the real Asterisk."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.web.browser.site import AGENT, COLLEAGUE, Site

pytestmark = pytest.mark.lab


async def test_two_agents_are_signed_in_beside_a_real_asterisk(lab_site: Site) -> None:
    for who in (AGENT, COLLEAGUE):
        page = await lab_site.page(who)
        await page.goto("/me")
        await expect(page.get_by_role("main").get_by_text(who.name)).to_be_visible()
