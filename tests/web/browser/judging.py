"""What every page is judged by: axe-core, its language, its width, its focus; and a look at it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Locator, Page

from tests.web.browser.site import HEIGHTS, NEWCOMER, PEOPLE

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PHONE = {"width": 390, "height": HEIGHTS[390]}
SHOTS = "PBXD_SHOTS"  # the folder that `shot` writes to
# Words that stay as they are in Russian.
FOREIGN = {
    "pbxd",
    "vip",
    "e-mail",
    "mail",
    "api",
    "csv",
    "xlsx",
    "vcf",
    "asterisk",
    "doctor",
    "https",
    "http",
    "url",
    "json",
    "excel",
    "vcard",
}
_TEXTS = """() => {
  const shown = element => element.checkVisibility({visibilityProperty: true}) && !element.closest("[translate=no]");
  const texts = [document.title];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) if (shown(walker.currentNode.parentElement)) texts.push(walker.currentNode.data);
  for (const element of document.body.querySelectorAll("*")) if (shown(element))
    for (const name of ["aria-label", "aria-description", "title", "placeholder", "alt", "aria-roledescription"])
      if (element.hasAttribute(name)) texts.push(element.getAttribute(name));
  return texts.map(text => text.trim()).filter(text => text);
}"""
_SCROLLING = """() => [...document.querySelectorAll("table")].map(table => {
  for (let part = table.parentElement; part; part = part.parentElement)
    if (["auto", "scroll"].includes(getComputedStyle(part).overflowX) && part.clientWidth)
      return part.scrollWidth > part.clientWidth + 1 ? table.getAttribute("aria-label") || table.className : "";
  return "";
}).filter(name => name)"""
_FOCUSED = """element => {
  if (element !== document.activeElement) return "";
  const style = getComputedStyle(element);
  const seen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== "none";
  return seen ? "seen" : "unseen";
}"""


async def audit(page: Page) -> None:
    """Fail on what axe-core calls serious or critical, by WCAG 2.2 AA and good practice."""
    options = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
    answer = await Axe().run(page, options=options)
    found = [rule for rule in answer.response["violations"] if rule["impact"] in {"serious", "critical"}]
    assert not found, f"{page.url}:\n" + "\n".join(_described(rule) for rule in found)


async def no_russian(page: Page, *data: str) -> None:
    """Fail on Russian words of an English page; `data` is what people wrote, beside the names of PEOPLE."""
    await _check_language(page, "en", data, lambda text: bool(re.search("[А-Яа-яЁё]", text)))


async def no_english(page: Page, *data: str) -> None:
    """Fail on English words of a Russian page; `data` is what people wrote."""

    def english(text: str) -> bool:
        words = re.findall("[A-Za-z]+(?:-[A-Za-z]+)*", text)
        return any(len(word) > 2 and word.lower() not in FOREIGN for word in words)

    await _check_language(page, "ru", data, english)


async def fits(page: Page) -> None:
    """Fail if one must scroll sideways to see all of the page, or of a table in it."""
    wide = await page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{page.url} is {wide} px wider than the window"
    tables = await page.evaluate(_SCROLLING)
    assert not tables, f"{page.url} has tables wider than their place: {tables}"


async def tab_to(wanted: Locator, *, most: int = 100) -> None:
    """Press Tab until an element has the focus, and see that it shows."""
    for _ in range(most):
        state = await wanted.evaluate(_FOCUSED)
        if state:
            assert state == "seen", f"the focus on {wanted} can't be seen"
            return
        await wanted.page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {wanted}")


async def shot(page: Page, name: str, folder: Path | None = None) -> None:
    """Write a picture of a page as NAME.png, if there is a folder for it."""
    where = folder or (Path(os.environ[SHOTS]) if os.environ.get(SHOTS) else None)
    if where:
        where.mkdir(parents=True, exist_ok=True)
        # On a phone what the screen shows: its menu lies over the page.
        await page.screenshot(path=where / f"{name}.png", full_page=page.viewport_size != PHONE)


async def _check_language(page: Page, language: str, data: tuple[str, ...], wrong: Any) -> None:  # noqa: ANN401
    said = await page.evaluate("() => document.documentElement.lang")
    assert said == language, f"{page.url} says it is in {said!r}"
    known = sorted([*data, *(person.name for person in (*PEOPLE, NEWCOMER))], key=len, reverse=True)
    found = [text for text in await page.evaluate(_TEXTS) if wrong(_without(text, known))]
    assert not found, f"{page.url} has in another language:\n" + "\n".join(found)


def _without(text: str, known: list[str]) -> str:
    for one in known:
        text = text.replace(one, "")
    return text


def _described(rule: dict[str, Any]) -> str:
    lines = [f"  {rule['impact']}: {rule['id']}: {rule['help']} ({len(rule['nodes'])})"]
    for node in rule["nodes"][:5]:
        lines += [f"    {node['html'][:200]}", *(f"      {line}" for line in node["failureSummary"].splitlines())]
    return "\n".join(lines)
