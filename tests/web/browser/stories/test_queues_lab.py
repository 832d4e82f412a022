"""Queues and staff on the real Asterisk: who waits, whom a supervisor serves first, and what phones do meanwhile."""

from __future__ import annotations

import re
from contextlib import AsyncExitStack

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.lab import Lab
from tests.lab.call import Call
from tests.web.browser.beside_asterisk import beside_asterisk
from tests.web.browser.site import AGENT, COLLEAGUE, SUPERVISOR, Person, Site

pytestmark = pytest.mark.lab

QUEUE = "single"  # only the head of the queue is served, so that the phone shows who that is
PLAIN, VIP, LATE = "Первый Пётр", "Важная Вера", "Последний Лев"
NUMBERS = {PLAIN: "89160000001", LATE: "89160000003", VIP: "89160000002"}
MEMBER = {"Queue": QUEUE, "Interface": f"PJSIP/{AGENT.extension}"}
TABLE = f"Очередь {QUEUE}"


async def join(lab: Lab, page: Page) -> list[Call]:
    """Let the clients come one by one; the page shows each without anybody's doing."""
    rows, lines = page.get_by_role("table", name=TABLE).get_by_role("row"), []
    for waits, (name, number) in enumerate(NUMBERS.items(), 1):
        await lab.know(name, number, vip=name == VIP)
        lines.append(lab.call_in(QUEUE, number))
        await expect(rows).to_have_count(waits + 1)
    return lines


def state(page: Page, who: Person = AGENT) -> Locator:
    """What the page says of somebody's phone."""
    return page.get_by_role("row").filter(has_text=who.name).locator("[data-cell]")


async def staff(site: Site, who: Person) -> Page:
    """The staff as this person sees them."""
    page = await site.page(who)
    await page.goto("/staff")
    await expect(state(page, who)).to_have_text("свободен")
    return page


@pytest.mark.parametrize("moved", [True, pytest.param(False, marks=pytest.mark.soak)], ids=["moved", "as they came"])
async def test_a_supervisor_s_button_decides_whose_call_the_phone_gets(
    lab: Lab, browser: Browser, *, moved: bool
) -> None:
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(
            beside_asterisk(lab, browser, config={"users": {"agents_see_calls": "own"}})
        )
        boss, colleague = await staff(site, SUPERVISOR), await staff(site, COLLEAGUE)
        queues = await site.page(SUPERVISOR)
        await queues.goto("/queues")
        lines = await join(lab, queues)
        rows = queues.get_by_role("table", name=TABLE).get_by_role("row")
        await expect(rows).to_contain_text(["Место", re.compile(f"{VIP}.*VIP"), PLAIN, LATE])
        await expect(rows.nth(2)).not_to_contain_text("VIP")
        await expect(rows.nth(2).locator("time")).to_have_text(re.compile(r"0:(0[1-9]|[1-5])"))
        if moved:
            await rows.get_by_role("button", name=f"Переместить в начало: {LATE}").click()
            await expect(rows).to_contain_text(["Место", LATE, VIP, PLAIN])
        await lab.ami_action("QueueAdd", MEMBER)
        stack.push_async_callback(lab.ami_action, "QueueRemove", MEMBER)
        served = LATE if moved else VIP
        offered = await lab.phone("101").incoming()
        assert offered.number == NUMBERS[served]
        await expect(state(boss)).to_have_text(f"звонит: {served}")
        offered.answer()
        await expect(state(boss)).to_have_text(f"разговаривает: {served}")
        await expect(rows).to_have_count(1 + 2)
        assert await state(colleague).inner_text() == ""  # not for an agent who sees their own calls only
        for line in lines:
            line.hangup()
        await expect(state(boss)).to_have_text("свободен")
        await expect(rows).to_have_count(0)
