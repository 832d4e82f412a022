"""From the ring to the card: DialBegin as a bare AMI client hears it, until the browser's frame that shows the card."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import quantiles
from urllib.parse import urlsplit

from playwright.async_api import Page

from pbxd.book.employees import Employee
from tests.bench.figures import Figure, figure
from tests.bench.options import Options
from tests.bench.pbx import bench_lab
from tests.lab.ami import AmiSession
from tests.lab.daemon import Daemon
from tests.lab.lab import Lab
from tests.lab.processes import until
from tests.web.browser.chromium import chromium
from tests.web.browser.site import AGENT, Person, Site

_CALLS_A_ROUND = 40
_MILLISECONDS = 1e3
_WATCH = """
window.frames_ = [];
document.addEventListener("pbxd:connected", () => (document.body.dataset.heard = "1"));
new MutationObserver((changes) => {
  for (const change of changes) for (const node of change.addedNodes)
    if (node instanceof Element && node.matches(".card"))
      requestAnimationFrame(() => window.frames_.push(performance.timeOrigin + performance.now()));
}).observe(document, {childList: true, subtree: true});
"""


async def measure(options: Options) -> AsyncIterator[Figure]:
    """One call after another rings at the phone of somebody who looks at the clients."""
    rounds: list[float] = []
    everything: list[float] = []
    async with bench_lab() as lab:
        daemon = await lab.pbxd({"service": {"language": "ru"}})
        await daemon.add_employees([Employee(AGENT.extension, AGENT.name)])
        await lab.know("Фронкин Игорь", "89161234567", company="ООО «Ромашка»", vip=True)
        async with chromium() as browser, _bare_client(lab) as ami:
            site = Site(browser, daemon.url, lambda who: _invited(daemon, who), {})
            page = await site.page()
            await page.add_init_script(_WATCH)
            await page.goto("/clients")
            await page.locator("body[data-heard]").wait_for()
            await _one_call(lab, ami, page)  # the first of everything is slow
            for _round in range(options.rounds):
                took = [await _one_call(lab, ami, page) * _MILLISECONDS for _call in range(_CALLS_A_ROUND)]
                rounds.append(_p95(took))
                everything += took
            await site.close()
    name = "DialBegin at a bare AMI client to the card's frame"
    yield figure(
        f"{name}, p95", rounds, "ms", goal=200, reference=f"p95 of all {len(everything)}: {_p95(everything):.0f}"
    )
    yield figure(f"{name}, median", everything, "ms")


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


async def _one_call(lab: Lab, ami: AmiSession, page: Page) -> float:
    """Return seconds from DialBegin to the frame."""
    before = await page.evaluate("window.frames_.length")
    rang = asyncio.create_task(_rings(ami, len(ami.packets)))
    client = lab.call_in(AGENT.extension, "89161234567")
    began = await rang
    await page.wait_for_function("count => window.frames_.length > count", arg=before)
    seen = float(await page.evaluate("window.frames_.at(-1)")) / _MILLISECONDS
    client.hangup()
    await page.locator(".card[data-state=ended] [data-close-card]").click()
    await until(lambda: client.state == "ended", "the end of the call")
    return seen - began


async def _rings(ami: AmiSession, since: int) -> float:
    await ami.expect(lambda packet: packet.get("Event") == "DialBegin", "the ring", since=since)
    return time.time()
