"""What the pages show in tests and pictures: nothing, names that hardly fit among ordinary ones, texts that
want to be markup, 100,000 contacts.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Literal, NamedTuple

from playwright.async_api import StorageState, StorageStateCookie
from sqlalchemy import create_engine, event

from pbxd.book.employees import Employee
from pbxd.http.session_cookies import PLAIN_NAME
from pbxd.services.access import users
from pbxd.services.access.users import INVITATION_PATH, InviteUser
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.book.employees import Employees
from pbxd.storage.calls.calls import Calls
from pbxd.storage.engine import schema
from pbxd.storage.engine.database import Database
from pbxd.storage.search import fulltext
from tests.actors import ADMINISTRATOR, agent
from tests.bench import past
from tests.http.conftest import House, house
from tests.lab.people import AGENT, NEWCOMER, PEOPLE, Person
from tests.web.browser.contents import Content, hostile, long_names
from tests.web.browser.site import PASSWORD, Invite

BookName = Literal["empty", "long", "hostile", "full"]
STAFF = [Employee(person.extension, person.name) for person in (*PEOPLE, NEWCOMER)]
FULL_CALLS = 20_000
CONTENTS: Mapping[str, Callable[[], Content]] = {"long": long_names, "hostile": hostile}


class Furnished(NamedTuple):
    """A book in which PEOPLE are users, and their sessions."""

    file: Path
    states: Mapping[Person, StorageState]


async def furnish(name: BookName, folder: Path) -> Furnished:
    """Make a book with this content in `folder`, and let PEOPLE in: sessions are rows, which copies of it have too."""
    source = folder / "source.db"
    if name == "full":
        shutil.copyfile(await past.kept_history(FULL_CALLS), source)
        _make_searchable(source)
    else:
        await schema.upgrade(f"sqlite+aiosqlite:///{source}")
    states: dict[Person, StorageState] = {}
    async with house(folder, source, linked=False) as pbxd:
        await Employees(pbxd.database).upsert(STAFF, source="list")
        if name in CONTENTS:
            await fill(pbxd.database, CONTENTS[name]())
        invite = inviting(pbxd)
        for person in PEOPLE:
            token = (await invite(person)).removeprefix(INVITATION_PATH)
            states[person] = _signed_in((await pbxd.services.sessions.accept(token, PASSWORD, "127.0.0.1")).plain)
    return Furnished(_copied(folder / "book.db", folder / f"{name}.db"), states)


def _copied(book: Path, copy: Path) -> Path:
    """Copy a book with what is still in its write-ahead log: a copied file alone may lack the last sessions."""
    with closing(sqlite3.connect(book)) as here, closing(sqlite3.connect(copy)) as there:
        here.backup(there)
    return copy


def inviting(pbxd: House) -> Invite:
    """Return what invites a person with the service."""

    async def invite(who: Person) -> str:
        asked = InviteUser(who=who.extension, role=who.role)
        return (await users.invite(pbxd.services.workspace, ADMINISTRATOR, asked)).path

    return invite


def _make_searchable(file: Path) -> None:
    """Index the contacts of a book that was made for measures of calls."""
    engine = create_engine(f"sqlite:///{file}")
    event.listen(engine, "connect", lambda connection, _record: fulltext.lend_tokens(connection))
    with engine.begin() as connection:
        fulltext.fill(connection)
    engine.dispose()


async def fill(database: Database, content: Content) -> None:
    """Put what a book holds beside PEOPLE into a database that has them."""
    await Employees(database).upsert(content.employees, source="list")
    contacts = Contacts(database)
    for draft in content.contacts:
        actor = agent(draft.owner) if draft.owner else ADMINISTRATOR
        added = await contacts.add(draft, actor=actor)
        if draft.vip:
            await contacts.set_favourite(added.id, actor=agent(AGENT.extension), favourite=True)
    await Calls(database).upsert(content.calls)


def _signed_in(session: str) -> StorageState:
    """Return what a browser keeps of a session."""
    cookie: StorageStateCookie = {
        "name": PLAIN_NAME, "value": session, "domain": "127.0.0.1", "path": "/", "expires": -1,
        "httpOnly": True, "secure": False, "sameSite": "Lax",
    }  # fmt: skip
    return {"cookies": [cookie], "origins": []}
