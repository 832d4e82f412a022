"""What is typed into a form is not lost when a card of a call, or anything else, leads away from it."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, Page, expect

from pbxd.book.contacts import Contact, ContactDraft, ContactNumber
from tests.actors import ADMINISTRATOR
from tests.http.conftest import House
from tests.lab.processes import until
from tests.web.browser.faults import hold
from tests.web.browser.present import quiet, rings
from tests.web.browser.site import AGENT, COLLEAGUE, Site

CALLER, NAME = "+79161234567", "Ким Анна"
KEPT = "То, что вы ввели, не пропало: откройте форму снова, чтобы продолжить."
BACK = "Возвращено то, что вы ввели раньше; это ещё не сохранено."


@pytest.fixture
async def anna(pbxd: House) -> Contact:
    """The client who calls."""
    quiet(pbxd)
    draft = ContactDraft(NAME, "Ромашка", numbers=(ContactNumber(CALLER, main=True),))
    return await pbxd.contacts.add(draft, actor=ADMINISTRATOR)


def card(page: Page) -> Locator:
    return page.get_by_role("region", name=f"Входящий звонок: {NAME}")


async def is_left_of(one: Locator, other: Locator) -> bool:
    left, right = await one.bounding_box(), await other.bounding_box()
    return left is not None and right is not None and left["x"] + left["width"] <= right["x"]


async def begun(page: Page) -> Locator:
    """A new contact with a second number, in a dialog, not saved."""
    await page.get_by_role("link", name="Добавить контакт").click()
    dialog = page.get_by_role("dialog", name="Новый контакт")
    await dialog.get_by_label("ФИО").fill("Полина")
    await dialog.get_by_role("button", name="Добавить номер").click()
    await dialog.get_by_label("Номер телефона 2", exact=True).fill("8 903 111-22-33")
    return dialog


@pytest.mark.usefixtures("anna")
async def test_a_card_over_a_dialog_leads_away_and_what_was_typed_comes_back(site: Site, pbxd: House) -> None:
    page = await site.page()
    await page.goto("/clients")
    await begun(page)
    rings(pbxd, "01CARD", CALLER)
    await card(page).get_by_role("button", name="Открыть контакт").click()
    told = page.get_by_role("status").filter(has_text=KEPT)
    await expect(told).to_be_visible()
    await expect(card(page)).to_be_visible()  # on the new page, where the toast now makes room
    assert await is_left_of(told, card(page))
    await expect(page.get_by_role("heading", level=1, name=NAME)).to_be_visible()
    await page.get_by_role("link", name="Клиенты", exact=True).click()
    await page.get_by_role("link", name="Добавить контакт").click()
    dialog = page.get_by_role("dialog", name="Новый контакт")
    await expect(dialog.get_by_label("ФИО")).to_have_value("Полина")
    await expect(dialog.get_by_label("Номер телефона 2", exact=True)).to_have_value("8 903 111-22-33")
    await expect(dialog.get_by_role("status").filter(has_text=BACK)).to_be_visible()
    await page.reload()  # nothing was typed since: it is kept all the same
    await expect(told).to_be_visible()
    await page.get_by_role("link", name="Добавить контакт").click()
    await expect(dialog.get_by_label("ФИО")).to_have_value("Полина")
    assert await told.count() == 0, "the form is open again"
    await dialog.get_by_role("button", name="Отмена").click()
    await page.get_by_role("link", name="Добавить контакт").click()
    await expect(dialog.get_by_label("ФИО")).to_have_value("")
    assert (await pbxd.contacts.list(limit=10, actor=ADMINISTRATOR))[0] == 1, "nothing was saved"


async def test_a_form_that_is_a_page_is_back_with_its_version_and_gone_once_it_is_saved(
    site: Site, pbxd: House, anna: Contact
) -> None:
    page = await site.page()
    path = f"/clients/{anna.id}/edit"
    await page.goto(path)
    await page.get_by_label("Должность").fill("директор")
    rings(pbxd, "01CARD", CALLER)
    await card(page).get_by_role("button", name="Открыть контакт").click()
    await expect(page.get_by_role("heading", level=1, name=NAME)).to_be_visible()
    await pbxd.contacts.edit(anna.id, {"position": "бухгалтер"}, actor=ADMINISTRATOR)  # somebody else
    await page.goto(path)
    await expect(page.get_by_label("Должность")).to_have_value("директор")
    await expect(page.get_by_role("status").filter(has_text=BACK)).to_be_visible()
    await page.reload()  # nothing was typed since: it is kept all the same
    await expect(page.get_by_label("Должность")).to_have_value("директор")
    await page.get_by_role("button", name="Сохранить").click()
    await expect(page.get_by_role("table", name="Две правки одного контакта")).to_contain_text("бухгалтер")
    await page.get_by_role("link", name="Клиенты", exact=True).click()  # the form that was refused is kept too
    await expect(page.get_by_role("heading", level=1, name="Клиенты")).to_be_visible()
    await page.goto(path)
    await expect(page.get_by_label("Должность")).to_have_value("директор")
    await page.get_by_role("button", name="Сохранить").click()
    await expect(page.get_by_role("heading", level=1, name=NAME)).to_be_visible()
    await page.goto(path)
    await expect(page.get_by_label("Должность")).to_have_value("директор")
    await expect(page.get_by_text(BACK)).to_have_count(0)
    await page.get_by_label("Должность").fill("никто")
    await page.get_by_role("button", name="Отмена").click()
    await expect(page.get_by_role("heading", level=1, name=NAME)).to_be_visible()
    await page.goto(path)
    await expect(page.get_by_label("Должность")).to_have_value("директор")


async def test_what_is_typed_before_a_draft_is_back_stays_and_so_does_the_draft(site: Site, anna: Contact) -> None:
    page = await site.page()
    path = f"/clients/{anna.id}/edit"
    position, comment = page.get_by_label("Должность"), page.get_by_label("Комментарий")
    await page.goto(path)
    await position.fill("директор")
    await page.goto("/clients")
    waiting = await hold(page, f"**{path}", lambda request: request.method == "POST")
    await page.goto(path)
    await until(lambda: waiting, "the draft, on its way")
    await comment.fill("Звонить")
    await waiting.pop().continue_()
    await expect(page.get_by_role("status").filter(has_text=KEPT)).to_be_visible()
    await expect(comment).to_have_value("Звонить")
    await expect(comment).to_be_focused()
    await page.reload()
    await until(lambda: waiting, "the draft, on its way")
    await comment.focus()
    await waiting.pop().continue_()
    await expect(page.get_by_role("status").filter(has_text=BACK)).to_be_visible()
    await expect(position).to_have_value("директор")
    await expect(comment).to_have_value("Звонить")
    await expect(comment).to_be_focused()


async def test_who_logs_out_leaves_nothing_typed(site: Site) -> None:
    for who, everywhere in ((AGENT, False), (COLLEAGUE, True)):
        page = await site.page(who)
        await page.goto("/clients/new")
        await page.get_by_label("Должность").fill("директор")
        await page.goto("/me")
        assert "директор" in await page.evaluate("JSON.stringify(sessionStorage)")
        if everywhere:
            await page.get_by_role("button", name="Выйти на всех устройствах").click()
        else:
            await page.get_by_role("button", name="Профиль").click()
            await page.get_by_role("menuitem", name="Выйти").click()
        await expect(page.get_by_role("heading", name="Вход")).to_be_visible()
        assert "директор" not in await page.evaluate("JSON.stringify(sessionStorage)"), "who logs out leaves nothing"
