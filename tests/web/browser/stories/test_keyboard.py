"""A day by the keyboard alone: no test here touches a mouse, and the focus shows. `test_import.py` has the import."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Page, expect

from pbxd.calls.record import CallRecord, Party, Step
from pbxd.storage.calls.calls import Calls
from tests.http.conftest import House
from tests.lab import Lab
from tests.web.browser.judging import tab_to
from tests.web.browser.site import Site

CLIENT, NAME = "89161234567", "Фронкин Игорь"
STRANGER = "+79035550101"
CHANGED = (
    "document.dispatchEvent(new CustomEvent('pbxd:event', {detail: {kind: 'call.changed', subject: 'A1', data: {}}}))"
)


async def press(page: Page, role: str, name: str, key: str = "Enter") -> None:
    """Go to a control with Tab, see that the focus shows there, and press a key."""
    await tab_to(page.get_by_role(role, name=name))  # type: ignore[arg-type] # a name of a role
    await page.keyboard.press(key)


@pytest.mark.lab
async def test_a_client_is_found_and_called_and_the_call_is_ended(lab: Lab, lab_site: Site) -> None:
    await lab.know(NAME, CLIENT)
    await lab.know("Ким Анна", "89160000001")
    page = await lab_site.page()
    await page.goto("/clients")
    await tab_to(page.get_by_role("searchbox", name="Поиск"))
    await page.keyboard.type("фрон")
    await expect(page.get_by_role("status").filter(has_text="Всего")).to_have_text("Всего: 1")
    await press(page, "button", f"Позвонить: {NAME}")
    mine = await lab.phone("101").incoming()
    card = page.get_by_role("region", name=f"Исходящий звонок: {NAME}")
    await expect(card.get_by_role("status")).to_have_text("Звоним вам")
    await expect(page.get_by_role("button", name=f"Позвонить: {NAME}")).to_be_focused()
    mine.answer()
    far = await lab.trunk.answered()
    assert far.dialled.endswith(CLIENT[1:])
    await expect(card.get_by_role("status")).to_have_text("Разговор")
    await press(page, "button", "Завершить")
    await mine.until_ended()
    await expect(card.get_by_role("status")).to_have_text("Завершён")
    await expect(card.locator(":focus")).to_have_count(1)
    await press(page, "button", "Закрыть")
    await expect(card).to_have_count(0)
    await expect(page.locator(":focus")).to_have_count(1)  # it is back on the page


async def test_a_stranger_who_called_becomes_a_contact_from_the_history(site: Site, pbxd: House) -> None:
    started = datetime.now(UTC) - timedelta(minutes=3)
    record = CallRecord("A1", "pbx", "1.1", started, caller=Party(STRANGER), callee=Party("101", extension="101"))
    record.story = [Step(started, "called", STRANGER, "+74951234567"), Step(started, "ended", STRANGER)]
    record.ended, record.outcome = started, "missed"
    await Calls(pbxd.database).upsert([record])
    page = await site.page()
    await page.goto("/clients")
    await press(page, "link", "История")
    add = "Добавить контакт: +7 903 555-01-01"
    await press(page, "link", add)
    dialog = page.get_by_role("dialog", name="Новый контакт")
    await expect(dialog.get_by_label("ФИО")).to_be_focused()
    await Calls(pbxd.database).upsert([replace(record, queue="sales", queues=["sales"])])
    await page.evaluate(CHANGED)
    await expect(page.locator("#call-A1")).to_contain_text("sales")  # the row came anew below the dialog
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("link", name=add)).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(dialog.get_by_label("ФИО")).to_be_focused()
    await page.keyboard.type("Нгуен Лан")
    await press(page, "button", "Сохранить")
    row = page.get_by_role("table", name="История").get_by_role("row").filter(has_text="Нгуен Лан")
    await expect(row.get_by_role("link", name="Нгуен Лан")).to_be_visible()
    await expect(dialog).to_have_count(0)
    await expect(row.get_by_role("link", name="Добавить контакт")).to_have_count(0)
    await expect(row.locator(":focus")).to_have_count(1)
    await press(page, "button", "В избранное: Нгуен Лан", "Space")
    await expect(page.get_by_role("button", name="В избранное: Нгуен Лан")).to_have_attribute("aria-pressed", "true")
    await expect(page.get_by_role("button", name="В избранное: Нгуен Лан")).to_be_focused()
