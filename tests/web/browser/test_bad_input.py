"""What a person may do to a form by mistake."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Route, expect

from tests.api.test_queues import WAITS
from tests.http.conftest import House, until
from tests.services.scripted_queue import Pbx
from tests.web.browser.site import ADMINISTRATOR, AGENT, SUPERVISOR, Site


@pytest.mark.soak  # `test_client_form.py` pastes as much into a form in every run
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


async def test_a_browser_whose_clock_is_an_hour_off_shows_how_long_callers_wait(site: Site, pbxd: House) -> None:
    Pbx(pbxd.pbx, "22.1.0", immediate=True)
    pbxd.services.queues.call_of = WAITS.get
    for hours in (-1, 1):
        page = await site.page(SUPERVISOR)
        await page.clock.install(time=datetime.now(UTC) + timedelta(hours=hours))
        await page.goto("/queues")
        wait = page.get_by_role("table", name="Очередь sales").locator("time").first
        shown = await wait.text_content()
        await expect(wait).not_to_have_text(shown or "")  # it runs
        await expect(wait).to_have_text(re.compile(r"^0:[0-5]\d$"))


async def test_on_a_phone_the_rest_of_the_menu_is_behind_more(site: Site) -> None:
    page = await site.page(ADMINISTRATOR, size=390)
    await page.goto("/clients")
    menu = page.get_by_role("navigation", name="Основное меню")
    settings = menu.get_by_role("link", name="Настройки")
    await expect(menu.get_by_role("link")).to_have_text(["Клиенты", "История", "Сотрудники", "Очереди"])
    await menu.get_by_role("button", name="Ещё").tap()
    await expect(settings).to_be_visible()
    await page.touchscreen.tap(195, 300)  # beside it
    await expect(settings).to_be_hidden()
    await menu.get_by_role("button", name="Ещё").tap()
    await settings.tap()
    await expect(page.get_by_role("heading", name="Настройки", level=1)).to_be_visible()


async def test_a_double_click_makes_one_token_and_shows_it(site: Site) -> None:
    page = await site.page(ADMINISTRATOR)
    await page.goto("/settings/tokens")
    await page.get_by_label("Название").fill("CRM")
    await page.get_by_label("узнавать, чей номер").check()
    sent, second = [], asyncio.Event()
    page.on("request", lambda each: sent.append(each.method))

    async def hold(route: Route) -> None:
        await second.wait()
        await route.continue_()

    await page.route("**/settings/tokens", hold)
    button = page.get_by_role("button", name="Создать токен")
    await button.scroll_into_view_if_needed()
    box = await button.bounding_box()
    assert box
    for count in (1, 2):
        await page.mouse.click(box["x"] + 9, box["y"] + 9)
        await until(lambda: "POST" in sent)
        assert sent.count("HEAD") == 1, f"click {count} asks whether the session lasts"
    second.set()
    await expect(page.get_by_role("textbox", name="Новый токен")).to_have_value(re.compile("^pbxd_"))
    assert sent.count("POST") == 1
