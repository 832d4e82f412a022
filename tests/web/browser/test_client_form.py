"""Adding, changing, sharing and deleting a client, as a person does it."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import FilePayload, Page, expect

from pbxd.services import contacts as book
from pbxd.services.contacts import EditContact
from tests.actors import ADMINISTRATOR
from tests.http.conftest import House
from tests.web.book import ANNA, add, agent
from tests.web.browser.site import AGENT, COLLEAGUE, PASSWORD, Site


async def sign_in_again(page: Page, login: str) -> None:
    dialog = page.get_by_role("dialog", name="Вход")
    await dialog.get_by_label("Внутренний номер или e-mail").fill(login)
    await dialog.get_by_label("Пароль").fill(PASSWORD)
    await dialog.get_by_role("button", name="Войти").click()


async def test_a_client_is_added_with_warnings_while_typing(site: Site, pbxd: House) -> None:
    await add(pbxd, ADMINISTRATOR, **ANNA)
    page = await site.page()
    await page.goto("/clients")
    await page.get_by_role("link", name="Добавить контакт").click()
    form = page.get_by_role("dialog", name="Новый контакт")
    await expect(form.get_by_label("ФИО")).to_be_focused()
    await form.get_by_label("Номер телефона", exact=True).press_sequentially("89161234567")
    warning = form.get_by_role("link", name="Дублей: 1")
    async with page.context.expect_page() as opened:
        await warning.click()
    await expect((await opened.value).get_by_role("status").first).to_have_text("Всего: 1")
    await form.get_by_label("Компания").press_sequentially("рома")
    await expect(form.locator("[id^=companies] option")).to_have_attribute("value", "ООО «Ромашка»")
    await form.get_by_label("Дата рождения").fill("31.13.1980")
    await form.get_by_role("button", name="Сохранить").click()
    await expect(form.get_by_label("ФИО")).to_have_attribute("aria-invalid", "true")
    await expect(form.get_by_label("Дата рождения")).to_have_accessible_description(
        "Неверная дата (пишите так: 31.12.1980): 31.13.1980"
    )
    await form.get_by_label("ФИО").fill("Ким Пётр")
    await form.get_by_label("Дата рождения").fill("31.12.1980")
    await form.get_by_role("button", name="Добавить номер").click()
    await expect(form.get_by_label("Номер телефона 2")).to_be_focused()
    await page.keyboard.type("84951234567")
    await form.get_by_role("button", name="Сделать основным").click()
    await expect(form.get_by_role("button", name="Сделать основным")).to_have_attribute("value", "0")
    await expect(form.get_by_label("ФИО")).to_have_value("Ким Пётр")
    await form.get_by_role("button", name="Сохранить").click()
    await expect(page.get_by_role("heading", name="Ким Пётр")).to_be_visible()
    (made,) = (await book.find(pbxd.services.workspace, ADMINISTRATOR, book.FindContacts(search="Пётр"))).items
    assert [(each.number, each.main) for each in made.numbers] == [("+79161234567", False), ("+74951234567", True)]


async def test_a_session_that_ends_over_the_form_loses_nothing(site: Site) -> None:
    page = await site.page()
    for path in ("/clients", "/clients/new"):
        await page.goto(path)
        if path == "/clients":
            await page.get_by_role("link", name="Добавить контакт").click()
        form = page.get_by_role("dialog" if path == "/clients" else "main")
        await form.get_by_label("ФИО").fill(f"Долгий Ввод {path}")
        await form.get_by_label("Номер телефона").fill("89161234567")
        await page.context.clear_cookies()
        await form.get_by_role("button", name="Сохранить").click()
        await sign_in_again(page, AGENT.extension)
        await expect(page.get_by_role("heading", name=f"Долгий Ввод {path}")).to_be_visible()


async def test_a_session_that_ends_over_a_page_keeps_the_file_and_all_choices(site: Site) -> None:
    page = await site.page()
    await page.goto("/import")
    file = FilePayload(name="clients.csv", mimeType="text/csv", buffer="ФИО;Телефон\nКим;89161234567\n".encode())
    await page.get_by_label("Файл", exact=True).set_input_files([file])
    await page.get_by_role("radio", name="Только я").check()
    await page.context.clear_cookies()
    await page.get_by_role("button", name="Проверить").click()
    await sign_in_again(page, AGENT.extension)
    await expect(page.get_by_role("group", name="Столбцы")).to_be_visible()
    await expect(page.get_by_role("radio", name="Только я")).to_be_checked()


async def test_somebody_else_who_signs_in_does_not_get_the_draft(site: Site, pbxd: House) -> None:
    page = await site.page()
    await page.goto("/clients")
    await page.get_by_role("link", name="Добавить контакт").click()
    form = page.get_by_role("dialog", name="Новый контакт")
    await form.get_by_label("ФИО").fill("Тайный Черновик")
    await form.get_by_label("Номер телефона").fill("89161234567")
    await page.context.clear_cookies()
    await form.get_by_role("button", name="Сохранить").click()
    await sign_in_again(page, COLLEAGUE.extension)
    await page.wait_for_url("**/clients")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.get_by_text("Тайный Черновик")).to_have_count(0)
    assert (await book.find(pbxd.services.workspace, ADMINISTRATOR, book.FindContacts(limit=1))).total == 0


async def test_escape_loses_nothing(site: Site) -> None:
    page = await site.page()
    await page.goto("/clients")
    form = page.get_by_role("dialog", name="Новый контакт")
    await page.get_by_role("link", name="Добавить контакт").click()
    await form.get_by_label("ФИО").fill("Нечаянно Закрыт")
    await page.keyboard.press("Escape")
    await expect(form).to_have_count(0)
    await expect(page.get_by_role("link", name="Добавить контакт")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(form.get_by_label("ФИО")).to_have_value("Нечаянно Закрыт")
    await form.get_by_role("button", name="Отмена").click()
    await page.get_by_role("link", name="Добавить контакт").click()
    await expect(form.get_by_label("ФИО")).to_have_value("")


async def test_a_dialog_that_is_opened_again_at_once_stays(site: Site) -> None:
    page = await site.page()
    await page.goto("/clients")
    form = page.get_by_role("dialog", name="Новый контакт")
    await page.get_by_role("link", name="Добавить контакт").click()
    await form.get_by_label("ФИО").fill("Нечаянно Закрыт")
    await page.evaluate("""async () => {
        const dialog = document.querySelector("dialog[open]");
        const told = new Promise(resolve => dialog.addEventListener("close", () => setTimeout(resolve)));
        dialog.dispatchEvent(new Event("cancel"));
        dialog.close();
        document.querySelector("a[href='/clients/new'][data-dialog]").click();  // before it is told that it closed
        await told;
    }""")
    await expect(form.get_by_label("ФИО")).to_have_value("Нечаянно Закрыт")
    await form.get_by_role("button", name="Отмена").click()
    await expect(form).to_have_count(0)


async def test_two_people_change_one_client(site: Site, pbxd: House) -> None:
    contact = await add(pbxd, ADMINISTRATOR, **ANNA)
    mine, theirs = await site.page(), await site.page(COLLEAGUE)
    for page in (mine, theirs):
        await page.goto(f"/clients/{contact.id}")
        await page.get_by_role("button", name="Изменить").click()
    for page, position in ((theirs, "кассир"), (mine, "директор")):
        form = page.get_by_role("dialog", name="Изменить контакт")
        await form.get_by_label("Должность").fill(position)
        await form.get_by_label("Комментарий").fill(f"говорит {position}") if page is mine else None
        await form.get_by_role("button", name="Сохранить").click()
        if page is theirs:
            await expect(page.get_by_role("dialog")).to_have_count(0)
    form = mine.get_by_role("dialog", name="Изменить контакт")
    row = form.get_by_role("row", name="Должность")
    await expect(row.get_by_role("radio", name="директор")).to_be_checked()
    await row.get_by_role("radio", name="кассир").check()
    await form.get_by_role("button", name="Сохранить").click()
    await expect(mine.get_by_role("dialog")).to_have_count(0)
    now = await book.get(pbxd.services.workspace, ADMINISTRATOR, contact.id)
    assert (now.position, now.comment) == ("кассир", "говорит директор")


async def test_a_client_is_deleted_after_a_question(site: Site, pbxd: House) -> None:
    contact = await add(pbxd, agent("101"), name="Лишний")
    page = await site.page()
    await page.goto(f"/clients/{contact.id}")
    await page.get_by_role("button", name="Изменить").click()
    deleting = await page.get_by_role("button", name="Удалить контакт").bounding_box()
    saving = await page.get_by_role("button", name="Сохранить").bounding_box()
    assert deleting
    assert saving
    assert abs(deleting["y"] - saving["y"]) < 2, "both stand below the form"
    await page.get_by_role("button", name="Удалить контакт").click()
    question = page.get_by_role("alertdialog", name="Удалить контакт?")
    await expect(question.get_by_role("button", name="Отмена")).to_be_focused()
    await question.get_by_role("button", name="Отмена").click()
    await expect(page.get_by_role("dialog", name="Изменить контакт")).to_be_visible()
    await page.get_by_role("button", name="Удалить контакт").click()
    await question.get_by_role("button", name="Удалить", exact=True).click()
    await expect(page.get_by_role("heading", name="Клиенты")).to_be_visible()
    await expect(page.get_by_text("Лишний")).to_have_count(0)


async def test_a_client_is_shared(site: Site, pbxd: House) -> None:
    contact = await add(pbxd, ADMINISTRATOR, **ANNA)
    page = await site.page()
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.goto(f"/clients/{contact.id}")
    for item, copied in (
        ("Скопировать ссылку", f"{site.url}/clients/{contact.id}"),
        ("Скопировать основные данные", "Ким Анна\n+7 916 123-45-67\n+7 495 123-45-67 доб. 12\nООО «Ромашка»"),
    ):
        await page.get_by_role("button", name="Поделиться").click()
        await page.get_by_role("menuitem", name=item).click()
        await expect(page.get_by_role("menu")).to_have_count(0)
        assert (await page.evaluate("navigator.clipboard.readText()")).startswith(copied)
    await page.get_by_role("button", name="Поделиться").press("Enter")
    await expect(page.get_by_role("menuitem", name="Скопировать ссылку")).to_be_focused()
    await page.keyboard.press("ArrowUp")
    async with page.expect_download() as downloading:
        await page.keyboard.press("Enter")
    assert (await downloading.value).suggested_filename == "Ким Анна.vcf"


@pytest.mark.parametrize("scripts", [True, pytest.param(False, marks=pytest.mark.soak)])
async def test_ten_megabytes_in_a_field_are_refused_and_the_form_stays(site: Site, scripts: bool) -> None:
    page = await site.page(scripts=scripts)
    await page.goto("/clients")
    await page.get_by_role("link", name="Добавить контакт").click()
    await page.get_by_label("ФИО").fill("Большой Текст")
    await page.get_by_label("Номер телефона").fill("89161234567")
    await page.get_by_label("Должность").evaluate("field => { field.value = 'я'.repeat(5e6) }")
    await page.get_by_role("button", name="Сохранить").click()
    await expect(page.get_by_role("alert")).to_contain_text("текста слишком много")
    if scripts:
        await expect(page.get_by_label("ФИО")).to_have_value("Большой Текст")


async def test_of_a_huge_paste_the_form_comes_back_with_the_reason_without_scripts(site: Site) -> None:
    page = await site.page(scripts=False)
    await page.goto("/clients/new")
    await page.get_by_label("ФИО").fill("Большой Текст")
    await page.get_by_label("Номер телефона").fill("89161234567")
    for field in ("Должность", "Комментарий"):
        await page.get_by_label(field).focus()
        await page.keyboard.insert_text("я" * 100_000)  # more than a form may have
    await page.get_by_role("button", name="Сохранить").click()
    await expect(page.get_by_label("Должность")).to_have_accessible_description(re.compile("Длиннее"))
    await expect(page.get_by_label("Комментарий")).to_have_accessible_description(re.compile("Длиннее"))
    await expect(page.get_by_label("ФИО")).to_have_value("Большой Текст")


async def test_a_change_by_somebody_else_shows_by_itself(site: Site, pbxd: House) -> None:
    contact = await add(pbxd, ADMINISTRATOR, **ANNA)
    table, card = await site.page(), await site.page()
    await table.goto("/clients")
    await card.goto(f"/clients/{contact.id}")
    for page in (table, card):
        await page.get_by_role("searchbox").hover()
        await expect(page.get_by_text("бухгалтер").first).to_be_visible()
    change = EditContact(contact_id=contact.id, values={"position": "директор"})
    await book.edit(pbxd.services.workspace, agent("102"), change)
    await expect(table.get_by_role("cell", name="директор")).to_be_visible()
    await expect(card.get_by_role("definition").filter(has_text="директор")).to_be_visible()


async def test_nothing_moves_under_the_pointer(site: Site, pbxd: House) -> None:
    contact = await add(pbxd, ADMINISTRATOR, **ANNA)
    page = await site.page()
    await page.clock.install()
    await page.goto("/clients")
    await page.get_by_role("cell", name="бухгалтер").hover()
    change = EditContact(contact_id=contact.id, values={"position": "директор"})
    await book.edit(pbxd.services.workspace, agent("102"), change)
    told = {"kind": "contact.changed", "subject": str(contact.id), "data": {}}
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.evaluate("told => document.dispatchEvent(new CustomEvent('pbxd:event', { detail: told }))", told)
    await page.clock.run_for(2000)
    await page.evaluate("fetch('/me').then(answer => answer.text())")
    assert asked == [f"{site.url}/me"]
    await expect(page.get_by_role("cell", name="бухгалтер")).to_be_visible()
    await page.get_by_role("searchbox").hover()
    await page.clock.run_for(2000)
    await expect(page.get_by_role("cell", name="директор")).to_be_visible()


async def test_what_lies_still_under_the_pointer_and_the_focus_does_not_grow_stale(site: Site, pbxd: House) -> None:
    contact = await add(pbxd, ADMINISTRATOR, **ANNA)
    page = await site.page()
    await page.clock.install()
    await page.goto("/clients")
    await page.get_by_role("button", name="Другие номера: Ким Анна").click()
    told = {"kind": "contact.changed", "subject": str(contact.id), "data": {}}
    for position in ("директор", "кассир"):
        change = EditContact(contact_id=contact.id, values={"position": position})
        await book.edit(pbxd.services.workspace, agent("102"), change)
        await page.evaluate("told => document.dispatchEvent(new CustomEvent('pbxd:event', { detail: told }))", told)
        await page.clock.run_for(60_000)
        if position == "директор":  # an open menu stays
            await expect(page.get_by_role("cell", name="бухгалтер")).to_be_visible()
            await page.keyboard.press("Escape")
            await page.get_by_role("button", name="В избранное: Ким Анна").click()
            await page.clock.run_for(60_000)
        await expect(page.get_by_role("cell", name=position)).to_be_visible()
    await expect(page.get_by_role("button", name="В избранное: Ким Анна")).to_be_focused()


async def test_filters_show_at_once_and_chips_take_them_away(site: Site, pbxd: House) -> None:
    await add(pbxd, ADMINISTRATOR, **ANNA, vip=True, manager=AGENT.extension)
    await add(pbxd, ADMINISTRATOR, name="Ким Олег", manager=COLLEAGUE.extension)
    await add(pbxd, ADMINISTRATOR, name="Ли Анна", manager=AGENT.extension)
    page = await site.page()
    await page.goto("/clients")
    await page.get_by_role("searchbox").press_sequentially("ким")
    names = page.get_by_role("table", name="Клиенты").get_by_role("link").filter(has_text="Ким")
    await expect(names).to_have_text(["Ким Олег", "Ким Анна"])
    await page.get_by_role("button", name="Фильтры").click()
    await page.get_by_label("Только VIP").check()
    await expect(names).to_have_text(["Ким Анна"])
    await page.get_by_label("Только VIP").uncheck()
    await page.get_by_label("Менеджер").select_option(COLLEAGUE.extension)
    await expect(names).to_have_text(["Ким Олег"])
    await page.keyboard.press("Escape")
    await page.get_by_role("link", name="Убрать фильтр: Менеджер").click()
    await expect(page.get_by_role("searchbox")).to_have_value("ким")
    await expect(names).to_have_text(["Ким Олег", "Ким Анна"])
    await page.get_by_role("tab", name="Мои").or_(page.get_by_role("link", name="Мои")).click()
    await expect(names).to_have_text(["Ким Анна"])
