"""Forms in dialogs: two over one another, on a slow or broken connection, over a session that has ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from playwright.async_api import Locator, Page, Route, expect

from tests.actors import ADMINISTRATOR
from tests.http.conftest import House
from tests.lab.processes import until
from tests.web.book import ANNA, add, agent
from tests.web.browser.present import quiet, rings
from tests.web.browser.site import AGENT, PASSWORD, Site

OFFLINE = "Нет связи с pbxd. Ничего не потеряно, попробуйте ещё раз"
KEPT = "То, что вы ввели, не пропало: откройте форму снова, чтобы продолжить."
STRANGER = "+79990001122"
ADDRESS = "**/clients/new*"


@asynccontextmanager
async def slow(page: Page, address: str) -> AsyncIterator[None]:
    """Hold back what is asked of an address until the end of the block."""
    go = asyncio.Event()

    async def wait(route: Route) -> None:
        await go.wait()
        await route.continue_()

    await page.route(address, wait)
    try:
        yield
    finally:
        go.set()


@asynccontextmanager
async def broken(page: Page, address: str) -> AsyncIterator[None]:
    """Let what is asked of an address fail."""

    async def fail(route: Route) -> None:
        await route.abort()

    await page.route(address, fail)
    yield
    await page.unroute(address, fail)


async def over_all(region: Locator) -> bool:
    """Whether a region is in the topmost dialog: all around it is inert, to screen readers too."""
    return bool(await region.evaluate("each => each.parentElement === [...document.querySelectorAll('dialog')].at(-1)"))


async def is_seen(text: Locator) -> bool:
    """Whether nothing covers a text, such as a card, and it is in the window."""
    return bool(
        await text.evaluate("""text => {
            const { left, top, width, height } = text.getBoundingClientRect();
            text.style.pointerEvents = "auto";
            return document.elementFromPoint(left + width / 2, top + height / 2) === text;
        }""")
    )


async def test_of_two_forms_over_one_another_each_has_its_labels_and_warnings(site: Site, pbxd: House) -> None:
    quiet(pbxd)
    await add(pbxd, ADMINISTRATOR, **ANNA)
    page = await site.page()
    await page.goto("/clients/new")  # a page with the same form
    await page.get_by_label("ФИО").fill("Первый")
    rings(pbxd, "01CARD", STRANGER)
    card = page.get_by_role("region", name="Входящий звонок")
    for _ in range(2):  # a double click on a card, which stays where it is
        await card.get_by_role("button", name="Добавить контакт").click()
        await expect(page.get_by_role("dialog")).to_have_count(1)
    form = page.get_by_role("dialog", name="Новый контакт")
    await form.get_by_text("ФИО", exact=True).click()
    await expect(form.get_by_label("ФИО")).to_be_focused()
    await form.get_by_label("Номер телефона", exact=True).fill("89161234567")
    await expect(form.get_by_role("link", name="Дублей: 1")).to_be_visible()
    await form.get_by_label("Компания").press_sequentially("рома")
    await expect(form.locator("[id^=companies] option")).to_have_attribute("value", "ООО «Ромашка»")
    await form.get_by_role("button", name="Сохранить").click()
    await expect(form.get_by_label("ФИО")).to_have_accessible_description("Нужно имя")
    assert await page.evaluate("""() => {
        const ids = Array.from(document.querySelectorAll("[id]"), each => each.id);
        return ids.filter((id, place) => ids.indexOf(id) !== place);
    }""") == []  # fmt: skip


async def test_a_dialog_has_what_is_said_and_where_it_is_seen(site: Site, pbxd: House) -> None:
    site.watch.allow("ERR_FAILED")
    quiet(pbxd)
    page = await site.page()
    await page.goto("/clients")
    await page.get_by_role("link", name="Добавить контакт").click()
    form = page.get_by_role("dialog", name="Новый контакт")
    await form.get_by_label("ФИО").fill("Первый")
    rings(pbxd, "01CARD", STRANGER)
    told = page.locator("#card-said")
    await expect(told).to_have_text("Входящий звонок: +7 999 000-11-22")
    for region in (told, page.locator("#said"), page.locator("#connection")):
        assert await over_all(region)
    await says_that_it_is_not_saved(page, form)
    card = page.get_by_role("region", name="Входящий звонок")
    await card.get_by_role("button", name="Привязать к контакту").click()
    async with broken(page, "**/history/attach*"):
        await page.get_by_role("searchbox", name="Контакт").fill("Анна")
        said = page.get_by_role("status").filter(has_text=OFFLINE)
        await expect(said).to_be_visible()
        assert await over_all(said)
        await until(partial(is_seen, said), "what is said, above the card")
    await page.get_by_role("dialog", name="Привязать к контакту").get_by_role("link", name="Отмена").click()
    await expect(page.get_by_role("dialog")).to_have_count(1)
    assert await over_all(page.locator("#said"))
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.locator("body > #said")).to_have_count(1)


async def says_that_it_is_not_saved(page: Page, form: Locator) -> None:
    save = form.get_by_role("button", name="Сохранить")
    async with broken(page, ADDRESS):
        for size in ((1280, 768), (390, 780)):
            await page.set_viewport_size({"width": size[0], "height": size[1]})
            await save.focus()
            await page.keyboard.press("Enter")
            await expect(form.get_by_role("alert")).to_have_text(OFFLINE)
            await until(partial(is_seen, form.get_by_role("alert")), f"the alert at {size}")
            await expect(save).to_be_focused()


async def test_a_slow_connection_opens_a_form_once_and_leaves_no_draft_of_what_is_saved(
    site: Site, pbxd: House
) -> None:
    quiet(pbxd)
    page = await site.page()
    await page.goto("/clients")
    form = page.get_by_role("dialog", name="Новый контакт")
    async with slow(page, ADDRESS):
        await page.get_by_role("link", name="Добавить контакт").dblclick()
    await expect(form).to_be_visible()
    await page.evaluate("fetch('/me').then(answer => answer.text())")
    await expect(form).to_have_count(1)
    await form.get_by_label("ФИО").fill("Сохранён Раньше")
    await form.get_by_label("Номер телефона").fill("89161234567")
    async with slow(page, ADDRESS):
        await form.get_by_role("button", name="Сохранить").click()
        await page.keyboard.press("Escape")
        await expect(form).to_have_count(0)
    await expect(page.get_by_role("heading", name="Сохранён Раньше")).to_be_visible()
    await no_draft(page)


async def test_a_contact_deleted_over_its_form_leaves_no_draft(site: Site, pbxd: House) -> None:
    contact = await add(pbxd, agent("101"), name="Лишний")
    page = await site.page()
    await page.goto(f"/clients/{contact.id}")
    await page.get_by_role("button", name="Изменить").click()
    await page.get_by_role("dialog").get_by_label("Должность").fill("директор")
    await page.get_by_role("button", name="Удалить контакт").click()
    await page.get_by_role("alertdialog").get_by_role("button", name="Удалить", exact=True).click()
    await expect(page.get_by_role("heading", name="Клиенты")).to_be_visible()
    await no_draft(page)


async def no_draft(page: Page) -> None:
    await expect(page.get_by_text(KEPT)).to_have_count(0)
    assert "fields" not in await page.evaluate("JSON.stringify(sessionStorage)")


async def test_one_sign_in_is_for_all_that_wait_and_says_that_the_network_is_gone(site: Site, pbxd: House) -> None:
    site.watch.allow("ERR_FAILED")
    for name in ("Ким Анна", "Ли Олег"):
        await add(pbxd, ADMINISTRATOR, name=name)
    page = await site.page()
    await page.goto("/clients")
    stars = [page.get_by_role("button", name=f"В избранное: {name}") for name in ("Ким Анна", "Ли Олег")]
    await page.context.clear_cookies()
    async with broken(page, "**/sign-in"):
        await stars[0].click()
        await expect(page.get_by_role("status").filter(has_text=OFFLINE)).to_be_visible()
    async with slow(page, "**/sign-in"):
        for star in stars:
            async with page.expect_response("**/favourite*"):
                await star.click()
    dialog = page.get_by_role("dialog", name="Вход")
    await dialog.get_by_label("Внутренний номер или e-mail").fill(AGENT.extension)
    await dialog.get_by_label("Пароль").fill(PASSWORD)
    async with broken(page, "**/sign-in"):
        await dialog.get_by_role("button", name="Войти").click()
        await expect(dialog.get_by_role("alert")).to_have_text(OFFLINE)
    await dialog.get_by_role("button", name="Войти").click()
    for star in stars:
        await expect(star).to_have_attribute("aria-pressed", "true")
    await expect(dialog).to_have_count(0)
