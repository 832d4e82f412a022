"""What a person may do to a form by mistake."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from playwright.async_api import expect

from tests.web.browser.site import AGENT, Site


async def test_ten_megabytes_pasted_are_refused_in_words(site: Site) -> None:
    page = await site.page(None)
    await page.goto("/sign-in")
    await page.get_by_label("Внутренний номер или e-mail").evaluate("field => { field.value = 'я'.repeat(5e6) }")
    await page.get_by_label("Пароль").fill("x")
    await page.get_by_role("button", name="Войти").click()
    await expect(page.get_by_role("alert")).to_contain_text("текста слишком много")
    await page.go_back()
    await expect(page.get_by_role("heading", name="Вход")).to_be_visible()


async def test_a_browser_whose_clock_is_an_hour_off_stays_signed_in(site: Site) -> None:
    for hours in (-1, 1):
        page = await site.page()
        await page.clock.install(time=datetime.now(UTC) + timedelta(hours=hours))
        await page.goto("/me")
        await expect(page.get_by_role("main").get_by_text(AGENT.name)).to_be_visible()
