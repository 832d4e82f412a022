"""A new agent's first day, and the page that says what it took."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.lab import Lab
from tests.web.browser.beside_asterisk import beside_asterisk
from tests.web.browser.stories.first_day import first_day

PAGE = Path(__file__).parents[4] / "docs/pages/first-day.md"
ROW = re.compile(r"^\| ([a-z ]+) \| (\d+) \| (\d+) \| [\d.]+ \|", re.MULTILINE)


@pytest.mark.lab
@pytest.mark.soak
async def test_it_takes_as_many_clicks_and_keys_as_the_page_says(lab: Lab, browser: Browser) -> None:
    async with beside_asterisk(lab, browser, book="long") as site:
        tasks = await first_day(lab, site)
    said = [(name, int(clicks), int(keys)) for name, clicks, keys in ROW.findall(PAGE.read_text("utf-8"))]
    assert [(task.name, task.clicks, task.keys) for task in tasks] == said
