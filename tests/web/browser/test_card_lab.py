"""The card of a call, on the real Asterisk with SIP phones: what each agent sees at each step."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Locator, Page, expect

from tests.lab import Lab
from tests.web.browser.site import AGENT, COLLEAGUE, SUPERVISOR, Site

pytestmark = pytest.mark.lab

CLIENT = "89161234567"
NAME = "Фронкин Игорь"
INCOMING = f"Входящий звонок: {NAME}"


def card(page: Page, name: str = INCOMING) -> Locator:
    return page.get_by_role("region", name=name)


def status(page: Page, name: str = INCOMING) -> Locator:
    return card(page, name).get_by_role("status")


async def looking(site: Site, who: object, path: str = "/clients") -> Page:
    """An agent's browser that hears what happens."""
    page = await site.page(who)  # type: ignore[arg-type]
    await page.add_init_script("document.addEventListener('pbxd:connected', () => document.body.dataset.heard = '1')")
    await page.goto(path)
    await expect(page.locator("body")).to_have_attribute("data-heard", "1")
    return page


async def known(lab: Lab) -> None:
    """The client is in the book, with all that a card shows."""
    contact = await lab.know(NAME, CLIENT, company="ООО «Ромашка»", vip=True)
    more = {"position": "директор", "comment": "Звонить после обеда", "tags": ["опт"]}
    assert lab.daemon
    path = f"/api/v1/contacts/{contact}"
    changed, _ = await lab.daemon.api(path, method="PATCH", body=more, headers={"If-Match": "*"})
    assert changed == 200


async def test_the_card_follows_a_call_from_the_ring_to_its_end(lab: Lab, lab_site: Site) -> None:
    await known(lab)
    page, other = await looking(lab_site, AGENT), await looking(lab_site, SUPERVISOR)
    await page.get_by_role("searchbox", name="Поиск").fill("фро")
    client = lab.call_in("101", CLIENT)
    offered = await lab.phone("101").incoming()
    await expect(status(page)).to_have_text("Звонит")
    for text in ("VIP", "ООО «Ромашка» · директор", "+7 916 123-45-67", "Звонить после обеда", "опт"):
        await expect(card(page)).to_contain_text(text)
    await expect(page.get_by_role("searchbox", name="Поиск")).to_be_focused()
    offered.answer()
    await client.until_talking()
    await expect(status(page)).to_have_text("Разговор")
    offered.hold()
    await expect(status(page)).to_have_text("Удержание")
    offered.unhold()
    await expect(status(page)).to_have_text("Разговор")
    client.hangup()
    await expect(status(page)).to_have_text("Завершён")
    await expect(card(page).get_by_role("button", name="Перезвонить")).to_be_visible()
    await expect(other.locator(".cards")).to_be_empty()


async def test_every_tab_shows_the_same_cards_and_a_closed_one_is_closed_everywhere(lab: Lab, lab_site: Site) -> None:
    await lab.know(NAME, CLIENT)
    page = await looking(lab_site, AGENT)
    client, _agent = await lab.talk("101", CLIENT)
    late = await page.context.new_page()
    await late.goto("/me")
    for tab in (page, late):
        await expect(status(tab)).to_have_text("Разговор")
    client.hangup()
    for tab in (page, late):
        await expect(status(tab)).to_have_text("Завершён")
    await late.goto("/clients")
    await expect(status(late)).to_have_text("Завершён")
    await card(late).get_by_role("button", name="Закрыть").click()
    for tab in (page, late):
        await expect(card(tab)).to_have_count(0)
    client, _agent = await lab.talk("101", "89160000001")
    await late.reload()
    await expect(status(late, "Входящий звонок: +7 916 000-00-01")).to_have_text("Разговор")
    await expect(card(late)).to_have_count(0)


async def test_an_unknown_caller_who_was_missed_stays_and_can_be_called_back(lab: Lab, lab_site: Site) -> None:
    page = await looking(lab_site, AGENT)
    label = "Входящий звонок: +7 916 000-00-02"
    client = lab.call_in("101", "89160000002")
    await lab.phone("101").incoming()
    await expect(status(page, label)).to_have_text("Звонит")
    for name in ("Добавить контакт", "Привязать к контакту"):
        await expect(card(page, label).get_by_role("button", name=name)).to_be_visible()
    client.hangup()
    await expect(status(page, label)).to_have_text("Завершён")
    await expect(card(page, label)).to_contain_text("Пропущенный звонок")
    await card(page, label).get_by_role("button", name="Добавить контакт").click()
    dialog = page.get_by_role("dialog", name="Новый контакт")
    await expect(dialog.get_by_role("textbox", name="Номер телефона")).to_have_value(
        re.compile("916 000-00-02|9160000002")
    )
    await dialog.get_by_label("ФИО").fill("Новый Клиент")
    await dialog.get_by_role("button", name="Сохранить").click()
    added = card(page, "Входящий звонок: Новый Клиент")
    await expect(added.get_by_role("button", name="Открыть контакт")).to_be_focused()
    await expect(page).to_have_url(re.compile("/clients$"))  # whatever one does there goes on
    await page.get_by_role("button", name="Перезвонить").click()
    await expect(status(page, "Исходящий звонок: Новый Клиент")).to_have_text("Звоним вам")
    await lab.phone("101").incoming()


async def test_a_call_that_a_colleague_answers_leaves(lab: Lab, lab_site: Site) -> None:
    await lab.know(NAME, CLIENT)
    page, colleague = await looking(lab_site, AGENT), await looking(lab_site, COLLEAGUE)
    client = lab.call_in("ringall", CLIENT)
    await lab.phone("101").incoming()
    offered = await lab.phone("102").incoming()
    for one in (page, colleague):
        await expect(status(one)).to_have_text("Звонит")
    await page.evaluate(
        "new MutationObserver(() => window.said = (window.said ?? '') + document.querySelector('.card')?.innerText)"
        ".observe(document.getElementById('cards'), {childList: true, subtree: true, characterData: true})"
    )
    offered.answer()
    await expect(status(colleague)).to_have_text("Разговор")
    await expect(card(page)).to_have_count(0)
    assert f"Ответил {COLLEAGUE.name}" in await page.evaluate("window.said")
    client.hangup()
    await expect(status(colleague)).to_have_text("Завершён")
    await expect(page.locator(".cards")).to_be_empty()


async def test_a_transferred_call_is_right_on_both_cards_at_each_step(lab: Lab, lab_site: Site) -> None:
    await lab.know(NAME, CLIENT)
    page, colleague = await looking(lab_site, AGENT), await looking(lab_site, COLLEAGUE)
    client, agent = await lab.talk("101", CLIENT)
    await expect(status(page)).to_have_text("Разговор")
    agent.hold()
    await expect(status(page)).to_have_text("Удержание")
    consult = lab.phone("101").dial("102")
    offered = await lab.phone("102").incoming()
    inside = f"Входящий звонок: {AGENT.name}"
    await expect(status(colleague, inside)).to_have_text("Звонит")
    await expect(status(page, f"Исходящий звонок: {COLLEAGUE.name}")).to_have_text("Звоним сотруднику")
    offered.answer()
    await consult.until_hears(offered)
    await offered.until_hears(consult)
    await expect(status(colleague, inside)).to_have_text("Разговор")
    agent.refer_to_call(consult)
    await client.until_hears(offered)
    await expect(status(page)).to_have_text("Переведён")
    await expect(card(page)).to_contain_text(f"Кому: {COLLEAGUE.name}")
    await expect(page.get_by_role("region", name="Исходящий звонок")).to_have_count(0)
    await expect(status(colleague)).to_have_text("Разговор")
    await expect(card(colleague)).to_contain_text(f"Кто перевёл: {AGENT.name}")
    await expect(card(colleague, inside)).to_have_count(0)
    client.hangup()
    for one in (page, colleague):
        await expect(status(one)).to_have_text("Завершён")


async def test_a_call_by_a_click_shows_its_states_and_is_cancelled(lab: Lab, lab_site: Site) -> None:
    await lab.know(NAME, CLIENT)
    page = await looking(lab_site, AGENT)
    label = f"Исходящий звонок: {NAME}"
    button = page.get_by_role("button", name=f"Позвонить: {NAME}")
    await button.click()
    await expect(status(page, label)).to_have_text("Звоним вам")
    await expect(card(page, label)).to_contain_text("Снимите трубку")
    mine = await lab.phone("101").incoming()
    mine.answer()
    far = await lab.trunk.incoming()
    await expect(status(page, label)).to_have_text("Звоним клиенту")
    await expect(card(page, label)).not_to_contain_text("Снимите трубку")
    far.reject(486)
    await expect(status(page, label)).to_have_text("Завершён: занято")
    await card(page, label).get_by_role("button", name="Закрыть").click()
    await mine.until_ended()
    await button.click()
    ringing = await lab.phone("101").incoming()
    await card(page, label).get_by_role("button", name="Отменить вызов").click()
    await expect(status(page, label)).to_have_text("Завершён: отменён")
    await ringing.until_ended()
    await card(page, label).get_by_role("button", name="Закрыть").click()
    await button.click()
    (await lab.phone("101").incoming()).answer()
    await lab.trunk.answered()
    await expect(status(page, label)).to_have_text("Разговор")
    await card(page, label).get_by_role("button", name="Завершить").click()
    await expect(status(page, label)).to_have_text("Завершён")
    await expect(page.get_by_role("region", name="Входящий звонок")).to_have_count(0)


async def test_the_card_outlives_a_restart_of_pbxd_in_mid_call(lab: Lab, lab_site: Site) -> None:
    await lab.know(NAME, CLIENT)
    page = await looking(lab_site, AGENT)
    lab_site.watch.allow(
        "ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET"
    )
    client, agent = await lab.talk("101", CLIENT)
    await expect(status(page)).to_have_text("Разговор")
    assert lab.daemon
    await lab.daemon.kill()
    agent.hold()
    await lab.daemon.start()
    await expect(status(page)).to_have_text("Разговор")  # a snapshot tells no holds
    agent.unhold()
    agent.hold()
    await expect(status(page)).to_have_text("Удержание")
    client.hangup()
    await expect(status(page)).to_have_text("Завершён")


async def test_a_blind_transfer_tells_who_gave_the_call(lab: Lab, lab_site: Site) -> None:
    await lab.know(NAME, CLIENT)
    page, colleague = await looking(lab_site, AGENT), await looking(lab_site, COLLEAGUE)
    client, agent = await lab.talk("101", CLIENT)
    agent.refer("102")
    offered = await lab.phone("102").incoming()
    await expect(status(page)).to_have_text("Переведён")
    await expect(status(colleague)).to_have_text("Звонит")
    await expect(card(colleague)).to_contain_text(f"Кто перевёл: {AGENT.name}")
    late = await looking(lab_site, AGENT)  # a browser that never heard of 101's part in the call
    await expect(status(late)).to_have_text("Переведён")
    client.hangup()
    await offered.until_ended()
    for one in (page, colleague, late):
        await expect(status(one)).to_have_text("Завершён")


async def test_calls_that_are_dialled_by_hand_have_cards_too(lab: Lab, lab_site: Site) -> None:
    await lab.know(NAME, CLIENT)
    page = await looking(lab_site, AGENT)
    label = f"Исходящий звонок: {NAME}"
    call = lab.phone("101").dial(CLIENT)
    far = await lab.trunk.incoming()
    await expect(status(page, label)).to_have_text("Звоним клиенту")
    far.answer()
    await expect(status(page, label)).to_have_text("Разговор")
    call.hangup()
    await expect(status(page, label)).to_have_text("Завершён")
