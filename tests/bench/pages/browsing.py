"""What somebody with a browser waits for: the first page ever, and rows while they type."""

from __future__ import annotations

import random
from statistics import median, quantiles

from playwright.async_api import Page, Request, StorageState, StorageStateCookie

from pbxd.http.session_cookies import PLAIN_NAME
from pbxd.services import contacts as book
from tests.bench.figures import Figure, figure
from tests.bench.options import Options
from tests.bench.pages.filled import CONTACTS
from tests.bench.pages.house import House
from tests.bench.processes import cpu_seconds
from tests.web.browser.chromium import chromium
from tests.web.browser.site import AGENT, Site

_SEARCHES = 100  # in all
_BETWEEN_KEYS_MS = 60
_MILLISECONDS = 1e3
# When the last key went down, and when what was put into the results was painted: after the frame, not before it.
_WATCH = """
window.key_ = 0; window.painted_ = 0;
for (const kind of ["keydown", "beforeinput"])  // Playwright types Cyrillic letters without keys
  document.addEventListener(kind, (event) => (window.key_ = event.timeStamp), true);
new MutationObserver((changes) => {
  if (changes.some((change) => change.target.id === "results"))
    requestAnimationFrame(() => setTimeout(() => (window.painted_ = performance.now())));
}).observe(document, {childList: true, subtree: true});
"""
_SHOWN = "asked => new URLSearchParams(location.search).get('search') === asked && window.painted_ > window.key_"


async def browsing(house: House, options: Options) -> list[Figure]:
    """Load `/clients` in a browser without a past, then search there as one types."""
    async with chromium() as browser:
        site = Site(browser, house.daemon.url, _never, {AGENT: _state(house)})
        sizes = [await _cold(await site.page()) for _load in range(options.rounds)]
        page = await site.page()
        await page.add_init_script(_WATCH)
        await page.goto("/clients")
        texts = await _texts(house)
        await _search(page, texts[0])  # the first of everything is slow
        before = cpu_seconds(house.pid)
        took = [await _search(page, text) for text in texts]
        used = (cpu_seconds(house.pid) - before) / len(texts) * _MILLISECONDS
        await site.close()
    told = f"median {median(took):.0f}, {used:.0f} of the daemon's processor time; {len(took)} searches"
    return [
        figure("first load of /clients, as sent", sizes, "KB", goal=100, reference="bodies of all answers"),
        figure("last key to painted rows, p95", [quantiles(took, n=20)[-1]], "ms", goal=150, reference=told),
    ]


async def _never(_who: object) -> str:
    raise RuntimeError("everybody is signed in")


def _state(house: House) -> StorageState:
    cookie: StorageStateCookie = {
        "name": PLAIN_NAME, "value": house.administrator.session, "domain": "127.0.0.1", "path": "/", "expires": -1,
        "httpOnly": True, "secure": False, "sameSite": "Lax",
    }  # fmt: skip
    return {"cookies": [cookie], "origins": []}


async def _cold(page: Page) -> float:
    """Load the page; return the KB of everything that came, as it came."""
    finished: list[Request] = []
    page.on("requestfinished", lambda request: finished.append(request))  # noqa: PLW0108 - Playwright marks it
    await page.goto("/clients", wait_until="load")
    await page.locator("#results tbody tr").first.wait_for()
    await page.wait_for_timeout(500)  # what modules load, and the stream begins
    sizes = [(await each.sizes())["responseBodySize"] for each in finished]
    await page.context.close()
    return sum(sizes) / 1e3


async def _texts(house: House) -> list[str]:
    """Return what is typed: parts of names, of companies and of numbers that are there."""
    chance, found = random.Random(11), list[str]()
    for _search in range(_SEARCHES):
        card = await book.get(house.workspace, house.administrator.actor, chance.randrange(1, CONTACTS))
        surname, name, _father = card.name.lower().split()
        company = card.company.lower().partition("«")[2]
        found.append(
            chance.choice((surname[:3], surname, f"{surname[:4]} {name}", company[:5], card.numbers[0].number[-4:]))
        )
    return found


async def _search(page: Page, text: str) -> float:
    """Type a text into the empty field; return the milliseconds from its last key until its rows are there to see."""
    field = page.get_by_role("searchbox")
    await field.fill("")
    await page.wait_for_function("() => !new URLSearchParams(location.search).get('search')")
    await field.press_sequentially(text, delay=_BETWEEN_KEYS_MS)
    await page.wait_for_function(_SHOWN, arg=text)
    return float(await page.evaluate("window.painted_ - window.key_"))
