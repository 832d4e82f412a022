"""A browser that was away comes back by itself and shows the truth; and a call makes itself heard once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial

import pytest
from playwright.async_api import Browser, Page, expect
from sqlalchemy import delete

from pbxd.book.contacts import ContactDraft, ContactNumber
from pbxd.calls.presence import PhoneState, Presence
from pbxd.calls.record import Agent, CallRecord, Party
from pbxd.numbers import display
from pbxd.storage.calls.calls import Calls
from pbxd.storage.engine.feed import News, tell
from pbxd.storage.tables import feed
from tests.actors import ADMINISTRATOR
from tests.http.conftest import House, serving
from tests.lab.processes import until
from tests.lab.wire import Wire, wire_to
from tests.web.browser.books import Furnished, inviting
from tests.web.browser.faults import asleep, frozen
from tests.web.browser.site import Site
from tests.web.conftest import mount

CALLER, LABEL = "+79161234567", "Входящий звонок: +7 916 123-45-67"
AWAY = "Нет связи с pbxd"
LOST = "ERR_CONNECTION|ERR_INCOMPLETE_CHUNKED|ERR_EMPTY_RESPONSE|ERR_INTERNET_DISCONNECTED|ERR_ABORTED"
HEAR = """
window.heard = [];
document.addEventListener("pbxd:event", (event) => window.heard.push(event.detail.subject));
document.addEventListener("pbxd:connected", () => (document.body.dataset.heard = "1"));
"""
Away = Callable[[Browser, list[Page]], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def _sleeps(browser: Browser, _pages: list[Page]) -> AsyncIterator[None]:
    async with asleep(browser):
        yield


@asynccontextmanager
async def _is_frozen(_browser: Browser, pages: list[Page]) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for page in pages:
            await stack.enter_async_context(frozen(page))
        yield


def call(state: PhoneState = "ringing", name: str = "01RING", number: str = CALLER) -> Presence:
    """A call at the agent's phone."""
    record = CallRecord(name, "pbx", f"1.{name}", datetime.now(UTC), caller=Party(number))
    record.agents.append(Agent("101", rings=1))
    return Presence(record, "ring" if state == "ringing" else "talk", {"101": state})


async def hearing(site: Site, path: str, script: str = HEAR) -> Page:
    page = await site.page()
    await page.add_init_script(script)
    await page.goto(path)
    await expect(page.locator("body")).to_have_attribute("data-heard", "1")
    return page


async def _an_hour_passes(pbxd: House) -> None:
    """The call ends, a contact is added, and the feed forgets all but the last of what it had."""
    record = pbxd.presences.pop().record
    record.ended, record.outcome = datetime.now(UTC), "missed"
    await Calls(pbxd.database).upsert([record])
    numbers = (ContactNumber(CALLER, main=True),)
    await pbxd.contacts.add(ContactDraft("Ким Анна", numbers=numbers), actor=ADMINISTRATOR)
    async with pbxd.database.writing() as connection:
        await tell(connection, [News("contact.changed", "77", {"visibility": "shared", "version": 1})])
        await connection.execute(delete(feed).where(feed.c.subject != "77"))


@pytest.mark.parametrize("away", [_sleeps, pytest.param(_is_frozen, marks=pytest.mark.soak)], ids=["asleep", "frozen"])
async def test_a_browser_that_was_away_for_longer_than_the_feed_keeps_shows_the_truth(
    pbxd: House, browser: Browser, furnished: Furnished, away: Away
) -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(AsyncExitStack())
        port = (await first.enter_async_context(serving(pbxd, mount))).port
        site = Site(browser, f"http://127.0.0.1:{port}", inviting(pbxd), dict(furnished.states))
        site.watch.allow(LOST)
        earlier = call(name="01A").record
        earlier.ended, earlier.outcome = earlier.started, "missed"
        await Calls(pbxd.database).upsert([earlier])
        clients, history = await hearing(site, "/clients"), await hearing(site, "/history")
        pbxd.presences.append(call())
        for page in (clients, history):
            await expect(page.get_by_role("region", name=LABEL).get_by_role("status")).to_have_text("Звонит")
        async with away(browser, [clients, history]):
            await first.aclose()  # pbxd is restarted meanwhile
            await _an_hour_passes(pbxd)
            await stack.enter_async_context(serving(pbxd, mount, listen=f"127.0.0.1:{port}"))
        for page in (clients, history):
            card = page.get_by_role("region", name="Входящий звонок: Ким Анна")
            await expect(card.get_by_role("status")).to_have_text("Завершён")
            await expect(card).to_contain_text("Пропущенный звонок")
            await expect(page).to_have_title(f"{'Клиенты' if page is clients else 'История'} – pbxd")
            await expect(page.get_by_text(AWAY)).to_have_count(0)
        await expect(clients.get_by_role("row", name="Ким Анна")).to_be_visible()
        await history.get_by_role("button", name="Новых звонков: 1").click()
        await expect(history.get_by_role("table", name="История")).to_contain_text("Ким Анна")
        await site.close()


@pytest.fixture
async def wire(pbxd: House) -> AsyncIterator[Wire]:
    """What lies between the browsers and the pages of `pbxd`."""
    async with serving(pbxd, mount) as server, wire_to(server.port) as made:
        yield made


async def test_a_network_that_is_gone_without_a_word_is_noticed_by_its_silence(
    pbxd: House, wire: Wire, browser: Browser, furnished: Furnished
) -> None:
    site = Site(browser, f"http://127.0.0.1:{wire.port}", inviting(pbxd), dict(furnished.states))
    site.watch.allow(LOST)
    page = await site.page()
    await page.clock.install()  # of the page alone: a stream in a shared worker has a clock of its own
    await page.add_init_script("delete window.SharedWorker;" + HEAR)
    await page.goto("/clients")
    await expect(page.locator("body")).to_have_attribute("data-heard", "1")
    wire.go_silent()
    async with pbxd.database.writing() as connection:
        await tell(connection, [News("contact.changed", "71", {"visibility": "shared", "version": 1})])

    async def heard() -> bool:
        return "71" in await page.evaluate("window.heard")

    await page.clock.fast_forward(39_000)
    assert not await heard()
    before = wire.connections

    async def after_silence() -> bool:
        await page.clock.fast_forward(20_000)
        return await heard()

    await until(after_silence, "a new connection after the silence", every=0.2)
    assert wire.connections > before
    await site.close()


COUNTED = """
window.beeps = [];
window.AudioContext = class extends AudioContext {
  constructor() { super(); window.beeps.push(document.title); }
};
"""


async def _beeps(*tabs: Page) -> list[str]:
    """Who called when a tab made itself heard, by the titles; each ring is one."""
    return sorted([title for each in tabs for title in await each.evaluate("window.beeps")])


async def _has_rung(title: str, *tabs: Page) -> bool:
    return title in await _beeps(*tabs)


async def test_one_tab_rings_once_a_call_and_every_title_says_who_calls(site: Site, pbxd: House) -> None:
    page = await hearing(site, "/clients", HEAR + COUNTED)
    tab = await page.context.new_page()
    await tab.add_init_script(HEAR + COUNTED)
    await tab.goto("/history")
    await expect(tab.locator("body")).to_have_attribute("data-heard", "1")
    silent = await page.context.new_page()  # nobody clicked here yet: browsers allow no sound
    await silent.add_init_script(HEAR + COUNTED)
    await silent.goto("/staff")
    for each in (page, tab):
        await each.get_by_role("heading", level=1).click()
    titles = []
    for name, number in (("01ONE", CALLER), ("01TWO", "+79161234568")):
        titles.append(f"☎ Входящий звонок: {display(number)}")
        pbxd.presences[:] = [call(name=name, number=number)]
        for each in (page, tab, silent):
            await expect(each).to_have_title(titles[-1])
        await until(partial(_has_rung, titles[-1], page, tab, silent), f"the ring of {name}")
        pbxd.presences[:] = [call("talking", name, number)]
        await expect(page).to_have_title("Клиенты – pbxd")
        await expect(tab).to_have_title("История – pbxd")
        await page.get_by_role("button", name="Закрыть").click()
    for each in (page, tab, silent):
        await expect(each.locator(".cards")).to_be_empty()
    assert await _beeps(page, tab, silent) == titles, "one ring a call, also after all is over"
