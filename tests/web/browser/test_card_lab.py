"""The card of a call, on the real Asterisk with SIP phones: what each agent sees at each step."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, Page, expect

from tests.lab import Lab
from tests.web.browser.site import AGENT, SUPERVISOR, Site

pytestmark = pytest.mark.lab

CLIENT = "89161234567"
NAME = "Фронкин Игорь"
INCOMING = f"Входящий звонок: {NAME}"


def card(page: Page, name: str = INCOMING) -> Locator:
    return page.get_by_role("region", name=name)


def status(page: Page, name: str = INCOMING) -> Locator:
    return card(page, name).get_by_role("status")


async def looking(site: Site, who: object, path: str = "/clients") -> Page:
    """An agent's browser that hears what happens."""
    page = await site.page(who)  # type: ignore[arg-type]
    await page.add_init_script("document.addEventListener('pbxd:connected', () => document.body.dataset.heard = '1')")
    await page.goto(path)
    await expect(page.locator("body")).to_have_attribute("data-heard", "1")
    return page


async def test_the_card_follows_a_call_from_the_ring_to_its_end(lab: Lab, lab_site: Site) -> None:
    contact = await lab.know(NAME, CLIENT, company="ООО «Ромашка»", vip=True)
    more = {"position": "директор", "comment": "Звонить после обеда", "tags": ["опт"]}
    assert lab.daemon
    changed = await lab.daemon.api(
        f"/api/v1/contacts/{contact}", method="PATCH", body=more, headers={"If-Match": "*"}
    )
    assert changed[0] == 200, changed
    page, other = await looking(lab_site, AGENT), await looking(lab_site, SUPERVISOR)
    await page.get_by_role("searchbox", name="Поиск").fill("фро")
    client = lab.call_in("101", CLIENT)
    offered = await lab.phone("101").incoming()
    await expect(status(page)).to_have_text("Звонит")
    for text in (NAME, "VIP", "ООО «Ромашка» · директор", "+7 916 123-45-67", "Звонить после обеда"):
        await expect(card(page)).to_contain_text(text)
    await expect(page.get_by_role("searchbox", name="Поиск")).to_be_focused()
    offered.answer()
    await client.until_talking()
    await expect(status(page)).to_have_text("Разговор")
    offered.hold()
    await expect(status(page)).to_have_text("Удержание")
    offered.unhold()
    await expect(status(page)).to_have_text("Разговор")
    late = await page.context.new_page()
    await late.goto("/clients")
    await expect(status(late)).to_have_text("Разговор")
    client.hangup()
    await expect(status(page)).to_have_text("Завершён")
    await expect(card(page).get_by_role("button", name="Перезвонить")).to_be_visible()
    await expect(status(late)).to_have_text("Завершён")
    await late.reload()
    await expect(status(late)).to_have_text("Завершён")
    await card(late).get_by_role("button", name="Закрыть").click()
    for tab in (page, late):
        await expect(card(tab)).to_have_count(0)
    await late.reload()
    await expect(late.locator(".cards")).to_be_empty()
    await expect(other.locator(".cards")).to_be_empty()
