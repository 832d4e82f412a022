"""The composition root: builds the parts of the daemon and runs them as a few named tasks; when one ends, all end."""

from __future__ import annotations

import asyncio
import resource
import signal
import sys
from collections.abc import Coroutine, Sequence
from functools import partial

import structlog
from aiohttp.web import Application

from pbxd import api, logs, web
from pbxd.actor import DAEMON
from pbxd.asterisk.agi.lookups import LookUps
from pbxd.asterisk.agi.probe import keep_fed
from pbxd.asterisk.agi.server import FastAgiServer
from pbxd.asterisk.pbx import AsteriskPbx
from pbxd.faults import Faults
from pbxd.history.backfill import Backfill
from pbxd.history.event_reader import EventReader
from pbxd.history.following import Following
from pbxd.history.opening import Opening
from pbxd.history.recorder import Recorder
from pbxd.history.resync import Resync
from pbxd.http.context import Services
from pbxd.http.server import HttpServer
from pbxd.http.token_cache import TokenCache
from pbxd.lookup.index import Directory
from pbxd.notify import sd_notify, starting, watchdog_seconds
from pbxd.numbers import rules_from
from pbxd.reloading import Reloading
from pbxd.roles import Sights
from pbxd.services.access.audit import Refusals
from pbxd.services.access.sessions import UserSessions
from pbxd.services.calls.call_watch import CallWatch
from pbxd.services.calls.caller_naming import CallerNaming
from pbxd.services.calls.recordings import Recordings
from pbxd.services.checkups import Checkups
from pbxd.services.click_to_call import ClickToCall, find_target
from pbxd.services.events.live_events import LiveEvents
from pbxd.services.events.live_feed import LiveFeed
from pbxd.services.files.uploads import Uploads
from pbxd.services.health import Health
from pbxd.services.metrics import Metrics
from pbxd.services.queues import VipQueues
from pbxd.services.retention import keep_clearing
from pbxd.services.staff_sync import StaffSync
from pbxd.services.webhooks.addresses import Network
from pbxd.services.webhooks.backlog import backlog_readings
from pbxd.services.webhooks.dispatching import Dispatcher
from pbxd.services.webhooks.sender import Sender
from pbxd.services.workspace import Workspace
from pbxd.settings import Settings, asterisk_secret
from pbxd.storage.access.tokens import Tokens
from pbxd.storage.book.employees import Employees
from pbxd.storage.calls.calls import Calls
from pbxd.storage.calls.idempotency import CallRequests
from pbxd.storage.engine.database import Database
from pbxd.storage.engine.feed import Feed
from pbxd.storage.imports.imports import Imports

_log = structlog.get_logger(__name__)

# How long one thread may hold the GIL while others wait (Python's default: 5 ms). Short, so that a look-up does not
# wait for a thread that fetches a page's rows.
_THREAD_TURN_SECONDS = 0.0005
_OTHER_FILES = 512  # that are open beside connections: the database, logs, webhooks, children


async def run(settings: Settings) -> None:
    """Run the daemon until SIGTERM or SIGINT.

    Raises ConfigurationError and SchemaError for what an administrator must mend, UnavailableError when an address
    can't be had, ReplacedError when the database's file isn't the one any more that was opened. A PBX that is away is
    no error: look-ups are served all the same. Nor is a database: look-ups say `error` until it is there, and events
    wait.
    """
    secret = asterisk_secret(settings)
    sys.setswitchinterval(_THREAD_TURN_SECONDS)
    _allow_files(settings.agi.max_connections + 3 * settings.http.max_connections + _OTHER_FILES)
    async with Database(settings.database_url) as database:
        await Daemon(settings, secret, database).run()


def _allow_files(wanted: int) -> None:
    """Raise the limit of open files, as far as it may be: systemd's 1,024 are fewer than all connections together."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _mount(app: Application) -> None:
    """Serve the API and the pages."""
    api.mount(app)
    web.mount(app)


class _Stopped(Exception):  # noqa: N818 - no error: the way out of the task group
    pass


class Daemon:
    """All parts, wired."""

    def __init__(self, settings: Settings, secret: str, database: Database) -> None:  # noqa: PLR0915 - one part a line
        self._database = database
        self._reloading = Reloading(settings)
        faults, rules = Faults(), rules_from(settings)
        self._pbx = pbx = AsteriskPbx(settings, secret, faults)
        self._following = following = Following(settings, pbx.ids, pbx.event_times, faults)
        self._directory = Directory(database, rules, on_change=self._book_changed)
        max_waiting = settings.database.most_waiting_calls
        self._recorder = Recorder(self._following, Calls(database), self._directory, max_waiting=max_waiting)
        self._backfill = Backfill(settings, database)
        naming = CallerNaming(self._directory.lookup)
        lookup = partial(self._directory.lookup, actor=DAEMON)
        self._queues = VipQueues(pbx, lookup, settings.queues, following.tracker.number_of, following.note_moved)
        self._queues.call_of = following.tracker.call_of
        workspace = Workspace(database, rules)
        targets = partial(find_target, workspace, self._directory)
        self._click_to_call = ClickToCall(pbx, settings, targets, CallRequests(database))
        self._staff_sync = StaffSync(pbx, Employees(database))
        self._resync = Resync(pbx, on_done=self._synced)
        pbx.on_gap, pbx.on_reload = self._resync.request, self._staff_sync.request
        self._events = EventReader(pbx, self._following, (self._queues.feed, self._click_to_call.feed), faults)
        self._opening = Opening(settings, database, self._directory, self._following)
        answers = LookUps(naming.name, pbx.endpoints, lambda: self._settings.queues.vip_priority, pbx.guard.key)
        self._fastagi = FastAgiServer(settings.agi, answers.answer)
        self._token_cache = TokenCache(Tokens(database))
        call_watch = CallWatch(following.tracker.presences, following.now)
        self._live_feed = LiveFeed(database, following.tracker.phones, self._extensions, call_watch.look)
        following.on_event.append(self._live_feed.touch)
        self._webhooks = Dispatcher(database, Sender(self._allowed_networks))
        self._sessions = UserSessions(database, lambda: self._settings.users)
        health = Health(database, self._directory, lambda: pbx.connected, lambda: self._recorder.faults)
        self._refusals = Refusals(database)
        parts = (pbx, self._fastagi, naming, self._recorder, self._queues, self._click_to_call, self._refusals)
        self._uploads = Uploads(workspace, settings.upload_folder, settings.http.upload_limit_mb)
        people = (self._sessions, self._live_feed, self._webhooks)
        readings = [part.readings for part in (*parts, *people)]
        self._metrics = Metrics(health, Feed(database).last, readings, partial(backlog_readings, database))
        services = Services(
            workspace=workspace,
            tokens=self._token_cache,
            employee=self._directory.employee,
            caller_naming=naming,
            click_to_call=self._click_to_call,
            queues=self._queues,
            events=LiveEvents(workspace, self._live_feed),
            call_watch=call_watch,
            health=health,
            metrics=self._metrics,
            refusals=self._refusals,
            sessions=self._sessions,
            uploads=self._uploads,
            checkups=Checkups(lambda: self._settings),
            recordings=Recordings(workspace, lambda: self._settings.recordings, settings.folder),
            calls_now=following.tracker.calls_now,
            sights=self._sights,
            allowed_networks=self._allowed_networks,
            language=lambda: self._settings.service.language,
        )
        self._http = HttpServer(settings, services, _mount)

    @property
    def _settings(self) -> Settings:
        """The settings in force."""
        return self._reloading.settings

    def _allowed_networks(self) -> Sequence[Network]:
        return self._settings.webhooks.networks

    def _sights(self) -> Sights:
        return self._settings.users.sights

    def _extensions(self) -> list[str]:
        return [each.extension for each in self._directory.colleagues()]

    async def run(self) -> None:
        """Serve until told to stop; raises what ended a root task."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reloading.request)
        async with starting():  # an upgrade of a big database takes minutes
            opened = await self._opening.open()
        sd_notify("STATUS=")
        if not opened:
            self._following.hold_events()
        await self._http.start()
        try:
            async with asyncio.TaskGroup() as group:
                for name, root in self._roots().items():
                    group.create_task(root, name=name)
                await self._fastagi.ready.wait()
                _log.info("ready", agi=self._settings.agi.listen, http=self._settings.http.listen)
                sd_notify("READY=1")
        except* _Stopped:
            _log.info("stopped")
        finally:
            await self._events.drain()
            await self._recorder.finish()
            await self._refusals.finish()

    def _roots(self) -> dict[str, Coroutine[object, object, None]]:
        once_open, retention = self._opening.then, lambda: self._settings.retention
        roots = {
            "fastagi": self._fastagi.serve(),
            "http": self._http.serve(),
            "pbx": self._pbx.link(),
            "guard": self._pbx.guard.run(),
            "events": self._events.run(),
            "resync": self._resync.run(),
            "staff": self._staff_sync.run(),
            "storage": self._opening.retry(self._reached),
            "record": once_open(self._recorder.run),
            "directory": once_open(self._directory.follow),
            "events-live": once_open(self._live_feed.run),
            "webhooks": once_open(self._webhooks.run),
            "tokens": once_open(self._token_cache.follow),
            "sessions": once_open(self._sessions.follow),
            "imports": once_open(Imports(self._database).keep_clean),
            "uploads": once_open(self._uploads.keep_clean),
            "retention": once_open(partial(keep_clearing, self._database, retention)),
            "queues": self._queues.run(),
            "backfill": once_open(self._backfill.run),
            "calls": self._click_to_call.run(),
            "audit": once_open(self._refusals.run),
            "metrics": self._metrics.watch_loop(),
            "reload": self._reloading.run(self._apply),
            "stop": self._stop_when_told(),
        }
        if seconds := watchdog_seconds():
            roots["watchdog"] = keep_fed(self._fastagi, seconds, lambda: sd_notify("WATCHDOG=1"))
        return roots

    def _book_changed(self) -> None:
        self._queues.refresh()

    def _reached(self) -> None:
        """Catch up after a start without the database."""
        self._queues.refresh()
        self._resync.request()

    def _synced(self) -> None:
        """Use a fresh link."""
        self._queues.refresh()
        self._staff_sync.request()

    def _apply(self, settings: Settings) -> None:
        """Go by other settings. Raises ConfigurationError, and changes nothing then."""
        dial_by_them = self._click_to_call.prepared(settings)  # may raise, as the next one
        self._http.reload_certificate()
        dial_by_them()
        self._queues.reconfigure(settings.queues)
        self._staff_sync.request()
        logs.configure(settings.logs)

    async def _stop_when_told(self) -> None:
        """End all root tasks at SIGTERM or SIGINT, after the last events have come."""
        asked = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, asked.set)
        await asked.wait()
        sd_notify("STOPPING=1")  # before anything ends: from here on the watchdog doesn't count
        await self._pbx.settle()
        raise _Stopped
