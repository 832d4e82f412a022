"""The history as an agent uses it: find a call, read how it went, know the caller next time."""

from __future__ import annotations

import re
import wave
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from playwright.async_api import Locator, Page, expect

from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.calls.record import Agent, CallRecord, Party, Step
from pbxd.settings import RecordingSettings
from pbxd.storage.access.audit import Audit, AuditFilter
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.calls.calls import Calls
from tests.actors import ADMINISTRATOR
from tests.http.conftest import House
from tests.lab.processes import until
from tests.web.browser.faults import hold, release
from tests.web.browser.judging import tab_to
from tests.web.browser.site import AGENT, SUPERVISOR, Site

NOW = datetime.now(UTC)
KNOWN, UNKNOWN = "+79161112233", "+79035550101"


def call(name: str, number: str, minutes: float, **changes: object) -> CallRecord:
    started = NOW - timedelta(minutes=minutes)
    story = [Step(started, "called", number, "+74951234567"), Step(started + timedelta(seconds=9), "ended", number)]
    record = CallRecord(name, "pbx", f"1.{name}", started, caller=Party(number), callee=Party("+74951234567"))
    record.ended, record.outcome, record.story = started + timedelta(seconds=9), "missed", story
    return replace(record, **changes)  # type: ignore[arg-type]  # any of its fields


@pytest.fixture
async def history(pbxd: House, site: Site) -> Page:
    """A supervisor's history: a client who was missed, and one whom nobody knows."""
    draft = ContactDraft("Фронкин Игорь", company="Ромашка", numbers=(ContactNumber(KNOWN),))
    await Contacts(pbxd.database).add(draft, actor=ADMINISTRATOR)
    await Calls(pbxd.database).upsert([call("A1", KNOWN, 5), call("B2", UNKNOWN, 9)])
    page = await site.page(SUPERVISOR)
    await page.goto("/history")
    return page


async def test_filters_show_while_one_types_and_stay_in_the_address(history: Page) -> None:
    table = history.get_by_role("table", name="История")
    await history.get_by_label("Клиент").fill("фронк")
    await expect(table.get_by_role("link", name="Фронкин Игорь")).to_be_visible()
    await expect(history.get_by_text("Всего: 1")).to_be_visible()
    await expect(table.get_by_text("+7 903 555-01-01")).to_have_count(0)
    await expect(history).to_have_url(re.compile("client="))
    await expect(history.get_by_role("link", name="Экспорт")).to_have_attribute("href", re.compile("client="))
    await history.reload()
    await expect(history.get_by_label("Клиент")).to_have_value("фронк")
    await expect(history.get_by_text("Всего: 1")).to_be_visible()
    await history.get_by_role("link", name="Сбросить").click()
    await expect(history.get_by_text("Всего: 2")).to_be_visible()


async def test_a_caller_is_attached_to_a_contact_from_the_row(history: Page) -> None:
    table = history.get_by_role("table", name="История")
    await table.get_by_role("link", name="Привязать к контакту: +7 903 555-01-01").click()
    dialog = history.get_by_role("dialog", name="Привязать к контакту")
    await expect(dialog.get_by_label("Контакт")).to_be_focused()
    await history.keyboard.type("ромаш")
    found = dialog.get_by_role("button", name="Фронкин Игорь")
    await expect(found).to_be_visible()
    for key, there in (("ArrowDown", found), ("ArrowUp", dialog.get_by_label("Контакт")), ("ArrowDown", found)):
        await history.keyboard.press(key)
        await expect(there).to_be_focused()
    await history.keyboard.press("Enter")
    await expect(dialog).to_have_count(0)
    await expect(table.get_by_role("link", name="Фронкин Игорь")).to_have_count(2)
    await expect(history).to_have_url(re.compile("/history$"))


async def test_a_star_in_a_row_is_lit_and_put_out_with_the_keyboard(history: Page) -> None:
    star = history.get_by_role("button", name="В избранное: Фронкин Игорь")
    await star.focus()
    for lit in ("true", "false", "true"):
        await history.keyboard.press("Enter")
        await expect(star).to_have_attribute("aria-pressed", lit)
        await expect(star).to_be_focused()
    await expect(history.locator("#said")).to_be_empty()
    await history.reload()
    await expect(star).to_have_attribute("aria-pressed", "true")


async def test_without_the_database_a_search_says_so_and_the_table_stays(
    site: Site, history: Page, pbxd: House
) -> None:
    site.watch.allow("503 for ")
    site.watch.allow("status of 503")
    folder = pbxd.settings.folder
    (folder / "book.db").rename(folder / "away.db")
    await history.get_by_label("Клиент").fill("фронк")
    await expect(history.locator("#said")).not_to_be_empty()
    await expect(history.get_by_role("heading", level=1)).to_have_text("История")
    await expect(history.get_by_role("table", name="История")).to_be_visible()


async def test_new_calls_wait_and_calls_under_way_change_in_place(history: Page, pbxd: House) -> None:
    running = call("C3", KNOWN, 3, ended=None, outcome=None)
    await Calls(pbxd.database).upsert([running])
    fresh = history.get_by_role("button", name="Новых звонков: 1")
    await tab_to(history.get_by_role("link", name="Экспорт"))
    await tell(history)
    await expect(history.locator("tbody tr:not(.day)")).to_have_count(2)
    await fresh.click()
    row = history.locator("#call-C3")
    await expect(row).to_contain_text("идёт")
    await expect(row.get_by_role("link").first).to_be_focused()
    await expect(fresh).to_be_hidden()
    await Calls(pbxd.database).upsert([call("C3", KNOWN, 3)])
    await tell(history)
    await expect(row).to_contain_text("пропущен")
    await expect(row.get_by_role("link").first).to_be_focused()


async def tell(page: Page) -> None:
    """Say that something happened to calls, as the stream of events does."""
    detail = "{kind: 'call.ended', subject: 'C3', data: {}}"
    await page.evaluate(f"document.dispatchEvent(new CustomEvent('pbxd:event', {{detail: {detail}}}))")


async def test_the_story_is_read_with_the_keyboard_alone(history: Page) -> None:
    await tab_to(history.locator("#call-A1").get_by_role("link").first)
    await history.keyboard.press("Enter")
    await expect(history.get_by_role("heading", name="Звонок: Фронкин Игорь")).to_be_visible()
    story = history.get_by_role("region", name="Как прошёл звонок").get_by_role("listitem")
    await expect(story.first).to_contain_text("Фронкин Игорь (+7 916 111-22-33) звонит на +7 495 123-45-67")
    await expect(story.last).to_contain_text("Фронкин Игорь (+7 916 111-22-33) кладёт трубку")


async def test_without_scripts(site: Site, history: Page) -> None:
    del history
    page = await site.page(SUPERVISOR, scripts=False)
    await page.goto("/history")
    await page.get_by_label("Без перезвона").check()
    await page.get_by_role("button", name="Показать").click()
    await expect(page.get_by_text("Всего: 2")).to_be_visible()
    await page.get_by_role("link", name="Привязать к контакту: +7 903 555-01-01").click()
    await page.get_by_label("Контакт").fill("фронк")
    await page.get_by_role("button", name="Найти").click()
    await page.get_by_role("button", name="Фронкин Игорь").click()
    await expect(page).to_have_url(re.compile("/clients/"))
    await page.goto("/history")
    await expect(page.get_by_role("table", name="История").get_by_role("link", name="Фронкин Игорь")).to_have_count(2)


async def test_the_badge_of_missed_calls_goes_in_every_tab(site: Site, pbxd: House) -> None:
    page = await site.page(AGENT)
    await page.goto("/clients")
    menu = page.get_by_role("navigation", name="Основное меню")

    async def unseen(name: str) -> None:
        missed = replace(call(name, KNOWN, 0), agents=[Agent(AGENT.extension, 5.0, rings=1)])
        await Calls(pbxd.database).upsert([replace(missed, started=datetime.now(UTC))])

    async def miss(name: str, where: Page) -> None:
        await unseen(name)
        data = f"{{outcome: 'missed', extensions: ['{AGENT.extension}']}}"
        detail = f"{{kind: 'call.ended', subject: '{name}', data: {data}}}"
        await where.evaluate(f"document.dispatchEvent(new CustomEvent('pbxd:event', {{detail: {detail}}}))")

    await miss("D4", page)
    await expect(menu.get_by_text("Пропущенных: 1")).to_be_visible()
    await expect(menu.get_by_role("link", name="История", exact=True)).to_be_visible()
    other = await page.context.new_page()
    await other.goto("/history")
    await expect(other.get_by_role("table", name="История")).to_contain_text("пропущен")
    await expect(menu.get_by_text("Пропущенных")).to_have_count(0)
    await miss("D5", other)  # nobody may sit before the open history
    fresh = other.get_by_role("button", name="Новых звонков: 1")
    await expect(fresh).to_be_visible()
    there = other.get_by_role("navigation", name="Основное меню").get_by_text("Пропущенных: 1")
    await expect(there).to_be_visible()
    await unseen("D6")  # too late for the button
    await fresh.click()
    await expect(there).to_have_count(0)
    await expect(menu.get_by_text("Пропущенных")).to_have_count(0)
    await expect(other.get_by_role("table", name="История").get_by_text("пропущен", exact=True)).to_have_count(3)


async def test_a_recording_is_heard_in_its_row_and_nothing_of_it_is_loaded_before(
    pbxd: House, history: Page, tmp_path: Path
) -> None:
    with wave.open(str(tmp_path / "one.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(2 * 8000 * 5))
    pbxd.services.recordings._settings = lambda: RecordingSettings(folder=str(tmp_path))
    talked = call("C3", KNOWN, 2, answered_by=["101"], outcome="answered", recordings=["one.wav"])
    await Calls(pbxd.database).upsert([talked])
    asked: list[str] = []
    history.on("request", lambda each: asked.append(each.url))
    for path in ("/history", "/clients/1?tab=calls"):
        await history.goto(path)
        listen = history.get_by_role("link", name="Прослушать")
        await listen.focus()
        assert not [each for each in asked if "/recordings/" in each]
        await history.keyboard.press("Enter")
        player = history.get_by_label("Запись 1")
        await expect(player).to_be_visible()
        await expect(listen).to_have_attribute("aria-expanded", "true")
        await until(partial(_plays, player), "the sound")
        await history.keyboard.press("Enter")
        await expect(player).to_have_count(0)
        await expect(listen).to_have_attribute("aria-expanded", "false")
        asked.clear()
    acts = await Audit(pbxd.database).find(AuditFilter(), None)
    heard = [each.deed.subject for each in acts if "recording" in each.deed.action]
    assert heard == ["/api/v1/calls/C3/recordings/1"], "who listened is logged, once"
    await Calls(pbxd.database).upsert([replace(talked, id="D4", started=NOW, recordings=["one.wav"])])
    await _the_last_click_wins(history)


async def _the_last_click_wins(history: Page) -> None:
    """The player of the row that was clicked last opens, alone; a session that ended brings the sign-in."""
    late = await hold(history, "**/history/C3")
    await history.goto("/history")
    first, second = (history.locator(f"#call-{name}").get_by_role("link", name="Прослушать") for name in ("C3", "D4"))
    await first.click()
    await until(lambda: late, "the story of the first")
    await second.click()
    player = history.get_by_label("Запись 1")
    await expect(player).to_be_visible()
    await release(history, late.pop())
    await expect(player).to_have_count(1)
    await expect(first).to_have_attribute("aria-expanded", "false")
    await first.click()
    await until(lambda: late, "the story of the first, again")
    await late.pop().fulfill(status=403, body="<p role=alert>Нельзя</p>")
    await expect(history.locator("#said")).to_have_text("Нельзя")
    await history.context.clear_cookies()
    await second.click()
    await expect(history.get_by_role("dialog", name="Вход")).to_be_visible()


async def _plays(player: Locator) -> bool:
    return bool(await player.evaluate("player => player.currentTime > 0"))
