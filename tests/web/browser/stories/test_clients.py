"""Clients as an agent and a colleague have them: found, sorted, put among the favourites, personal or shared."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, Page, Request, Route, expect

from pbxd.book.contacts import ContactDraft, ContactNumber
from tests.actors import ADMINISTRATOR
from tests.http.conftest import House
from tests.lab import Lab
from tests.lab.processes import until
from tests.web.browser.contents import NAME
from tests.web.browser.faults import hold, release
from tests.web.browser.site import AGENT, COLLEAGUE, SUPERVISOR, Site

with_clients = pytest.mark.parametrize("book", ["long"], indirect=True)


def total(page: Page) -> Locator:
    return page.get_by_role("status").filter(has_text="Всего")


def rows(page: Page) -> Locator:
    """The rows of the table, without its head."""
    return page.get_by_role("table", name="Клиенты").get_by_role("row").filter(has=page.get_by_role("cell"))


@with_clients
async def test_a_client_is_found_by_name_company_number_and_other_letters(site: Site) -> None:
    """S1.4, S2.17."""
    page = await site.page()
    await page.goto("/clients")
    everybody = await total(page).text_content() or ""
    search = page.get_by_role("searchbox", name="Поиск")
    for words, count in (("фрон иг", 1), ("8 (903) 555-66-71", 1), ("тюльпан", 1), ("Ghbdtn", 0), ("fronkin", 1)):
        await search.fill(words)
        await expect(total(page)).to_have_text(f"Всего: {count}")
    await search.fill("ромашка")
    await expect(rows(page)).to_have_count(2)
    await search.fill("")
    await expect(total(page)).to_have_text(everybody)
    await rows(page).filter(has_text="Щукин").get_by_role("link", name="Ромашка").click()  # all of a company
    await expect(rows(page)).to_have_count(2)
    await expect(rows(page).first).to_contain_text("Фронкин Игорь")


async def test_a_position_keeps_its_words_beside_long_names(site: Site, pbxd: House) -> None:
    for name, position in ((NAME, "бухгалтер"), ("Анна", "")):
        number = ContactNumber("+79161112233", extension="123")
        draft = ContactDraft(name, numbers=(number,), company=NAME, position=position)
        await pbxd.contacts.add(draft, actor=ADMINISTRATOR)
    page = await site.page()
    await page.goto("/clients")
    cell = page.get_by_role("cell", name="бухгалтер")
    lines = "cell => { const all = new Range(); all.selectNodeContents(cell); return all.getClientRects().length; }"
    assert await cell.evaluate(lines) == 1


async def test_a_late_refresh_does_not_replace_a_newer_answer(site: Site, pbxd: House) -> None:
    anna, _ivan = [
        await pbxd.contacts.add(ContactDraft(name, numbers=(ContactNumber(number),)), actor=ADMINISTRATOR)
        for name, number in (("Анна", "+79161112233"), ("Иван", "+79161112244"))
    ]
    page = await site.page()
    await page.goto("/clients")
    late = await hold(page, "**/clients", _is_automatic)
    await tell(page)
    await until(lambda: late, "the refresh")
    searches = await hold(page, "**/clients?search=*")
    await page.get_by_role("searchbox", name="Поиск").fill("Анна")
    await until(lambda: searches, "the search")
    await tell(page)
    await until(lambda: len(late) > 1, "another refresh")
    for each in (*searches, *late):
        await release(page, each)
        await expect(total(page)).to_have_text("Всего: 1")

    await page.goto("/clients")
    first: list[Route] = []
    first = await hold(page, "**/clients*", lambda request: _is_automatic(request) and not first)
    await tell(page)
    await until(lambda: first, "the refresh")
    older = await first[0].fetch()
    await pbxd.contacts.edit(anna.id, {"position": "директор"}, actor=ADMINISTRATOR)
    await tell(page)
    await expect(rows(page).first).to_contain_text("директор")
    await release(page, first[0], older)
    await expect(rows(page).first).to_contain_text("директор")


def _is_automatic(request: Request) -> bool:
    return request.headers.get("x-fragment") == "auto"


async def tell(page: Page) -> None:
    """Say that a contact was changed, as the stream of events does."""
    detail = "{kind: 'contact.changed', subject: '1', data: {}}"
    await page.evaluate(f"document.dispatchEvent(new CustomEvent('pbxd:event', {{detail: {detail}}}))")


@with_clients
async def test_the_table_is_sorted_by_its_heads_and_stays_so_at_another_length(site: Site) -> None:
    """S1.4: VIP mark, number, name, company, position and manager; how many there are."""
    page = await site.page()
    await page.goto("/clients")
    await expect(page.get_by_role("columnheader")).to_have_text(
        ["VIP", "ФИО", "Номер телефона", "Компания", "Должность", "Менеджер", "Действия"]
    )
    one = rows(page).filter(has_text="Фронкин Игорь").get_by_role("cell")
    await expect(one.nth(5)).to_have_text(COLLEAGUE.name)
    await expect(rows(page).filter(has_text="VIP").first).to_be_visible()
    everybody = await rows(page).count()
    await expect(total(page)).to_have_text(f"Всего: {everybody}")
    for order, first in (("ascending", "Вознесенская Анна"), ("descending", "Щукин Пётр")):
        await page.get_by_role("link", name="ФИО", exact=True).click()
        await expect(page.get_by_role("columnheader", name="ФИО")).to_have_attribute("aria-sort", order)
        await expect(rows(page).first).to_contain_text(first)
    await page.get_by_label("На странице").select_option("10")
    await page.wait_for_url(re.compile("limit=10"))
    await expect(page.get_by_role("columnheader", name="ФИО")).to_have_attribute("aria-sort", "descending")


@with_clients
async def test_favourites_are_one_s_own(site: Site) -> None:
    """S2.18."""
    page, colleague = await site.page(), await site.page(COLLEAGUE)
    await page.goto("/clients")
    star = page.get_by_role("button", name="В избранное: Ли Олег")
    await expect(star).to_have_attribute("aria-pressed", "false")
    await star.click()
    await expect(star).to_have_attribute("aria-pressed", "true")
    for who, count in ((page, 1), (colleague, 0)):
        await who.goto("/clients")
        await who.get_by_role("link", name="Избранные").click()
        await expect(who.get_by_role("link", name="Избранные")).to_have_attribute("aria-current", "page")
        await expect(rows(who).filter(has_text="Ли Олег")).to_have_count(count)


@with_clients
async def test_a_personal_contact_is_its_owner_s_until_it_is_shared(site: Site) -> None:
    """S2.14, S2.19: a personal one has no link to give away, but can be made everybody's."""
    page, colleague = await site.page(), await site.page(COLLEAGUE)
    await colleague.goto("/clients?search=Мама")
    await expect(total(colleague)).to_have_text("Всего: 0")
    await page.goto("/clients")
    await page.get_by_role("link", name="Личные").click()
    await page.get_by_role("link", name="Мама").click()
    await page.get_by_role("button", name="Поделиться").click()
    await expect(page.get_by_role("menuitem", name="Скопировать ссылку")).to_have_count(0)
    await page.get_by_role("menuitem", name="Сделать общим").click()
    await expect(page.get_by_text("Все сотрудники")).to_be_visible()
    await colleague.get_by_role("searchbox", name="Поиск").fill("Мам")
    await expect(rows(colleague).get_by_role("link", name="Мама")).to_be_visible()
    await colleague.get_by_role("link", name="Мама").click()
    await colleague.get_by_role("button", name="Поделиться").click()
    await expect(colleague.get_by_role("menuitem", name="Скопировать ссылку")).to_be_visible()
    await colleague.set_viewport_size({"width": 390, "height": 844})
    box = await colleague.get_by_role("menu").bounding_box()
    assert box
    assert box["x"] >= 8, "it keeps off the window's edge"


@with_clients
async def test_from_an_employee_to_the_clients_and_back(site: Site) -> None:
    """S1.1 to S1.3, S1.8."""
    page = await site.page(SUPERVISOR)
    await page.goto("/staff")
    await page.get_by_label("Имя или номер").fill(AGENT.extension)
    staff = page.get_by_role("table", name="Сотрудники").get_by_role("row")
    await expect(staff).to_have_count(2)
    await staff.get_by_role("link", name=AGENT.name, exact=True).click()
    await expect(page.get_by_role("heading", name=AGENT.name)).to_be_visible()
    await rows(page).get_by_role("link", name="Щукин Пётр").click()
    data = page.get_by_role("region", name="Основные данные")
    await expect(data).to_contain_text(f"{AGENT.name} · {AGENT.extension}")
    await page.goto("/staff")
    await page.get_by_role("link", name=f"Клиенты: {AGENT.name}").click()
    await expect(rows(page).filter(has_text=AGENT.name)).to_have_count(await rows(page).count())


@with_clients
async def test_from_a_call_to_the_client_with_the_last_calls_and_the_mail_program(site: Site) -> None:
    """S2.3, S2.5, S2.20: a row of the history leads to whose it is."""
    page = await site.page()
    await page.goto("/history")
    await page.get_by_role("table", name="История").get_by_role("link", name=NAME).first.click()
    await expect(page.get_by_role("heading", name=NAME)).to_be_visible()
    calls = page.get_by_role("table", name="Последние звонки").get_by_role("row").filter(has=page.get_by_role("cell"))
    await expect(calls).to_have_count(5)
    await expect(page.get_by_role("button", name="Позвонить", exact=True)).to_be_visible()
    mail = page.get_by_role("link", name="aleksandra")
    await expect(mail).to_have_attribute("href", re.compile(r"^mailto:aleksandra\S+@severny-veter\.ru$"))


@pytest.mark.lab
async def test_a_further_number_is_called_from_the_row(lab: Lab, lab_site: Site) -> None:
    """S2.6, S2.12: the PBX dials the number that was chosen, not the main one."""
    contact = await lab.know("Фронкин Игорь", "89161234567")
    assert lab.daemon
    numbers = [{"number": "89161234567", "main": True}, {"number": "89035550199"}]
    path = f"/api/v1/contacts/{contact}"
    changed, _ = await lab.daemon.api(path, method="PATCH", body={"numbers": numbers}, headers={"If-Match": "*"})
    assert changed == 200
    page = await lab_site.page()
    await page.goto("/clients")
    await page.get_by_role("button", name="Другие номера: Фронкин Игорь").click()
    await page.get_by_role("menuitem", name="+7 903 555-01-99").click()
    (await lab.phone(AGENT.extension).incoming()).answer()
    assert (await lab.trunk.answered()).dialled.endswith("9035550199")
    card = page.get_by_role("region", name="Исходящий звонок: Фронкин Игорь")
    await expect(card.get_by_role("status")).to_have_text("Разговор")
