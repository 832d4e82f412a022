"""The HTTP server with real parts behind it: database, directory, click-to-call over AMI to a scripted PBX."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from argon2 import PasswordHasher

from pbxd import api
from pbxd.actor import DAEMON, Actor
from pbxd.asterisk.ami.client import AmiClient
from pbxd.asterisk.ami.packets import Packet
from pbxd.asterisk.pbx import AsteriskPbx
from pbxd.calls.presence import Presence
from pbxd.errors import ReplacedError
from pbxd.faults import Faults
from pbxd.http.context import Services
from pbxd.http.server import HttpServer, Mount
from pbxd.http.token_cache import TokenCache
from pbxd.lookup.index import Directory
from pbxd.numbers import rules_from
from pbxd.services.access.audit import Refusals
from pbxd.services.access.passwords import Passwords
from pbxd.services.access.sessions import UserSessions
from pbxd.services.calls.call_watch import CallWatch
from pbxd.services.calls.caller_naming import CallerNaming
from pbxd.services.calls.recordings import Recordings
from pbxd.services.checkups import Checkups
from pbxd.services.click_to_call import ClickToCall, find_target
from pbxd.services.events.live_events import LiveEvents
from pbxd.services.events.live_feed import LiveFeed
from pbxd.services.files.uploads import Uploads
from pbxd.services.files.worker import Job
from pbxd.services.files.worker_child import JOBS
from pbxd.services.health import Health
from pbxd.services.metrics import Metrics
from pbxd.services.queues import VipQueues
from pbxd.services.webhooks.backlog import backlog_readings
from pbxd.services.workspace import Workspace
from pbxd.settings import HttpSettings, Settings
from pbxd.storage.access.tokens import Tokens
from pbxd.storage.book.contacts import Contacts
from pbxd.storage.calls.idempotency import CallRequests
from pbxd.storage.engine import schema
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed
from tests.asterisk.amiserver import SECRET, AmiServer, Session
from tests.http.contract import checked_session

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # what tests hash is no secret


@dataclass
class House:
    """Everything behind one server, and clients of it."""

    settings: Settings
    database: Database
    directory: Directory
    click_to_call: ClickToCall
    pbx: AmiServer
    asterisk: AsteriskPbx
    ami: AmiClient
    server: HttpServer
    services: Services
    faults: Faults
    local: aiohttp.ClientSession  # over the unix socket
    public: aiohttp.ClientSession  # over TCP, without a token
    phones: dict[str, str]  # who rings or talks, for live events
    live_feed: LiveFeed
    presences: list[Presence]  # what happens in the calls under way

    @property
    def contacts(self) -> Contacts:
        return Contacts(self.database)

    async def agent_leg(self) -> str:
        """The channel id of the latest call that was originated."""
        return [one["ChannelId"] for session in self.pbx.sessions for one in session.actions if "ChannelId" in one][-1]


async def until(true: Callable[[], bool], *, seconds: float = 60.0) -> None:
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, "not in time"
        await asyncio.sleep(0.01)


@pytest.fixture(scope="session")
async def empty_book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("template") / "book.db"
    await schema.upgrade(f"sqlite+aiosqlite:///{file}")
    return file


@asynccontextmanager
async def house(
    folder: Path,
    book: Path,
    *,
    linked: bool = True,
    url: str = "sqlite+aiosqlite:///book.db",
    mount: Mount = api.mount,
) -> AsyncIterator[House]:
    shutil.copy(book, folder / "book.db")
    async with AmiServer().listening() as pbx, asyncio.TaskGroup() as group:
        settings = _settings(folder, url, pbx.port)
        database = await Database.open(settings.database_url, create=False)
        parts = await _parts(settings, database, pbx)
        server = HttpServer(settings, parts["services"], mount)
        await server.start()
        tasks = [parts["live_feed"].run(), server.serve(), _following(parts["directory"])]
        roots = [group.create_task(task) for task in tasks]
        if linked:
            roots.append(group.create_task(parts["ami"].run()))
            await until(lambda: parts["ami"].connected)
        socket = aiohttp.UnixConnector(str(settings.socket_path))
        async with (
            database,
            checked_session("http://pbxd", connector=socket) as local,
            checked_session(f"http://127.0.0.1:{server.port}") as public,
        ):
            yield House(**parts, server=server, local=local, public=public)
            for root in roots:
                root.cancel()
            await asyncio.wait(roots)


def _settings(folder: Path, url: str, port: int) -> Settings:
    uploads = {} if url.startswith("sqlite") else {"upload_folder": "uploads"}  # not in the working folder
    values = {
        "asterisk": {"port": port, "username": "pbxd", "secret": SECRET},
        "http": {"listen": "127.0.0.1:0", **uploads},
        "database": {"url": url},
        "service": {"language": "en"},
    }
    return Settings.model_validate(values).model_copy(update={"folder": folder})


async def _parts(settings: Settings, database: Database, pbx: AmiServer) -> dict[str, Any]:
    """Build all parts of a house but its server and that one's clients, by their names."""
    pbx.on["Getvar"] = lambda session, action: session.respond(action, "Value: NOT_INUSE")
    pbx.on["Originate"] = lambda session, action: session.respond(action, "Message: Originate successfully queued")
    pbx.on["Hangup"] = lambda session, action: session.respond(action, "Message: Channel Hungup")
    pbx.on["QueueStatus"] = queue_status
    faults, phones, presences = Faults(), dict[str, str](), list[Presence]()
    asterisk = AsteriskPbx(settings, SECRET, faults)
    directory = Directory(database, rules_from(settings))
    await directory.load()
    call_watch = CallWatch(presences.copy)
    extensions = lambda: (each.extension for each in directory.colleagues())  # noqa: E731
    live_feed = LiveFeed(database, phones.copy, extensions, call_watch.look)
    click_to_call = click_to_call_of(asterisk, settings, database, directory)
    told: dict[str, Any] = {
        "settings": settings,
        "database": database,
        "directory": directory,
        "click_to_call": click_to_call,
    }
    told |= {"asterisk": asterisk, "live_feed": live_feed, "faults": faults}
    services = _services(**told, call_watch=call_watch)
    own = {"pbx": pbx, "ami": asterisk.ami, "services": services, "phones": phones, "presences": presences}
    return told | own


def _services(
    *,
    settings: Settings,
    database: Database,
    directory: Directory,
    click_to_call: ClickToCall,
    asterisk: AsteriskPbx,
    live_feed: LiveFeed,
    faults: Faults,
    call_watch: CallWatch,
) -> Services:
    queues = VipQueues(asterisk, partial(directory.lookup, actor=DAEMON), settings.queues)
    health = Health(database, directory, lambda: asterisk.ami.connected, lambda: faults.counts)
    naming, workspace = CallerNaming(directory.lookup), Workspace(database, rules_from(settings))
    counting = (refusals := Refusals(database), asterisk, naming, queues, click_to_call)
    readings = [part.readings for part in counting]
    return Services(
        workspace=workspace,
        tokens=TokenCache(Tokens(database)),
        employee=directory.employee,
        caller_naming=naming,
        click_to_call=click_to_call,
        queues=queues,
        events=LiveEvents(workspace, live_feed),
        call_watch=call_watch,
        health=health,
        sessions=UserSessions(database, lambda: settings.users, Passwords(QUICK)),
        uploads=Uploads(workspace, settings.upload_folder, 1, patience=25, run=in_process),
        checkups=Checkups(lambda: settings),
        metrics=Metrics(health, Feed(database).last, readings, partial(backlog_readings, database)),
        refusals=refusals,
        recordings=Recordings(workspace, lambda: settings.recordings, settings.folder),
    )


@asynccontextmanager
async def serving(
    pbxd: House, mount: Mount = api.mount, *, beside: bool = False, **http: object
) -> AsyncIterator[HttpServer]:
    """A server in the place of the house's own or beside it, of something else or with other limits, on a free port."""
    if not beside:
        await pbxd.server.stop()
    changed = HttpSettings.model_validate({"listen": "127.0.0.1:0", **http})
    server = HttpServer(pbxd.settings.model_copy(update={"http": changed}), pbxd.services, mount)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def click_to_call_of(pbx: AsteriskPbx, settings: Settings, database: Database, directory: Directory) -> ClickToCall:
    targets = partial(find_target, Workspace(database, rules_from(settings)), directory)
    return ClickToCall(pbx, settings, targets, CallRequests(database))


async def in_process(workspace: Workspace, job: Job, actor: Actor, asked: object, progress: Callable[..., None]) -> Any:  # noqa: ANN401 - what the job's function returns
    """Do a job here: a child process takes a second to begin. `tests/services/test_worker.py` has the child."""
    return await JOBS[job](workspace, actor, asked, progress=progress)


async def _following(directory: Directory) -> None:
    """Follow the book; a test may take its file away, which ends the daemon and shall not end the test."""
    with suppress(ReplacedError):
        await directory.follow()


def queue_status(session: Session, action: Packet) -> None:
    session.respond(action, "EventList: start", "Message: Queue status will follow")
    number = "ActionID: " + action["ActionID"]
    entry = ("Channel: PJSIP/trunk-1", "Uniqueid: 1.1", "CallerIDNum: 84951234567", "Priority: 10", "Wait: 61")
    session.send(
        ("\r\n".join(["Event: QueueEntry", number, "Queue: sales", "Position: 1", *entry]) + "\r\n\r\n").encode()
    )
    done = ["Event: QueueStatusComplete", number, "EventList: Complete", "ListItems: 1"]
    session.send(("\r\n".join(done) + "\r\n\r\n").encode())


@pytest.fixture
async def pbxd(tmp_path: Path, empty_book: Path, house_url: str) -> AsyncIterator[House]:
    async with house(tmp_path, empty_book, url=house_url) as built:
        yield built


@pytest.fixture
async def unlinked(tmp_path: Path, empty_book: Path, house_url: str) -> AsyncIterator[House]:
    async with house(tmp_path, empty_book, linked=False, url=house_url) as built:
        yield built
