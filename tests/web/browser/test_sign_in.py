"""From the invitation link to the profile and out, as a person does it."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.web.browser.judging import tab_to
from tests.web.browser.site import AGENT, NEWCOMER, PASSWORD, Site


async def test_from_the_link_to_the_profile_with_the_keyboard_alone(site: Site) -> None:
    page = await site.page(None)
    await page.goto(await site.invite(NEWCOMER))
    await expect(page.get_by_role("heading", name="Создание пароля")).to_be_visible()
    await expect(page.get_by_label("Новый пароль")).to_be_focused()  # one can type at once
    await page.keyboard.type(PASSWORD)
    await tab_to(page.get_by_label("Повторите пароль"))
    await page.keyboard.type(PASSWORD + "!")
    await page.keyboard.press("Enter")
    again = page.get_by_label("Повторите пароль")
    await expect(again).to_have_accessible_description("Пароли не совпадают")
    await expect(again).to_have_attribute("aria-invalid", "true")
    await tab_to(page.get_by_label("Новый пароль"))
    await page.keyboard.type(PASSWORD)
    await tab_to(again)
    await page.keyboard.type(PASSWORD)
    await tab_to(page.get_by_role("button", name="Сохранить и войти"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Клиенты")).to_be_visible()
    await page.goto("/me")
    await expect(page.get_by_role("main").get_by_text(NEWCOMER.name)).to_be_visible()
    await page.goto("/sign-in")
    await expect(page.get_by_role("heading", name="Клиенты")).to_be_visible()  # who is in needn't sign in


async def test_a_wrong_password_is_said_and_the_login_stays(site: Site) -> None:
    page = await site.page(None)
    await page.goto("/sign-in?next=/me")
    login, password = page.get_by_label("Внутренний номер или e-mail"), page.get_by_label("Пароль")
    await expect(login).to_be_focused()
    await page.keyboard.type(AGENT.extension)
    await tab_to(password)
    await page.keyboard.type("неверный")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_have_text("Неверный логин или пароль")
    await expect(login).to_have_value(AGENT.extension)
    await expect(password).to_be_focused()
    await page.keyboard.type(PASSWORD)
    await tab_to(page.get_by_role("button", name="Войти"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("main").get_by_text(AGENT.name)).to_be_visible()


async def test_without_scripts_people_sign_in_and_out(site: Site) -> None:
    page = await site.page(None, scripts=False)
    await page.goto("/me")
    await page.get_by_label("Внутренний номер или e-mail").fill(AGENT.extension)
    await page.get_by_label("Пароль").fill(PASSWORD)
    await page.get_by_role("button", name="Войти").click()
    await expect(page.get_by_role("main").get_by_text(AGENT.name)).to_be_visible()
    await page.get_by_role("button", name="Профиль").click()
    await page.get_by_role("menuitem", name="Выйти").click()
    await expect(page.get_by_role("heading", name="Вход")).to_be_visible()


async def test_an_empty_form_leads_to_what_is_missing(site: Site) -> None:
    page = await site.page(None)
    await page.goto("/sign-in")
    await page.get_by_role("button", name="Войти").click()
    await expect(page.get_by_label("Внутренний номер или e-mail")).to_be_focused()


async def test_out_on_one_page_is_out_on_the_other(site: Site, page: Page) -> None:
    other = await page.context.new_page()
    await other.goto("/me")
    await page.goto("/me")
    await page.get_by_role("button", name="Профиль").click()
    await page.get_by_role("menuitem", name="Выйти").click()
    await expect(page.get_by_role("heading", name="Вход")).to_be_visible()
    await other.reload()
    await expect(other.get_by_role("heading", name="Вход")).to_be_visible()
    mine = await site.page()
    await mine.goto("/me")
    await expect(mine.get_by_role("heading", name="Вход")).to_be_visible()  # a copy of the session ends with it
