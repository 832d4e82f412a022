"""docs/api-quick-start.md does what it says, in each of its languages, as printed."""

from __future__ import annotations

import re
import shlex
import sys

import pytest

from tests.examples.conftest import CLIENT, ROOT, command, contact_of, output, ring, running, says, surroundings
from tests.http.conftest import House, until

PAGE = (ROOT / "docs/api-quick-start.md").read_text("utf-8")
STEPS = dict(re.findall(r"(?ms)^## (\d)\. [^\n]*\n(.*?)(?=^## |\Z)", PAGE))
PROGRAMS = {"sh": ["sh", "-eu", "-s"], "python": [sys.executable, "-W", "error", "-u", "-"], "php": ["php"]}
FOREVER = "6"  # the step that never ends


def blocks(language: str, step: str) -> list[str]:
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", STEPS[step], re.DOTALL)
    return found


def program(language: str, *steps: str) -> str:
    """Return the page's program in one piece."""
    parts = [block for step in steps for block in blocks(language, step) if not block.startswith("pbxd ")]
    assert len(parts) == len(steps)
    return "\n".join(parts)


async def token_as_printed(pbxd: House) -> str:
    [line] = [block for block in blocks("sh", "1") if block.startswith("pbxd tokens create")]
    return await command(pbxd, *shlex.split(line)[1:])


@pytest.mark.parametrize(
    ("language", "number", "fields"),
    [
        ("sh", "89161234567", {"name": "Фронкин Игорь", "vip": True}),
        ("python", "84951234567 доб. 12", {"name": "Иванова Анна", "position": "директор"}),
        ("php", "89161234568", {"name": "Петров Пётр", "tags": ["опт"]}),
    ],
)
async def test_each_step(office: House, language: str, number: str, fields: dict[str, object]) -> None:
    token = await token_as_printed(office)
    steps = [step for step in sorted(STEPS) if blocks(language, step) and step < FOREVER]
    assert steps == ["1", "2", "3", "4", "5"]
    text = program(language, *steps)
    printed = await output(PROGRAMS[language], surroundings(office, token), office.settings.folder, text)
    assert "Василий Клиентов" in printed, "looked up"
    assert "talking" in printed
    assert "ended" in printed
    assert "error" not in printed.lower(), printed
    if language == "sh":
        await _rename_the_other(office)
    saved = await contact_of(office, number)
    assert saved == saved | fields | {"company": "Ромашка", "version": 2}
    other = await contact_of(office, "89161234569")
    assert other["external"] == {"mycrm": "4711"}
    assert printed.count("Сидорова Ольга") >= 1, "what has changed is listed"


async def _rename_the_other(pbxd: House) -> None:
    """Take the first contact away, which has the number that curl's contact has too."""
    async with pbxd.local.delete("/api/v1/contacts/1") as answer:
        assert answer.status == 204


async def test_a_repeated_step_rings_nobody_again_and_adds_nobody_again(office: House) -> None:
    token = await token_as_printed(office)
    text = program("python", "1", "3", "4")
    for _time in range(2):
        printed = await output(PROGRAMS["python"], surroundings(office, token), office.settings.folder, text)
    assert "412" in printed, "the contact was changed the first time"
    assert len([one for session in office.pbx.sessions for one in session.actions if "ChannelId" in one]) == 1


@pytest.mark.parametrize("language", PROGRAMS)
async def test_events(office: House, language: str) -> None:
    token = await token_as_printed(office)
    steps = [FOREVER] if language == "sh" else ["1", FOREVER]
    text = program(language, *steps)
    async with running(PROGRAMS[language], surroundings(office, token), office.settings.folder, text) as process:
        await until(lambda: office.live_feed.streams == 1)
        await ring(office)
        assert "101" in await says(process, CLIENT)
