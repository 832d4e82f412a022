"""Pages in a real browser. README.md shows how to write such a test."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, StorageState, StorageStateCookie

from pbxd.book.employees import Employee
from pbxd.http.session_cookies import PLAIN_NAME
from pbxd.services import users
from pbxd.services.users import INVITATION_PATH, InviteUser
from pbxd.storage.book.employees import Employees
from tests.actors import ADMINISTRATOR
from tests.http.conftest import House, house, serving
from tests.lab import Lab
from tests.web.browser.chromium import chromium
from tests.web.browser.site import AGENT, NEWCOMER, PASSWORD, PEOPLE, Invite, Person, Site
from tests.web.conftest import mount

STAFF = [Employee(person.extension, person.name) for person in (*PEOPLE, NEWCOMER)]


class Furnished(NamedTuple):
    """A book in which PEOPLE are users, and their sessions."""

    book: Path
    states: dict[Person, StorageState]


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The worker's Chromium."""
    async with chromium() as started:
        yield started


@pytest.fixture(scope="session")
async def furnished(browser: Browser, empty_book: Path, tmp_path_factory: pytest.TempPathFactory) -> Furnished:
    """Let PEOPLE sign in once for all tests of the worker: sessions are rows of the book that each test copies.

    One of them does it on the pages; the others' sessions come from the service, which takes no second each.
    """
    folder = tmp_path_factory.mktemp("furnished")
    states: dict[Person, StorageState] = {}
    async with house(folder, empty_book, linked=False) as pbxd:
        await Employees(pbxd.database).upsert(STAFF, source="list")
        invite = inviting(pbxd)
        async with serving(pbxd, mount) as server:
            site = Site(browser, f"http://127.0.0.1:{server.port}", invite, states)
            await site.page(AGENT)
            await site.close()
        for person in PEOPLE:
            if person is not AGENT:
                token = (await invite(person)).removeprefix(INVITATION_PATH)
                states[person] = signed_in((await pbxd.services.sessions.accept(token, PASSWORD, "127.0.0.1")).plain)
    return Furnished(shutil.copyfile(folder / "book.db", folder / "furnished.db"), states)


def signed_in(session: str) -> StorageState:
    """Return what a browser keeps of a session."""
    cookie: StorageStateCookie = {
        "name": PLAIN_NAME, "value": session, "domain": "127.0.0.1", "path": "/", "expires": -1,
        "httpOnly": True, "secure": False, "sameSite": "Lax",
    }  # fmt: skip
    return {"cookies": [cookie], "origins": []}


def inviting(pbxd: House) -> Invite:
    """Return what invites a person with the service."""

    async def invite(who: Person) -> str:
        asked = InviteUser(who=who.extension, role=who.role)
        return (await users.invite(pbxd.services.workspace, ADMINISTRATOR, asked)).path

    return invite


@pytest.fixture
async def pbxd(tmp_path: Path, furnished: Furnished) -> AsyncIterator[House]:
    """Everything behind the pages, in this process: `pbxd.services`, `pbxd.database`, a scripted PBX (`pbxd.pbx`)."""
    async with house(tmp_path, furnished.book) as built:
        yield built


@pytest.fixture
async def site(pbxd: House, browser: Browser, furnished: Furnished) -> AsyncIterator[Site]:
    """The pages of `pbxd`. The test fails if a browser sees an error, or asks another host."""
    async with serving(pbxd, mount) as server:
        made = Site(browser, f"http://127.0.0.1:{server.port}", inviting(pbxd), dict(furnished.states))
        yield made
        await made.close()


@pytest.fixture
async def page(site: Site) -> Page:
    """An agent's browser: Russian, light, 1280 px."""
    return await site.page()


@pytest.fixture
async def phone_page(site: Site) -> Page:
    """An agent's phone: Russian, light, 390 px, touch."""
    return await site.page(size=390)


@pytest.fixture
async def dark_page(site: Site) -> Page:
    """An agent's browser in the dark theme."""
    return await site.page(theme="dark")


@pytest.fixture
async def lab_site(lab: Lab, browser: Browser) -> AsyncIterator[Site]:
    """The pages of a pbxd process beside the real Asterisk, whose phones are PEOPLE's (`lab.phone("101")`)."""
    daemon = await lab.pbxd({"service": {"language": "ru"}})
    await daemon.add_employees(STAFF)

    async def invite(who: Person) -> str:
        _, invited = await daemon.api("/api/v1/users", method="POST", body={"who": who.extension, "role": who.role})
        return str(urlsplit(invited["link"]).path)

    made = Site(browser, daemon.url, invite, {})
    yield made
    await made.close()
