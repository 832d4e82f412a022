"""`make demo KEEP=1`: calls keep coming, and its links open the pages."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from tests.lab import Lab
from tests.lab.demo import letting_in
from tests.lab.entrance import Entrance
from tests.lab.people import PEOPLE
from tests.lab.processes import until
from tests.lab.traffic import Traffic

pytestmark = pytest.mark.lab


async def test_calls_of_every_kind_come_until_they_are_to_stop(lab: Lab) -> None:
    daemon = await lab.pbxd()
    calls = asyncio.create_task(Traffic(lab, ["89161234567", "89035556677"], hurry=20).run())

    async def every_kind() -> bool:
        assert not calls.done(), calls.result()
        return {("incoming", True), ("incoming", False), ("outgoing", True)} <= {
            (call["direction"], bool(call["answered"])) for call in await daemon.calls() if call["ended"]
        }

    await until(every_kind, "calls of every kind", every=0.2)
    calls.cancel()
    await asyncio.wait({calls})
    assert calls.cancelled()


async def test_each_link_opens_the_pages_signed_in_as_one_person(lab: Lab) -> None:
    daemon = await lab.pbxd()
    async with Entrance(daemon.url).open() as entrance:
        links = await letting_in(lab, entrance)
        assert set(links) == set(PEOPLE)
        for person, link in links.items():
            for _time in range(2):
                async with (
                    aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser,
                    browser.get(link) as answer,
                ):
                    assert (answer.status, str(answer.url)) == (200, f"{daemon.url}/clients")
                    assert f"<small>{person.extension}</small>" in await answer.text()
        async with aiohttp.ClientSession() as browser, browser.get(f"{entrance.url}/guessed") as answer:
            assert answer.status == 404
