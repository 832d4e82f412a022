"""The programs of docs/examples, beside a pbxd that they know by its address and their token only."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from pbxd.services.events import live_feed
from tests.api.test_events import Reader
from tests.examples.conftest import CLIENT, ROOT, command, contact_of, ring, running, says, surroundings
from tests.http.conftest import House, until
from tests.lab.ports import free_ports
from tests.lab.processes import until as listening

EXAMPLES = ROOT / "docs/examples"
NEW = "+74951234567"
SCOPES = [
    word
    for scope in ("contacts:read", "contacts:write", "calls:read", "calls:make", "events")
    for word in ("--scope", scope)
]


async def webhook(pbxd: House, url: str) -> tuple[str, str]:
    """Make a webhook as an administrator would; return its id and its secret."""
    with (pbxd.settings.folder / "pbxd.toml").open("a", encoding="utf-8") as file:
        file.write('[webhooks]\nallowed_networks = ["127.0.0.0/8"]\n')
    printed = await command(pbxd, "webhooks", "add", url, "--event", "call.ringing")
    number, secret = printed.split()[:2]
    return number, secret


async def listens(port: int) -> bool:
    try:
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def deliver(pbxd: House, number: str) -> list[int]:
    """Send a test, repeat it by the printed curl, then the same with another body; return the answers' statuses."""
    tested = json.loads(await command(pbxd, "webhooks", "test", number, "--json"))
    assert tested["delivered"], tested
    curl = shlex.split(tested["curl"])
    statuses = [tested["status"]]
    place = curl.index("--data-binary") + 1
    for body in (curl[place], curl[place].replace("{", "{ ")):
        made = [*curl[:place], body, *curl[place + 1 :]]
        process = await asyncio.create_subprocess_exec(
            *made, "-s", "-o", "/dev/null", "-w", "%{http_code}", stdout=asyncio.subprocess.PIPE
        )
        out, _none = await process.communicate()
        statuses.append(int(out[-3:]))
    return statuses


@pytest.fixture
def port() -> int:
    [found] = free_ports(1)
    return found


async def test_the_crm(office: House, port: int) -> None:
    token = await command(office, "tokens", "create", "crm", "--as-any", *SCOPES)
    number, secret = await webhook(office, f"http://127.0.0.1:{port}/pbxd")
    environment = surroundings(office, token, EXTENSION="101", SECRET=secret, PORT=str(port))
    program = [sys.executable, "-W", "error", "-u", str(EXAMPLES / "crm.py")]
    async with running(program, environment, office.settings.folder) as crm:
        assert crm.stdin
        await until(lambda: office.live_feed.streams == 1)
        await ring(office)
        assert CLIENT in (line := await says(crm, "rings:"))
        assert "Василий Клиентов" in line

        crm.stdin.write(b"call 89161234567\n")
        assert "'talking', 'ended'" in await says(crm, "call:")

        crm.stdin.write("save 84951234567 Фронкин Игорь\nsave 84951234567 Фронкин И. П.\ncall 112\n".encode())
        assert "emergency" in await says(crm, "failed:")
        saved = await contact_of(office, NEW)
        assert (saved["name"], saved["version"], saved["created_by"]) == ("Фронкин И. П.", 2, "101")

        assert await deliver(office, number) == [204, 204, 401]
        assert "test" in await says(crm, "webhook:")


def test_the_crm_is_short() -> None:
    _empty, _about, code = (EXAMPLES / "crm.py").read_text("utf-8").split('"""', 2)
    assert len([line for line in code.splitlines() if line.strip()]) <= 60


@asynccontextmanager
async def page(pbxd: House, port: int, **more: str) -> AsyncIterator[aiohttp.ClientSession]:
    """PHP's own web server with the page, and a browser's requests."""
    token = await command(pbxd, "tokens", "create", "page", "--as", "101", *SCOPES)
    environment = surroundings(pbxd, token, PHP_CLI_SERVER_WORKERS="4", **more)
    program = ["php", "-S", f"127.0.0.1:{port}", str(EXAMPLES / "page.php")]
    async with (
        running(program, environment, pbxd.settings.folder),
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as browser,
    ):
        await listening(lambda: listens(port), "PHP's server", timeout=20)
        yield browser


async def do(browser: aiohttp.ClientSession, what: str, status: int, **body: str) -> Any:  # noqa: ANN401 - JSON
    async with browser.post("/", params={"do": what}, json=body) as answer:
        text = await answer.text()
        assert answer.status == status, text
        return json.loads(text)


async def test_the_page(office: House, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_feed, "PING_SECONDS", 0.1)  # PHP sees with a ping that the browser has left
    monkeypatch.setattr(live_feed, "BEAT_SECONDS", 0.05)
    async with page(office, port) as browser:
        async with browser.get("/") as answer:
            assert (answer.status, "EventSource" in await answer.text()) == (200, True)
        async with browser.get("/?do=events") as stream:
            await until(lambda: office.live_feed.streams == 1)
            await ring(office)
            caller = (await Reader(stream).event()).data["data"]["caller"]["number"]
        assert caller == CLIENT
        async with browser.get("/", params={"do": "cards", "number": caller}) as answer:
            assert [card["name"] for card in (await answer.json())["items"]] == ["Василий Клиентов"]

        for _click in range(2):
            assert (await do(browser, "call", 202, target="8 916 123-45-67", key="k1"))["id"]
            await do(browser, "save", 201, name="Фронкин Игорь", number="8 495 123-45-67", key="k2")
        assert len([one for session in office.pbx.sessions for one in session.actions if "ChannelId" in one]) == 1
        assert (await contact_of(office, NEW))["created_by"] == "101"
        assert "emergency" in (await do(browser, "call", 403, target="112", key="k3"))["detail"]
        async with browser.post("/?do=call", data={"target": "89161234567"}) as answer:
            assert answer.status == 400, "a form of another site"
        await until(lambda: office.live_feed.streams == 0)


async def test_the_page_receives_webhooks(office: House, port: int, tmp_path: Path) -> None:
    number, secret = await webhook(office, f"http://127.0.0.1:{port}/?do=webhook")
    async with page(office, port, SECRET=secret, HEARD=str(tmp_path / "heard")):
        assert await deliver(office, number) == [204, 204, 401]
    [heard] = (tmp_path / "heard").read_text("utf-8").splitlines()
    assert json.loads(heard.partition(" ")[2])["kind"] == "test"
