"""docs/api-quick-start.md does what it says, in each of its languages, as printed."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from pbxd.services.webhooks.sender import signed_headers
from pbxd.storage.access.webhooks import Webhook
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
    run = (PROGRAMS["python"], surroundings(office, token), office.settings.folder, text)
    assert "412" not in await output(*run)
    assert "412" in await output(*run), "the contact was changed the first time"
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


SECRET = "whsec_" + b64encode(b"thirty-two bytes that sign, or so").decode()
BODY = '{"kind": "call.ringing", "subject": "Ж"}'
CHECKERS = {
    "python": "import json, os, sys, time\n{}\nprint(is_pbxds(os.environ['SECRET'], json.loads(os.environ['HEADERS']),"
    " os.environ['BODY'].encode()))",
    "php": "<?php\n{}\n$headers = []; foreach (json_decode(getenv('HEADERS'), true) as $name => $value)"
    " $headers['HTTP_' . strtoupper(strtr($name, '-', '_'))] = $value;\n"
    "echo is_pbxds(getenv('SECRET'), $headers, getenv('BODY')) ? 'True' : 'False';",
}


def signed(*secrets: str, body: str = BODY, age: float = 0) -> dict[str, str]:
    """Return the headers that pbxd itself would send."""
    now = datetime.now(UTC) - timedelta(seconds=age)
    first, *former = secrets
    webhook = SimpleNamespace(secrets_at=lambda _now: (first, *former))
    return signed_headers(cast("Webhook", webhook), "here.1", body.encode(), now)


OTHER = "whsec_" + b64encode(b"somebody else's secret, not ours!").decode()


def messages() -> dict[str, tuple[dict[str, str], bool]]:
    """Return headers and whether they are right now."""
    return {
        "right": (signed(SECRET), True),
        "the former secret during a rotation": (signed(OTHER, SECRET), True),
        "another secret": (signed(OTHER), False),
        "another body": (signed(SECRET, body="{}"), False),
        "of another message": (signed(SECRET) | {"webhook-id": "here.2"}, False),
        "old": (signed(SECRET, age=600), False),
        "of the future": (signed(SECRET, age=-600), False),
        "no time": (signed(SECRET) | {"webhook-timestamp": "²"}, False),
        "no signature": (signed(SECRET) | {"webhook-signature": ""}, False),
        "odd signature": (signed(SECRET) | {"webhook-signature": "v1,Ж v1, v2,x"}, False),
        "unsigned": ({}, False),
    }


@pytest.mark.parametrize("language", CHECKERS)
async def test_signatures(language: str, tmp_path: Path) -> None:
    text = CHECKERS[language].format(blocks(language, "7")[0])
    for name, (headers, right) in messages().items():
        environment = {"SECRET": SECRET, "HEADERS": json.dumps(headers), "BODY": BODY, "PATH": os.environ["PATH"]}
        assert await output(PROGRAMS[language], environment, tmp_path, text) == f"{right}" + "\n" * (
            language == "python"
        ), name
