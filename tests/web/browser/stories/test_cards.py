"""The cards of one user in two browsers: one card a call, everywhere the same, closing everywhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from playwright.async_api import Locator, Page, expect

from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.calls.presence import Presence
from tests.actors import ADMINISTRATOR
from tests.http.conftest import House
from tests.web.browser.present import rings
from tests.web.browser.site import Site

CALLER = "+79161234567"
LABEL = "Входящий звонок: Завод (2)"
HEAR = "document.addEventListener('pbxd:connected', () => (document.body.dataset.heard = '1'))"


async def looking(site: Site, size: int = 1280) -> Page:
    page = await site.page(size=390 if size == 390 else 1280)
    await page.add_init_script(HEAR)
    await page.goto("/clients")
    await expect(page.locator("body")).to_have_attribute("data-heard", "1")
    return page


def card(page: Page, label: str = LABEL) -> Locator:
    return page.get_by_role("region", name=label)


async def test_what_is_chosen_and_closed_in_one_browser_is_so_in_the_other(site: Site, pbxd: House) -> None:
    for name in ("Ким Анна", "Ким Олег"):
        numbers = (ContactNumber(CALLER, main=True),)
        await pbxd.contacts.add(ContactDraft(name, "Завод", numbers=numbers), actor=ADMINISTRATOR)
    desk, phone = await looking(site), await looking(site, 390)
    rings(pbxd, "01CARD", CALLER)
    for page in (desk, phone):
        await expect(card(page)).to_be_visible()
    await card(desk).get_by_role("link", name="Ким Олег").click()
    oleg = "Входящий звонок: Ким Олег"
    for page in (desk, phone):
        await expect(card(page, oleg)).to_be_visible()
    await phone.goto("/history")
    await desk.goto("/staff")
    for page in (desk, phone):
        await expect(card(page, oleg)).to_be_visible()
    await card(phone, oleg).get_by_role("button", name="Закрыть").click()
    for page in (desk, phone):
        await expect(card(page, oleg)).to_have_count(0)
        await page.reload()
        await expect(page.locator(".cards")).to_be_empty()


async def test_without_a_network_a_card_closes_here_and_elsewhere_as_soon_as_there_is_one(
    site: Site, pbxd: House
) -> None:
    site.watch.allow("ERR_INTERNET_DISCONNECTED")
    desk, phone = await looking(site), await looking(site, 390)
    unknown = "Входящий звонок: +7 916 123-45-67"
    rings(pbxd, "01CARD", CALLER)
    for page in (desk, phone):
        await expect(card(page, unknown)).to_be_visible()
    await desk.context.set_offline(offline=True)
    await card(desk, unknown).get_by_role("button", name="Закрыть").click()
    await expect(card(desk, unknown)).to_have_count(0)
    await expect(card(phone, unknown)).to_be_visible()
    await desk.context.set_offline(offline=False)
    await expect(card(phone, unknown)).to_have_count(0)


UNCOVERED = """button => {
  const { left, top, width, height } = button.getBoundingClientRect();
  const there = document.elementFromPoint(left + width / 2, top + height / 2);
  return button === there || button.contains(there);
}"""


async def test_on_a_phone_no_button_of_a_form_is_below_the_card(site: Site, pbxd: House) -> None:
    numbers = (ContactNumber(CALLER, main=True),)
    comment = "Звонить после обеда, лучше по второму номеру. " * 4
    draft = ContactDraft("Ким Анна", "Завод", "бухгалтер", numbers=numbers, comment=comment, tags=("опт", "юг"))
    await pbxd.contacts.add(draft, actor=ADMINISTRATOR)
    rings(pbxd, "01CARD", CALLER)
    page = await site.page(size=390)
    for path in ("/clients/new", "/clients"):
        await page.goto(path)
        await expect(card(page, "Входящий звонок: Ким Анна")).to_be_visible()
        if path == "/clients":
            await page.get_by_role("link", name="Добавить контакт").click()
        for name in ("Сохранить", "Отмена"):
            button = page.get_by_role("button", name=name, exact=True)
            await button.evaluate("button => button.scrollIntoView({block: 'nearest'})")
            assert await button.evaluate(UNCOVERED), f"{name} on {path}"
        if path == "/clients/new":
            await page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
            cancel = page.get_by_role("button", name="Отмена", exact=True)
            assert await cancel.evaluate(UNCOVERED), "at the end of the page"


async def test_a_card_s_timer_runs_and_a_call_that_somebody_else_answered_leaves_by_itself(
    site: Site, pbxd: House
) -> None:
    page = await site.page()
    await page.clock.install()
    await page.goto("/clients")
    unknown = card(page, "Входящий звонок: +7 916 123-45-67")
    record = rings(pbxd, "01CARD", CALLER)
    timer = unknown.locator("[data-part=timer]")
    await expect(timer).to_be_visible()
    await page.clock.pause_at(datetime.now(UTC) + timedelta(seconds=1))
    for _ in range(2):  # a page that has just connected may fetch its cards anew, once
        began = await timer.text_content() or ""
        await page.clock.run_for(5000)
        await expect(timer).not_to_have_text(began)
    await page.clock.resume()
    record.answered, record.answered_by = record.started, ["102"]
    pbxd.presences[:] = [Presence(record, "talk", {"102": "talking"})]
    await expect(unknown).to_have_attribute("data-leaves", "")
    await expect(unknown.get_by_role("status")).to_have_text("Ответил Петров Борис")
    await page.clock.fast_forward(3000)
    await expect(unknown).to_have_count(0)
    await page.reload()
    await expect(page.locator(".cards")).to_be_empty()
