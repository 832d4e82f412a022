"""A new agent's first tasks on a real Asterisk, with clicks, keys and seconds.

`python -m tests.web.browser.stories.first_day --folder FOLDER` prints them, and keeps a picture of each step.

The hand uses only what the screen shows: a text, or a control's name. `docs/pages/first-day.md` has the results.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from playwright.async_api import Browser, Locator, Page, expect

from tests.lab import Lab
from tests.lab.call import Call
from tests.web.browser.beside_asterisk import beside_asterisk
from tests.web.browser.chromium import chromium
from tests.web.browser.judging import shot
from tests.web.browser.site import COLLEAGUE, NEWCOMER, PASSWORD, Site
from tools.messages import compile_catalogues

CHECKOUT = Path(__file__).parents[4]
CLIENT, DIALLED = "Фронкин Игорь", "9035556671"
STRANGER, SHOWN = "89167778899", "+7 916 777-88-99"


@dataclass
class Task:
    """One task of the day, and what it took."""

    name: str
    clicks: int = 0
    keys: int = 0
    seconds: float = 0.0


class Hand:
    """Somebody at the screen: it clicks what is seen, types, and takes a picture of each step."""

    def __init__(self, page: Page, folder: Path | None) -> None:
        self.page = page
        self.tasks: list[Task] = []
        self._folder = folder
        self._steps = 0

    @asynccontextmanager
    async def task(self, name: str) -> AsyncIterator[None]:
        """Count what is done within. Seconds are the machine's: nobody thinks, or moves a hand."""
        self.tasks.append(Task(name))
        await self.look()
        began = time.monotonic()
        yield
        self.tasks[-1].seconds += time.monotonic() - began
        await self.look()

    async def click(self, wanted: Locator) -> None:
        """Click something that is seen without scrolling."""
        await expect(wanted).to_be_in_viewport()
        self.tasks[-1].clicks += 1
        await wanted.click()

    async def type(self, text: str) -> None:
        """Type into what has the focus."""
        focused = self.page.locator("input:focus, textarea:focus")
        await expect(focused).to_be_visible()
        self.tasks[-1].keys += len(text)
        await self.page.keyboard.type(text)

    async def press(self, key: str) -> None:
        self.tasks[-1].keys += 1
        await self.page.keyboard.press(key)

    async def look(self) -> None:
        """Take a picture, outside the measured time."""
        if self._folder is None:
            return
        began = time.monotonic()
        self._steps += 1
        await shot(self.page, f"{self._steps:02}", self._folder)
        self.tasks[-1].seconds -= time.monotonic() - began


async def first_day(lab: Lab, site: Site, folder: Path | None = None) -> list[Task]:
    """Go from the invitation link to a shared contact; return what each task took."""
    phone = lab.phone(NEWCOMER.extension)
    await phone.register()
    page = await site.page(None)
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site.url)
    hand = Hand(page, folder)
    await page.goto(await site.invite(NEWCOMER))
    async with hand.task("set the password"):
        await _enter(hand)
    async with hand.task("find a client"):
        await _find(hand)
    async with hand.task("call the client"):
        mine, far = await _call(hand, lab)
    far.hangup()
    await mine.until_ended()
    await expect(page.get_by_role("region").get_by_role("status")).to_have_text("Завершён")
    await hand.look()
    await hand.click(page.get_by_role("button", name="Закрыть"))
    line = lab.call_in(NEWCOMER.extension, STRANGER)
    offered = await phone.incoming()
    offered.answer()
    async with hand.task("add an unknown caller"):
        await _add_the_caller(hand)
    line.hangup()
    await offered.until_ended()
    async with hand.task("share a contact"):
        link = await _share(hand)
    other = await site.page(COLLEAGUE)
    await other.goto(link)
    await expect(other.get_by_role("heading", level=1)).to_have_text("Сидорова Ольга")
    return hand.tasks


async def _enter(hand: Hand) -> None:
    await hand.type(PASSWORD)
    await hand.press("Tab")
    await hand.type(PASSWORD)
    await hand.look()
    await hand.click(hand.page.get_by_role("button", name="Сохранить и войти"))
    await expect(hand.page.get_by_role("heading", name="Клиенты")).to_be_visible()


async def _find(hand: Hand) -> None:
    await hand.click(hand.page.get_by_placeholder("Имя, компания или номер"))
    await hand.type("фрон")
    await expect(hand.page.get_by_text("Всего: 1")).to_be_visible()


async def _call(hand: Hand, lab: Lab) -> tuple[Call, Call]:
    await hand.click(hand.page.get_by_role("button", name=f"Позвонить: {CLIENT}"))
    mine = await lab.phone(NEWCOMER.extension).incoming()
    card = hand.page.get_by_role("region", name=f"Исходящий звонок: {CLIENT}").get_by_role("status")
    await expect(card).to_have_text("Звоним вам")
    await hand.look()
    mine.answer()
    far = await lab.trunk.answered()
    assert far.dialled.endswith(DIALLED)
    await expect(card).to_have_text("Разговор")
    return mine, far


async def _add_the_caller(hand: Hand) -> None:
    card = hand.page.get_by_role("region", name=f"Входящий звонок: {SHOWN}")
    await expect(card.get_by_role("status")).to_have_text("Разговор")
    await hand.look()
    await hand.click(card.get_by_role("button", name="Добавить контакт"))
    await expect(hand.page.get_by_role("dialog", name="Новый контакт")).to_be_visible()
    await hand.look()
    await hand.type("Сидорова Ольга")
    await hand.press("Enter")
    await expect(hand.page.get_by_role("region", name="Входящий звонок: Сидорова Ольга")).to_be_visible()


async def _share(hand: Hand) -> str:
    await hand.click(hand.page.get_by_role("button", name="Открыть контакт"))
    await expect(hand.page.get_by_role("heading", level=1)).to_have_text("Сидорова Ольга")
    await hand.look()
    await hand.click(hand.page.get_by_role("button", name="Поделиться"))
    await hand.look()
    await hand.click(hand.page.get_by_role("menuitem", name="Скопировать ссылку"))
    await expect(hand.page.get_by_text("Ссылка скопирована")).to_be_visible()
    return str(await hand.page.evaluate("navigator.clipboard.readText()"))


async def _measure(browser: Browser, folder: Path | None) -> None:
    async with Lab() as lab, beside_asterisk(lab, browser, book="long") as site:
        for task in await first_day(lab, site, folder):
            print(f"| {task.name} | {task.clicks} | {task.keys} | {task.seconds:.1f} |")


async def _main(folder: Path | None) -> None:
    async with chromium() as browser:
        await _measure(browser, folder)


def main() -> None:
    """Read the command line and go through the day."""
    parser = argparse.ArgumentParser(prog="first_day", description=__doc__)
    parser.add_argument("--folder", type=Path, help="where a picture of each step goes")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    compile_catalogues(CHECKOUT)
    asyncio.run(_main(arguments.folder))


if __name__ == "__main__":
    main()
