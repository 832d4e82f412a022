"""From the ring to the card: DialBegin as a bare AMI client hears it, until the browser's frame that shows the card.

Where another tab is in front there is no frame: until the page makes the notification.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from statistics import quantiles
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import StorageState

from pbxd.book.employees import Employee
from tests.bench.figures import Figure, figure
from tests.bench.hidden_tab import HiddenTab, chromium_socket
from tests.bench.options import Options
from tests.bench.pbx import bench_lab
from tests.lab.ami import AmiSession
from tests.lab.daemon import Daemon
from tests.lab.lab import Lab
from tests.lab.processes import PATIENCE, LabError, until
from tests.web.browser.chromium import chromium
from tests.web.browser.site import AGENT, Person, Site, States

Evaluate = Callable[[str], Awaitable[Any]]  # JavaScript in the page; a promise is awaited

_CALLS_A_ROUND = 40
_MILLISECONDS = 1e3
_PAGE = "/clients"
# `seen_` has for each call when it was first seen (ms of the epoch), and whether the page was visible then.
_SEE = """
window.seen_ = [];
window.connected_ = new Promise((done) => document.addEventListener("pbxd:connected", done, {once: true}));
const see = (call) => {
  if (seen_.some((each) => each.call === call)) return;
  seen_.push({call, at: performance.timeOrigin + performance.now(), visibility: document.visibilityState});
  dispatchEvent(new Event("seen_"));
};
"""
_SEE_FRAMES = """
new MutationObserver((changes) => {
  for (const change of changes) for (const node of change.addedNodes)
    if (node instanceof Element && node.matches(".card")) requestAnimationFrame(() => see(node.dataset.call));
}).observe(document, {childList: true, subtree: true});
"""
_SEE_NOTIFICATIONS = """
window.Notification = class extends Notification {
  constructor(text, options) {
    see(options.tag);
    super(text, options);
  }
};
"""
_NEXT = """new Promise((done) => {
  const look = () => seen_.length > %d ? done(seen_.at(-1)) : addEventListener("seen_", look, {once: true});
  look();
})"""
_CLOSE = """(() => {
  const button = document.querySelector(".card[data-state=ended] [data-close-card]");
  button?.click();
  return button !== null;
})()"""


async def measure(options: Options) -> AsyncIterator[Figure]:
    """One call after another rings at the phone of somebody who looks at the clients, then at another tab."""
    states: dict[Person, StorageState] = {}
    async with bench_lab() as lab:
        daemon = await lab.pbxd({"service": {"language": "ru"}})
        await daemon.add_employees([Employee(AGENT.extension, AGENT.name)])
        await lab.know("Фронкин Игорь", "89161234567", company="ООО «Ромашка»", vip=True)
        async with _visible_page(daemon, states) as evaluate:
            visible = await _rounds(lab, evaluate, options.rounds, "visible")
        async with _hidden_page(lab, daemon, states) as evaluate:
            hidden = await _rounds(lab, evaluate, options.rounds, "hidden")
    for each in _figures("DialBegin at a bare AMI client to the card's frame", visible):
        yield each
    for each in _figures("DialBegin at a bare AMI client to the notification of a hidden tab", hidden):
        yield each


def _figures(name: str, rounds: list[list[float]]) -> list[Figure]:
    everything = [took for each in rounds for took in each]
    reference = f"p95 of all {len(everything)}: {_p95(everything):.0f}"
    return [
        figure(f"{name}, p95", [_p95(each) for each in rounds], "ms", goal=200, reference=reference),
        figure(f"{name}, median", everything, "ms"),
    ]


def _p95(values: list[float]) -> float:
    return quantiles(values, n=20)[-1]


@asynccontextmanager
async def _bare_client(lab: Lab) -> AsyncIterator[AmiSession]:
    session = await AmiSession.open(lab.asterisk.ami_port, lab.asterisk.admin.name, lab.asterisk.admin.secret)
    try:
        yield session
    finally:
        await session.close()


async def _invited(daemon: Daemon, who: Person) -> str:
    _, invited = await daemon.api("/api/v1/users", method="POST", body={"who": who.extension, "role": who.role})
    return str(urlsplit(invited["link"]).path)


@asynccontextmanager
async def _visible_page(daemon: Daemon, states: States) -> AsyncIterator[Evaluate]:
    async with chromium() as browser:
        site = Site(browser, daemon.url, lambda who: _invited(daemon, who), states)
        page = await site.page()
        await page.add_init_script(f"{{{_SEE}{_SEE_FRAMES}}}")
        await page.goto(_PAGE)
        yield page.evaluate
        await site.close()


@asynccontextmanager
async def _hidden_page(lab: Lab, daemon: Daemon, states: States) -> AsyncIterator[Evaluate]:
    """Open the page with the session that the visible page had, then another tab in front of it."""
    cookies = {each["name"]: each["value"] for each in states[AGENT]["cookies"]}
    script = f"{{{_SEE}{_SEE_NOTIFICATIONS}}}"
    async with chromium_socket(lab.folder) as socket:
        tab = await HiddenTab.open(socket, daemon.url + _PAGE, cookies=cookies, script=script)
        await tab.hide()
        yield tab.evaluate


async def _rounds(lab: Lab, evaluate: Evaluate, rounds: int, visibility: str) -> list[list[float]]:
    """Return milliseconds from DialBegin until the call was seen, of each call of each round."""
    async with _bare_client(lab) as ami:
        async with asyncio.timeout(PATIENCE):
            await evaluate("connected_.then(() => true)")

        async def one_call() -> float:
            return await _one_call(lab, ami, evaluate, visibility) * _MILLISECONDS

        await one_call()  # the first of everything is slow
        return [[await one_call() for _call in range(_CALLS_A_ROUND)] for _round in range(rounds)]


async def _one_call(lab: Lab, ami: AmiSession, evaluate: Evaluate, visibility: str) -> float:
    """Return seconds from DialBegin until the call was seen. LabError unless the page was as `visibility` says."""
    before = await evaluate("seen_.length")
    rang = asyncio.create_task(_rings(ami, len(ami.packets)))
    client = lab.call_in(AGENT.extension, "89161234567")
    began = await rang
    async with asyncio.timeout(PATIENCE):
        seen = await evaluate(_NEXT % before)
    if seen["visibility"] != visibility:
        raise LabError(f"the page was {seen['visibility']} and not {visibility}")
    client.hangup()
    await until(lambda: evaluate(_CLOSE), "the end of the card")
    await until(lambda: client.state == "ended", "the end of the call")
    return float(seen["at"]) / _MILLISECONDS - began


async def _rings(ami: AmiSession, since: int) -> float:
    await ami.expect(lambda packet: packet.get("Event") == "DialBegin", "the ring", since=since)
    return time.time()
