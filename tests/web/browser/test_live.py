"""Pages hear what happens, whatever becomes of their connection, their pbxd, their session; and cards come and go."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Browser, Page, Route, expect
from sqlalchemy import delete

from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.calls.presence import PhoneState, Presence
from pbxd.calls.record import Agent, CallRecord, Party
from pbxd.services.access import users
from pbxd.services.events.live_feed import LiveFeed
from pbxd.storage.engine.feed import News, tell
from pbxd.storage.tables import feed
from tests.actors import ADMINISTRATOR
from tests.http.conftest import House, serving, until
from tests.lab import processes
from tests.web.browser.books import Furnished, inviting
from tests.web.browser.judging import audit, fits, no_english, no_russian
from tests.web.browser.site import AGENT, Language, Site, Size, Theme
from tests.web.conftest import mount

AWAY = "Нет связи с pbxd. Как только она вернётся, страница покажет новое."
HEAR = """
window.heard = [];
for (const name of ["pbxd:event", "pbxd:reset", "pbxd:connected"])
  document.addEventListener(name, (event) =>
    window.heard.push(`${name} ${event.detail?.kind ?? ""} ${event.detail?.subject ?? ""}`));
"""


@dataclass
class Place:
    """A pbxd whose server can go and come back at the same address."""

    pbxd: House
    port: int = 0
    site: Site = field(init=False)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        async with serving(self.pbxd, mount, listen=f"127.0.0.1:{self.port}") as server:
            self.port = server.port
            yield


@pytest.fixture
async def place(pbxd: House, browser: Browser, furnished: Furnished) -> AsyncIterator[Place]:
    made = Place(pbxd)
    async with made.serving():
        pass
    made.site = Site(browser, f"http://127.0.0.1:{made.port}", inviting(pbxd), dict(furnished.states))
    made.site.watch.allow(
        "ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET"
    )
    yield made
    await made.site.close()


async def hearing(site: Site, path: str = "/clients") -> Page:
    page = await site.page()
    await page.context.add_init_script(HEAR)
    await page.goto(path)
    await until_heard(page, "pbxd:connected")
    return page


async def until_heard(page: Page, what: str) -> None:
    await page.wait_for_function("what => window.heard.some((each) => each.includes(what))", arg=what)


async def told(pbxd: House, kind: str, subject: str) -> None:
    async with pbxd.database.writing() as connection:
        await tell(connection, [News(kind, subject, {"visibility": "shared", "version": 1})])


def ringing(pbxd: House, call_id: str, state: PhoneState = "ringing", extension: str = "101") -> CallRecord:
    """A call that rings at a phone."""
    record = CallRecord(call_id, "pbx", "1.1", datetime.now(UTC), caller=Party("+79161234567"))
    record.agents.append(Agent(extension, rings=1))
    pbxd.presences[:] = [Presence(record, "ring" if state == "ringing" else "talk", {extension: state})]
    return record


async def test_a_page_whose_pbxd_was_away_says_so_calmly_and_gets_what_it_missed(place: Place) -> None:
    async with place.serving():
        page = await hearing(place.site)
        tab = await page.context.new_page()
        await tab.goto("/me")
        await until_heard(tab, "pbxd:connected")
    await told(place.pbxd, "contact.changed", "71")
    for each in (page, tab):
        await expect(each.get_by_text(AWAY)).to_be_visible()
    async with place.serving():
        for each in (page, tab):
            await until_heard(each, "contact.changed 71")
            await expect(each.get_by_text(AWAY)).to_have_count(0)
            assert "pbxd:reset" not in str(await each.evaluate("window.heard"))


async def test_a_page_that_was_away_for_longer_than_the_feed_keeps_is_told_to_read_anew(place: Place) -> None:
    for number in range(3):
        await told(place.pbxd, "contact.changed", str(number))
    async with place.serving():
        page = await hearing(place.site)
    for number in range(10, 13):
        await told(place.pbxd, "contact.changed", str(number))
    async with place.pbxd.database.writing() as connection:
        newest = delete(feed).where(feed.c.subject != "12")
        await connection.execute(newest)
    ringing(place.pbxd, "01NEW")
    async with place.serving():
        await until_heard(page, "pbxd:reset")
        await expect(page.get_by_role("region", name="Входящий звонок: +7 916 123-45-67")).to_be_visible()
        await told(place.pbxd, "contact.changed", "99")
        await until_heard(page, "contact.changed 99")


async def test_a_session_that_ended_is_quiet_until_somebody_signs_in_again(place: Place) -> None:
    async with place.serving():
        page = await hearing(place.site)
        me = await users.named(place.pbxd.services.workspace, ADMINISTRATOR, "101")
        await users.end_sessions(place.pbxd.services.workspace, ADMINISTRATOR, me.id)
        await until(lambda: place.pbxd.live_feed.streams == 0)
        await told(place.pbxd, "contact.changed", "5")
        await page.wait_for_timeout(6000)  # longer than the page waits before it says that nobody is there
        await expect(page.get_by_text(AWAY)).to_have_count(0)
        tab = await page.context.new_page()
        await tab.goto("/sign-in")
        await tab.get_by_label("Внутренний номер или e-mail").fill(AGENT.extension)
        await tab.get_by_label("Пароль").fill("корова 7 лошадь")
        await tab.get_by_role("button", name="Войти").click()
        await until_heard(page, "contact.changed 5")


@pytest.mark.parametrize("first", [True, False], ids=["the first tab", "another tab"])
async def test_what_happens_between_a_page_s_reading_and_its_first_event_is_not_lost(
    place: Place, *, first: bool
) -> None:
    async def late(route: Route) -> None:
        await told(place.pbxd, "contact.changed", "88")
        if not first:
            await until_heard(page, "contact.changed 88")
        await route.continue_()

    async with place.serving():
        page = await place.site.page() if first else await hearing(place.site)
        await page.context.add_init_script(HEAR)
        tab = await page.context.new_page()
        await tab.route("**/app.js", late)
        await tab.goto("/clients")
        await until_heard(tab, "contact.changed 88")


@pytest.mark.parametrize(("size", "theme", "language"), [(1280, "light", "ru"), (390, "dark", "en")])
async def test_cards_are_accessible_translated_and_not_too_wide(
    place: Place, size: Size, theme: Theme, language: Language
) -> None:
    numbers = (ContactNumber("+79161234567", main=True), ContactNumber("+79161234568"))
    await place.pbxd.contacts.add(
        ContactDraft(name="7" * 60, numbers=numbers, company="8" * 60, vip=True, tags=("9",), comment="0 " * 200),
        actor=ADMINISTRATOR,
    )
    async with place.serving():
        page = await place.site.page(size=size, theme=theme, language=language)
        await page.goto("/clients")
        ringing(place.pbxd, "01A")
        unknown = CallRecord("01B", "pbx", "1.2", datetime.now(UTC), caller=Party("+79990001122"), answered_by=["101"])
        unknown.agents.append(Agent("101", rings=1))
        place.pbxd.presences.append(Presence(unknown, "talk", {"101": "talking"}))
        third = replace(unknown, id="01C", started=datetime.now(UTC))
        place.pbxd.presences.append(Presence(third, "talk", {"101": "talking"}))
        await expect(page.get_by_role("region")).to_have_count(3)
        add = page.get_by_role("link", name="Добавить контакт" if language == "ru" else "Add a contact")
        await add.click(trial=True)
        await audit(page)
        await (no_english if language == "ru" else no_russian)(page)
        await fits(page)


async def test_all_tabs_share_one_stream(place: Place) -> None:
    async with place.serving():
        page = await hearing(place.site)
        for _ in range(3):
            tab = await page.context.new_page()
            await tab.goto("/me")
            await until_heard(tab, "pbxd:connected")
        live: LiveFeed = place.pbxd.live_feed
        assert live.streams == 1


async def test_without_shared_workers_each_tab_has_a_stream_of_its_own(place: Place) -> None:
    async with place.serving():
        page = await place.site.page()
        await page.context.add_init_script("delete window.SharedWorker;" + HEAR)
        await page.goto("/clients")
        await until_heard(page, "pbxd:connected")
        await told(place.pbxd, "contact.changed", "6")
        await until_heard(page, "contact.changed 6")


@pytest.mark.parametrize("path", ["/clients", "/history", "/staff", "/queues", "/companies"])
async def test_what_a_page_fetches_by_itself_says_so(place: Place, path: str) -> None:
    asked: list[tuple[str, str]] = []
    async with place.serving():
        page = await place.site.page()
        page.on("request", lambda each: asked.append((urlsplit(each.url).path, each.headers.get("x-fragment", ""))))
        await page.context.add_init_script(HEAR)
        await page.goto(path)
        await until_heard(page, "pbxd:connected")
        ringing(place.pbxd, "01A")
        await expect(page.get_by_role("region")).to_have_count(1)
        await page.evaluate("document.dispatchEvent(new CustomEvent('pbxd:reset'))")
        await until(lambda: (path, "auto") in asked)
        assert {"/cards", "/card/01A", path} <= {each for each, how in asked if how == "auto"}
        assert not [each for each in asked if each[1] == "1"]
        if path == "/clients":
            await page.get_by_role("searchbox").fill("к")
            await until(lambda: (path, "1") in asked)


async def test_of_more_open_cards_than_are_asked_for_none_vanishes(place: Place) -> None:
    ids = [f"01{each}" for each in "ABCDEFGHIJKL"]

    async def all_but_the_last(route: Route) -> None:
        shown = parse_qs(urlsplit(route.request.url).query)["open"][0].split(",")
        cards = [f'<div class="card" id="card-{each}" data-call="{each}"></div>' for each in shown if each != ids[-1]]
        await route.fulfill(body="".join(cards), content_type="text/html")

    async with place.serving():
        page = await hearing(place.site)
        for each in ids:
            record = CallRecord(each, "pbx", "1.1", datetime.now(UTC), caller=Party("+79161234567"))
            record.agents.append(Agent("101", rings=1))
            place.pbxd.presences.append(Presence(record, "ring", {"101": "ringing"}))
        cards = page.locator(".cards > .card")
        await expect(cards).to_have_count(len(ids))
        await page.route("**/cards?open=*", all_but_the_last)

        async def gone() -> bool:
            """Ask until no card is being fetched by itself meanwhile: that one would stay."""
            await page.evaluate("document.dispatchEvent(new CustomEvent('pbxd:reset'))")
            return await page.locator(f"#card-{ids[-1]}").count() == 0

        await processes.until(gone, "the card to go", every=0.1)
        await expect(cards).to_have_count(len(ids) - 1)


async def test_a_card_over_a_dialog_can_be_used_and_takes_no_focus(place: Place) -> None:
    async with place.serving():
        page = await hearing(place.site)
        await page.get_by_role("link", name="Добавить контакт").click()
        name = page.get_by_role("dialog").get_by_label("ФИО")
        await name.fill("Пол")
        ringing(place.pbxd, "01CARD")
        card = page.get_by_role("region", name="Входящий звонок: +7 916 123-45-67")
        await expect(card.get_by_role("status")).to_have_text("Звонит")
        await expect(name).to_be_focused()
        await page.keyboard.type("ина")
        await expect(name).to_have_value("Полина")
        assert "Входящий звонок" in await page.title()
        await card.get_by_role("button", name="Закрыть").click()
        await expect(card).to_have_count(0)
        await expect(name).to_have_value("Полина")
        assert "Входящий звонок" not in await page.title()


NOTIFIED = """
window.notified = [];
window.Notification = class {
  static permission = "granted";
  constructor(text, options) { window.notified.push([text, options.tag]); }
  close() { window.notified.push("closed"); }
};
"""


async def test_a_browser_that_may_notify_does_so_once_with_the_call_s_id_and_takes_it_back(place: Place) -> None:
    async with place.serving():
        page = await place.site.page()
        await page.context.add_init_script(NOTIFIED)
        await page.goto("/me")
        await expect(page.get_by_text("Этот браузер показывает уведомление, когда звонит клиент.")).to_be_visible()
        ringing(place.pbxd, "01RING")
        card = page.get_by_role("region", name="Входящий звонок: +7 916 123-45-67")
        await expect(card.get_by_role("status")).to_have_text("Звонит")
        await page.wait_for_function("window.notified.length === 1")
        ringing(place.pbxd, "01RING", "talking")
        await expect(card.get_by_role("status")).to_have_text("Разговор")
        assert await page.evaluate("window.notified") == [
            ["Входящий звонок: +7 916 123-45-67", "01RING"], "closed",
        ]  # fmt: skip


async def test_one_of_several_with_the_number_is_chosen_and_a_name_that_comes_late_shows(place: Place) -> None:
    async with place.serving():
        page = await hearing(place.site)
        ringing(place.pbxd, "01LATE")
        await expect(page.get_by_role("region", name="Входящий звонок: +7 916 123-45-67")).to_be_visible()
        for name in ("Ким Анна", "Ким Олег"):
            numbers = (ContactNumber("+79161234567", main=True),)
            await place.pbxd.contacts.add(
                ContactDraft(name=name, numbers=numbers, company="Завод"), actor=ADMINISTRATOR
            )
        await page.get_by_role("link", name="Ким Олег, Завод").click()
        card = page.get_by_role("region", name="Входящий звонок: Ким Олег")
        await expect(card).to_contain_text("Другие контакты компании")
        await expect(card.get_by_role("link", name="Ким Анна")).to_be_visible()
        await expect(card.get_by_role("button", name="Открыть контакт")).to_be_visible()


async def test_another_one_s_call_shows_no_card_also_by_its_address(place: Place) -> None:
    async with place.serving():
        page = await hearing(place.site)
        ringing(place.pbxd, "01OTHER", extension="102")
        await until_heard(page, "live.call 01OTHER")
        for path in ("/card/01OTHER", "/calls/01OTHER"):
            answer = await page.context.request.get(path)
            assert answer.status == 404
        answer = await page.context.request.get("/cards?open=01OTHER")
        assert (answer.status, "card" in await answer.text()) == (200, False)
        await expect(page.locator(".cards")).to_be_empty()


async def test_what_people_wrote_is_text_on_the_card(place: Place) -> None:
    evil = '<img src=x onerror="document.title=1">\'"&<script>'
    numbers = (ContactNumber("+79161234567", main=True),)
    draft = ContactDraft(name=evil, numbers=numbers, company=evil, position=evil, comment=evil, tags=("<b>тег</b>",))
    async with place.serving():
        page = await hearing(place.site)
        await place.pbxd.contacts.add(draft, actor=ADMINISTRATOR)
        record = ringing(place.pbxd, "01EVIL")
        record.queue = "<i>очередь</i>"
        card = page.get_by_role("region", name=f"Входящий звонок: {evil}")
        for text in (evil, "<b>тег</b>", "<i>очередь</i>"):
            await expect(card).to_contain_text(text)
        assert await card.locator("img, script, b, i").count() == 0
