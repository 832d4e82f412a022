"""One page in a hidden tab of Debian's Chromium, driven by the DevTools protocol.

Playwright emulates focus on every page, so `document.visibilityState` stays "visible" there. Here another tab of
the same window is in front, and Chromium throttles the hidden page as it does for everybody.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import aiohttp

from tests.lab.processes import Child, LabError, until
from tests.web.browser.chromium import ALONE, FULL, RUSSIAN

_FLAGS = ("--headless=new", "--no-first-run", "--remote-debugging-port=0", ALONE)


class HiddenTab:
    """A tab and its DevTools connection. One call at a time; the protocol's events are ignored."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._session = ""

    @classmethod
    async def open(
        cls, socket: aiohttp.ClientWebSocketResponse, url: str, *, cookies: Mapping[str, str], script: str
    ) -> Self:
        """Open `url` in front, with `cookies` and notifications allowed; `script` runs before the page's own."""
        tab = cls(socket)
        await tab._call("Browser.grantPermissions", permissions=["notifications"], origin=url)
        target = (await tab._call("Target.createTarget", url="about:blank"))["targetId"]
        tab._session = (await tab._call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        for name, value in cookies.items():
            await tab._call("Network.setCookie", name=name, value=value, url=url)
        await tab._call("Page.enable")
        await tab._call("Page.addScriptToEvaluateOnNewDocument", source=script)
        await tab._call("Page.navigate", url=url)
        return tab

    async def hide(self) -> None:
        """Open another tab in front of this one. Raise LabError unless the page then says that it is hidden."""
        front = await self._call("Target.createTarget", url="about:blank")
        await self._call("Target.activateTarget", targetId=front["targetId"])
        await until(lambda: self.evaluate("document.visibilityState === 'hidden'"), "the page to be hidden")

    async def evaluate(self, expression: str) -> Any:  # noqa: ANN401 - whatever the page says
        """Return the value of an expression in the page; a promise is awaited."""
        answer = await self._call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise LabError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    async def _call(self, method: str, **parameters: object) -> dict[str, Any]:
        number = next(self._numbers)
        call: dict[str, object] = {"id": number, "method": method, "params": parameters}
        if self._session and not method.startswith(("Browser.", "Target.")):
            call["sessionId"] = self._session
        await self._socket.send_json(call)
        while (message := await self._socket.receive_json()).get("id") != number:
            pass
        if "error" in message:
            raise LabError(f"{method}: {message['error']}")
        result: dict[str, Any] = message["result"]
        return result


@asynccontextmanager
async def chromium_socket(folder: Path) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """Start a Chromium whose profile and log are in `folder`; yield its DevTools connection. It ends with the block."""
    profile = folder / "chromium"
    flags = [*_FLAGS, f"--user-data-dir={profile}"]
    if os.geteuid() == 0:
        flags.append("--no-sandbox")  # the sandbox refuses root
    child = await Child.start([FULL, *flags], log=folder / "chromium.log", env={**os.environ, **RUSSIAN})
    try:
        where = profile / "DevToolsActivePort"  # port and path, a line each
        await until(lambda: where.exists() and where.read_text("utf-8").count("\n"), "Chromium's DevTools port")
        port, path = where.read_text("utf-8").split()
        async with aiohttp.ClientSession() as http, http.ws_connect(f"ws://127.0.0.1:{port}{path}") as socket:
            yield socket
    finally:
        await child.stop()
