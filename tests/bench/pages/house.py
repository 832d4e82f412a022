"""A company of 100,000 clients and 1,000,000 calls with its users signed in: a daemon that serves its pages."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import update

from pbxd.actor import Actor
from pbxd.book.employees import Employee
from pbxd.http.session_cookies import PLAIN_NAME
from pbxd.numbers import rules_from
from pbxd.roles import Role, scopes_of
from pbxd.services import contacts as book
from pbxd.services.access.passwords import Passwords
from pbxd.services.access.sessions import UserSessions
from pbxd.services.access.users import User
from pbxd.services.contact_edits import EditContact
from pbxd.services.workspace import Workspace
from pbxd.settings import Settings
from pbxd.storage.access.sessions import Sessions
from pbxd.storage.access.tokens import digest
from pbxd.storage.access.users import Users
from pbxd.storage.book.employees import Employees
from pbxd.storage.engine.database import Database
from pbxd.storage.tables import extension_ownership
from tests.bench.pages.filled import kept_house
from tests.lab.daemon import Daemon
from tests.lab.ports import HOST, free_ports
from tests.lab.processes import LabError

EDITED = 2  # the contact that was changed most
_STAFF = 260  # employees, the first of whom call and manage
_EDITS = 30
_FAVOURITES = 30
_DEPARTMENTS = ("Продажи", "Склад", "Бухгалтерия", "Поддержка", "Закупки", "Доставка")
_START_SECONDS = 120


@dataclass(frozen=True)
class SignedIn:
    """Somebody who is signed in."""

    user: User
    session: str  # the cookie

    @property
    def actor(self) -> Actor:
        """Whom the session acts as."""
        user = self.user
        return Actor.signed_in(user.id, user.login, user.role, scopes_of(user.role), user.extension, user.employee)

    @property
    def cookie(self) -> str:
        """The header of a request."""
        return f"{PLAIN_NAME}={self.session}"


@dataclass(frozen=True)
class House:
    """The daemon, and the same database for questions asked here."""

    daemon: Daemon
    workspace: Workspace
    sessions: UserSessions
    administrator: SignedIn  # the employee 101
    agents: Sequence[SignedIn]

    @property
    def port(self) -> int:
        """Where the pages are."""
        return self._port("http")

    @property
    def agi(self) -> int:
        """Where the dialplan asks."""
        return self._port("agi")

    @property
    def pid(self) -> int:
        """The daemon's process."""
        if self.daemon.child is None:
            raise RuntimeError("the daemon is not running")
        return self.daemon.child.pid

    def _port(self, section: str) -> int:
        return int(str(self.daemon.config[section]["listen"]).rpartition(":")[2])


@asynccontextmanager
async def house() -> AsyncIterator[House]:
    """Start a daemon without a PBX: what its phones do is in memory, and costs a page no question."""
    agi, http, nobody = free_ports(3)
    with tempfile.TemporaryDirectory(prefix="pbxd-bench-") as name:
        daemon = Daemon(
            Path(name),
            {
                "asterisk": {"port": nobody, "username": "pbxd", "secret": "x"},
                "agi": {"listen": f"{HOST}:{agi}"},
                "http": {"listen": f"{HOST}:{http}"},
                "database": {"url": "sqlite+aiosqlite:///pbxd.db"},
                "service": {"runtime_folder": ".", "language": "ru"},
            },
        )
        file = daemon.folder / "pbxd.db"
        shutil.copyfile(await kept_house(), file)
        async with await Database.open(f"sqlite+aiosqlite:///{file}", create=False) as database:
            workspace, settings = Workspace(database, rules_from(Settings())), Settings()
            administrator, *agents = await _people(workspace)
            await daemon.start(timeout=_START_SECONDS)
            try:
                sessions = UserSessions(database, lambda: settings.users)
                yield House(daemon, workspace, sessions, administrator, agents)
            finally:
                await daemon.stop()


async def _people(workspace: Workspace) -> list[SignedIn]:
    """Name the employees, let them in, and let the first of them edit a contact and mark favourites."""
    database = workspace.database
    staff = [
        Employee(str(101 + place), f"Сотрудник {place} Иванович", department=_DEPARTMENTS[place % len(_DEPARTMENTS)])
        for place in range(_STAFF)
    ]
    await Employees(database).upsert(staff, source="list")
    async with database.writing() as connection:  # they have had their extensions since before the first call
        await connection.execute(update(extension_ownership).values(since=datetime(2020, 1, 1, tzinfo=UTC)))
    hashed = await Passwords().hash("корова 7 лошадь")
    found = [
        await _let_in(database, each.extension, "agent" if place else "administrator", hashed)
        for place, each in enumerate(staff)
    ]
    for place in range(_FAVOURITES):
        await book.set_favourite(workspace, found[0].actor, place * 97 + 1, favourite=True)
    for place in range(_EDITS):
        values = {"comment": f"Правка {place}", "position": f"директор {place}"}
        await book.edit(workspace, found[place].actor, EditContact(contact_id=EDITED, values=values))
    return found


async def _let_in(database: Database, extension: str, role: Role, hashed: str) -> SignedIn:
    now, people, session = datetime.now(UTC), Users(database), secrets.token_urlsafe(32)
    await people.invite(extension, role, digest(extension), now + timedelta(days=1), by_email=False)
    user = await people.accept(digest(extension), hashed, now)
    if user is None or not await Sessions(database).begin(user.id, hashed, digest(session), "127.0.0.1"):
        raise LabError(f"{extension} was not let in")
    return SignedIn(user, session)
